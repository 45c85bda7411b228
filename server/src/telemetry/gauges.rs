//! What is looked at when somebody asks for the metrics: states, not events.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use charter_domain::{Timestamp, key::Key};
use tokio::time::timeout;

use crate::{App, tasks::feed};

/// What does not answer within this is left as it was last.
const PATIENCE: Duration = Duration::from_millis(500);
/// Registries whose keys and desks are looked at.
const MOST: usize = 16;
/// Subordinates of which each has a series.
const MOST_PEERS: usize = 64;

static SINCE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// From here on it counts for how long nothing was heard.
pub fn begin() {
    LazyLock::force(&SINCE);
}

pub async fn look(app: &App) {
    metrics::gauge!("charter_epoch_lease_held").set(flag(app.register.usable()));
    metrics::gauge!("charter_clock_astray").set(flag(app.store.is_astray()));
    metrics::gauge!("charter_witness_quarantined").set(count(app.hosted.quarantine.origins().len()));
    metrics::gauge!("charter_registries_held").set(count(app.hosted.holds.all().len()));
    disk(app);
    checkpoints(app);
    let all = async { tokio::join!(redis(app), archive(app), keys(app), feeds(app), desks(app)) };
    let _ = timeout(PATIENCE, all).await;
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a disk, to three digits")]
fn disk(app: &App) {
    let Ok(found) = rustix::fs::statvfs(&app.config.log_store.dir) else { return };
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize) as f64;
    metrics::gauge!("charter_log_store_available_bytes").set(bytes(found.f_bavail));
    metrics::gauge!("charter_log_store_size_bytes").set(bytes(found.f_blocks));
}

/// When what everybody may see of each log was signed.
fn checkpoints(app: &App) {
    for tenant in app.hosted.tenants().take(MOST) {
        if let Some(published) = app.logs.published(tenant.registry.id) {
            metrics::gauge!("charter_audit_checkpoint_timestamp_seconds", "registry" => tenant.registry.slug.clone())
                .set(seconds(published.at));
        }
    }
}

async fn redis(app: &App) {
    if let Some(up) = app.answers.redis_answers().await {
        metrics::gauge!("charter_redis_up").set(flag(up));
    }
}

async fn archive(app: &App) {
    if let Ok(Some(late)) = app.store.archive_late().await {
        metrics::gauge!("charter_database_archive_late_seconds").set(late.as_secs_f64());
    }
}

/// Of a key without an end there is no series.
async fn keys(app: &App) {
    let now = app.clock.now();
    for tenant in app.hosted.tenants().take(MOST) {
        let Ok(keys) = app.store.keys(tenant.registry.id, None).await else { continue };
        let slug = &tenant.registry.slug;
        let revoked = keys.iter().filter(|key: &&Key| key.revoked.is_some()).count();
        metrics::gauge!("charter_keys_revoked", "registry" => slug.clone()).set(count(revoked));
        for (key, until) in
            keys.iter().filter(|key| key.is_usable(now)).filter_map(|key| Some((key, key.until?)))
        {
            let (registry, kid) = (slug.clone(), key.kid.clone());
            metrics::gauge!("charter_key_not_after_timestamp_seconds", "registry" => registry, "kid" => kid)
                .set(seconds(until));
        }
    }
}

/// What waits for people, and for receivers of webhooks.
#[expect(clippy::cast_precision_loss, reason = "numbers of things that people made")]
async fn desks(app: &App) {
    for tenant in app.hosted.tenants().take(MOST) {
        let Ok(desk) = app.store.desk(tenant.registry.id).await else { continue };
        let set = |name: &'static str, value: f64| {
            metrics::gauge!(name, "registry" => tenant.registry.slug.clone()).set(value);
        };
        set("charter_approvals_waiting", desk.proposals as f64);
        set("charter_approvals_oldest_age_seconds", desk.oldest_proposal);
        set("charter_applications_waiting", desk.applications as f64);
        set("charter_applications_oldest_age_seconds", desk.oldest_application);
        set("charter_outbox_pending", desk.undelivered as f64);
        set("charter_audit_events", desk.events as f64);
    }
}

/// Of a subordinate that was never heard of: since this process began. Each is named by its host alone.
async fn feeds(app: &App) {
    let (unheard, now) = (SINCE.elapsed(), app.clock.now());
    let age = |path: &[String]| app.dependencies.find(path).and_then(|dep| dep.age());
    let followed = feed::followed(app).await;
    if let Some(longest) = followed.iter().map(|(path, _)| age(path).unwrap_or(unheard)).max() {
        metrics::gauge!("charter_peer_feed_lag_seconds").set(longest.as_secs_f64());
    }
    for (path, endpoint) in followed.iter().take(MOST_PEERS) {
        if let (Some(age), Some(peer)) = (age(path), host(endpoint)) {
            metrics::gauge!("charter_peer_sync_last_success_timestamp_seconds", "peer" => peer)
                .set(seconds(now.minus(age)));
        }
    }
}

/// Host and port of an endpoint: one of this site's own peers, which its operators know by it.
fn host(endpoint: &str) -> Option<String> {
    let authority = endpoint.parse::<http::Uri>().ok()?.into_parts().authority?;
    Some(authority.as_str().to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
fn seconds(at: Timestamp) -> f64 {
    at.secs() as f64
}
