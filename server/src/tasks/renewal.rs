//! Renewal: documents are signed again from half of their life on, oldest first, within a budget.

use std::{sync::Arc, time::Duration};

use charter_domain::Timestamp;
use tokio::time::MissedTickBehavior;

use super::left;
use crate::{
    App,
    app::renewal::{self, Renewed},
    config::Documents,
    hosted::Tenant,
};

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(Duration::from_secs(app.config.documents.renew_every_secs));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        once(&app).await;
    }
}

/// One round over every registry; one that fails does not hold up the others.
pub async fn once(app: &App) -> Renewed {
    let (mut earliest, mut all) = (None, Renewed::default());
    for tenant in app.hosted.tenants() {
        let done = registry(app, tenant).await;
        all.renewed += done.renewed;
        all.refused += done.refused;
        if let Ok(Some(exp)) = app.store.earliest_expiry(tenant.registry.id).await {
            earliest = Some(earliest.map_or(exp, |e: Timestamp| e.min(exp)));
        }
    }
    metrics::gauge!("charter_documents_renewal_refused")
        .set(f64::from(u32::try_from(all.refused).unwrap_or(u32::MAX)));
    if let Some(exp) = earliest {
        alarm(app, exp);
    }
    all
}

/// Everything of one registry that is due, page by page.
async fn registry(app: &App, tenant: &Tenant) -> Renewed {
    if app.hosted.holds.get(tenant.registry.id).is_some() {
        // What is recorded here is not what holds.
        return Renewed::default();
    }
    let documents = &app.config.documents;
    let (mut all, mut after) = (Renewed::default(), None);
    if let Err(error) = renewal::keys(&app.store, tenant, documents.lifetime_secs).await {
        left(&tenant.registry.authority, "the keys could not be taken up", &error);
    }
    loop {
        match renewal::page(&app.store, tenant, documents.lifetime_secs, documents.renew_batch, after).await {
            Ok((done, next)) => {
                all.renewed += done.renewed;
                all.refused += done.refused;
                after = next;
            }
            Err(error) => {
                left(&tenant.registry.authority, "renewal failed", &error);
                return all;
            }
        }
        if after.is_none() {
            return all;
        }
        tokio::task::yield_now().await;
    }
}

fn alarm(app: &App, earliest: Timestamp) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
    metrics::gauge!("charter_documents_earliest_expiry_timestamp_seconds").set(earliest.secs() as f64);
    let late = is_late(&app.config.documents, earliest, app.clock.now());
    metrics::gauge!("charter_documents_renewal_late").set(if late { 1.0 } else { 0.0 });
}

/// Something should have been renewed and was not: true two rounds after half of its life, so nearly half a lifetime
/// before it expires.
pub fn is_late(documents: &Documents, earliest: Timestamp, now: Timestamp) -> bool {
    let half = Duration::from_secs(documents.lifetime_secs / 2);
    let grace = Duration::from_secs(documents.renew_every_secs * 2);
    earliest.plus(grace) < now.plus(half)
}
