//! What a feed says of registries below the one that is watched.

use charter_federation::{
    LocalAuthority as _,
    protocol::native::watch::{Heard, MAX_TAGS},
};

use super::{Item, SOONER, Watcher};
use crate::Error;

impl Watcher {
    /// Where something has happened below since the last sign of life, the next one comes sooner.
    pub(super) fn hurry(&mut self) {
        let version = if self.feed { self.app.hosted.rosters.version(self.registry) } else { 0 };
        if version != self.version {
            self.due = self.due.min(self.beaten + SOONER);
        }
    }

    /// Sends the tags of entities that have appeared below since: how far the registries below are, and whether all of
    /// their entities were sent by then. `None` when nobody listens.
    pub(super) async fn further(&mut self) -> Result<Option<(Vec<Heard>, bool)>, Error> {
        let rosters = &self.app.hosted.rosters;
        let version = rosters.version(self.registry);
        let Some(summary) = rosters.summary(self.registry).filter(|_| self.feed) else {
            return Ok(Some((Vec::new(), false)));
        };
        self.version = version;
        // What cannot be read now leaves it open who is below.
        let complete = match self.app.hosted.view(self.registry).await {
            Ok(view) => summary.is_complete(&view.delegations, self.app.clock.now()),
            Err(_) => false,
        };
        while self.appeared < summary.appeared {
            let most = MAX_TAGS.min(summary.appeared - self.appeared);
            let tags = self.app.hosted.rosters.appeared(self.registry, self.appeared, most);
            self.appeared += most;
            if !self.send(Item::Below(tags)).await? {
                return Ok(None);
            }
        }
        Ok(Some((summary.heard, complete)))
    }
}
