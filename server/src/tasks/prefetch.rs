//! Kept answers of other registries that are in use are looked up again before their time is over: nobody waits for it.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};

use crate::{App, app::query};

const EVERY: Duration = Duration::from_millis(250);
/// Looked up at once: most fillers are left to those who wait.
const AT_ONCE: usize = 8;

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let due = stream::iter(app.answers.due());
        due.for_each_concurrent(AT_ONCE, |kept| {
            let app = Arc::clone(&app);
            async move { query::refresh(&app, &kept).await }
        })
        .await;
    }
}
