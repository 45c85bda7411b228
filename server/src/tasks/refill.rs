//! Registries that are held are looked at again: their events may have been put back, or a mirror may be there now.

use std::{sync::Arc, time::Duration};

use crate::{App, mirror::refill};

const EVERY: Duration = Duration::from_secs(2);

pub async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        once(&app).await;
    }
}

/// One round over every registry that is held.
pub async fn once(app: &App) {
    for (registry, before) in app.hosted.holds.all() {
        let Some(tenant) = app.hosted.tenant(registry) else { continue };
        let Err(why) = refill::ensure(app, tenant, before.least).await else { continue };
        if *before.why != *why {
            tracing::error!(%registry, %why, "the registry is held");
        }
    }
}
