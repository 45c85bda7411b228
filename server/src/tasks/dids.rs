//! DIDs of entities are looked at for change, a few at a time.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};

use crate::{App, app::did};

/// Between rounds; who is due in a round is in the database, so processes of a site share the work.
const EVERY: Duration = Duration::from_secs(60);

pub async fn run(app: Arc<App>) {
    if app.config.dids.watch_every_secs == 0 {
        return;
    }
    let mut tick = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        once(&app).await;
    }
}

/// One round over every registry; one that fails does not hold up the others.
pub async fn once(app: &App) {
    for tenant in app.hosted.tenants().filter(|t| !app.hosted.holds.has_moved(t.registry.id)) {
        let authority = &tenant.registry.authority;
        match did::look(app, tenant).await {
            Ok(0) => {}
            Ok(changed) => {
                metrics::counter!("charter_did_changes_total").increment(u64::from(changed));
                tracing::warn!(registry = %authority, changed, "DID documents of entities have changed");
            }
            Err(error) => {
                tracing::warn!(registry = %authority, code = error.code.as_str(), "DIDs are not watched");
            }
        }
    }
}
