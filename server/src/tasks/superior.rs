//! The way up: the superior's statement about each registry here, and what stands above it, fetched again and again,
//! so that a chain asked of a sector registry ends at the anchor too. Verifiers check it; this task only carries it.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};

use crate::App;
pub use crate::app::superior::fetch;

/// A superior that has not been heard is asked often; one that has, as often as its statement may change unseen.
const UNTIL_HEARD: Duration = Duration::from_secs(1);
const THEN: Duration = Duration::from_secs(30);
/// Asked at the same time: a superior that is silent delays those of other registries here by little.
const AT_ONCE: usize = 8;

pub async fn run(app: Arc<App>) {
    loop {
        let asking: Vec<_> = app.hosted.tenants().map(|tenant| fetch(&app, tenant)).collect();
        let heard: Vec<bool> = stream::iter(asking).buffer_unordered(AT_ONCE).collect().await;
        let all = heard.into_iter().all(|one| one);
        let pause = if all { THEN } else { UNTIL_HEARD };
        // Over earlier where one was joined or left.
        let _ = tokio::time::timeout(pause, app.risen.notified()).await;
    }
}
