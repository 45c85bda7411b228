//! The trial of an endpoint after its rest: in the background, one at a time, for as long as a question would get.

use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::{Breakers, HOP};
use crate::protocol::{Failure, PeerEndpoint};

/// A trial, until it ends or its task does: whoever has not answered by then has failed.
struct Trial {
    breakers: Arc<Breakers>,
    endpoint: PeerEndpoint,
    started: Instant,
    /// Why it fails; none once it was answered.
    failed: Option<String>,
}

impl Trial {
    /// A refusal is an answer; under another's keys it is nobody's.
    async fn run(mut self, call: impl Future<Output = Result<(), Failure>>) {
        let went = timeout(HOP, call).await.unwrap_or(Err(Failure::Late));
        let failed =
            |why: &Failure| matches!(why, Failure::Late | Failure::Unreachable(_) | Failure::Untrusted(_));
        self.failed = went.err().filter(failed).map(|why| why.to_string());
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let now = Instant::now();
        match self.failed.take() {
            Some(why) => self.breakers.failed(&self.endpoint, (self.started, now), why),
            None => self.breakers.answered(&self.endpoint, now),
        }
    }
}

impl Breakers {
    /// Runs a trial; nobody waits for it.
    pub(super) fn tries<P>(self: &Arc<Self>, endpoint: &PeerEndpoint, call: P)
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let trial = Trial {
            breakers: Arc::clone(self),
            endpoint: endpoint.clone(),
            started: Instant::now(),
            failed: Some(Failure::Late.to_string()),
        };
        drop(tokio::spawn(trial.run(call)));
    }
}
