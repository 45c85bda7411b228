//! Requests older than a day are forgotten, with their answers.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};

use super::left;
use crate::App;

/// Nothing rests on its being exact: an old request is not answered, forgotten or not.
const EVERY: Duration = Duration::from_secs(600);

pub async fn run(app: Arc<App>) {
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
        if let Err(error) = app.store.forget_requests(tenant.registry.id).await {
            left(&tenant.registry.authority, "requests are not forgotten", &error);
        }
    }
}
