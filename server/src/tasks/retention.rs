//! Retention: what is due goes, registry by registry; what went is counted in the database.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};

use super::left;
use crate::{App, app::retention};

/// How long after the start the first round begins, at most.
const FIRST: Duration = Duration::from_secs(60);

pub async fn run(app: Arc<App>) {
    let every = Duration::from_secs(app.config.retention.every_secs);
    // Not at the start, when every registry has something to do.
    let mut tick = tokio::time::interval_at(Instant::now() + every.min(FIRST), every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        once(&app).await;
    }
}

/// One round; a registry that fails does not hold up the others.
pub async fn once(app: &App) {
    for tenant in app.hosted.tenants() {
        let (id, authority) = (tenant.registry.id, &tenant.registry.authority);
        if app.hosted.holds.has_moved(id) {
            continue;
        }
        if let Err(error) = app.store.forget_applications(id).await {
            left(authority, "applications that are over stay", &error);
        }
        match retention::run(&app.store, &app.config.retention, id, false).await {
            Ok(due) => {
                for gone in due.iter().filter(|d| d.count > 0) {
                    tracing::info!(registry = %authority, class = gone.class.code(), count = gone.count, "retention");
                }
            }
            Err(error) => {
                left(authority, "retention failed", &error);
            }
        }
    }
}
