//! Reconcilers: each compares what is with what should be, takes no arguments, may run twice.

pub mod below;
pub mod dids;
pub mod epoch;
pub mod feed;
pub mod outbox;
pub mod peer_epoch;
pub mod prefetch;
pub mod refill;
pub mod renewal;
pub mod requests;
pub mod retention;
pub mod sequencer;
pub mod superior;
pub mod trail;

use std::sync::Arc;

use charter_domain::AuthorityId;
use charter_store::Error;
use tokio::task::JoinSet;

use crate::{App, breakglass};

/// Starts every task; dropping the set ends them.
pub fn start(app: &Arc<App>) -> JoinSet<()> {
    let mut set = JoinSet::new();
    set.spawn(below::run(Arc::clone(app)));
    set.spawn(dids::run(Arc::clone(app)));
    set.spawn(epoch::run(Arc::clone(app)));
    set.spawn(feed::run(Arc::clone(app)));
    set.spawn(outbox::run(Arc::clone(app)));
    set.spawn(peer_epoch::run(Arc::clone(app)));
    set.spawn(prefetch::run(Arc::clone(app)));
    set.spawn(refill::run(Arc::clone(app)));
    set.spawn(renewal::run(Arc::clone(app)));
    set.spawn(requests::run(Arc::clone(app)));
    set.spawn(retention::run(Arc::clone(app)));
    set.spawn(sequencer::run(Arc::clone(app)));
    set.spawn(superior::run(Arc::clone(app)));
    set.spawn(trail::run(Arc::clone(app)));
    set.spawn(breakglass::tasks::look(Arc::clone(app)));
    set.spawn(breakglass::tasks::tell(Arc::clone(app)));
    set.spawn(breakglass::tasks::record(Arc::clone(app)));
    set.spawn(crate::peer_keys::run(Arc::clone(app)));
    set.spawn(crate::witness::quarantine::run(Arc::clone(app)));
    let limiter = Arc::clone(app);
    set.spawn(async move {
        let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
        loop {
            tick.tick().await;
            limiter.limiter.tidy();
            // Histograms gather raw samples until somebody drains them, scraped or not.
            if let Some(handle) = crate::telemetry::metrics() {
                handle.run_upkeep();
            }
        }
    });
    set
}

/// Logs that a task left something of a registry undone. While the database is away, or takes no changes, that is so for
/// every registry in every round: `/readyz` says why, and the next round does it.
fn left(registry: &AuthorityId, what: &str, error: &Error) {
    let why = error.source_text().unwrap_or("?");
    match error {
        Error::Unavailable(_) | Error::NotPrimary | Error::Unknown(_) => {
            tracing::debug!(%registry, error = why, "left for later: {what}");
        }
        _ => tracing::error!(%registry, error = why, "{what}"),
    }
}
