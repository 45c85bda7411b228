//! Whether the transparency logs publish: a checkpoint that is published is known to the witnesses and mirrors that the
//! log's quorum asks for, so a new leader cannot fork it.

use std::{sync::Arc, time::Duration};

use charter_domain::{AuthorityId, Timestamp, time::Clock as _};
use charter_store::Store;

use crate::{Config, clock::WallClock, context};

/// Beyond the time after which a checkpoint is signed again, for witnesses and mirrors to answer.
const GRACE: Duration = Duration::from_secs(15);

/// The logs of the configured registries, in the database that takes writes.
pub struct Logs {
    store: Store,
    authorities: Vec<AuthorityId>,
    every: Duration,
}

impl Logs {
    pub fn new(config: &Config) -> Result<Self, charter_store::Error> {
        Ok(Self {
            store: Store::new(context::store_settings(config), Arc::new(WallClock))?,
            authorities: config.registries.iter().map(|own| own.authority_id.clone()).collect(),
            every: Duration::from_secs(config.log_store.checkpoint_every_secs),
        })
    }

    /// How long a log that publishes may be silent.
    pub fn silence(&self) -> Duration {
        self.every.saturating_mul(2).saturating_add(GRACE)
    }

    /// Logs that have published nothing lately, or nothing after an instant.
    pub async fn silent(&self, after: Option<Timestamp>) -> Result<Vec<String>, charter_store::Error> {
        let after = after.unwrap_or_else(|| WallClock.now().minus(self.silence()));
        let mut silent = Vec::new();
        for registry in self.store.registries().await? {
            if !self.authorities.contains(&registry.authority) {
                continue;
            }
            let head = self.store.log_head(registry.id).await?;
            match head.published {
                Some(published) if published.at >= after => {}
                Some(published) => silent.push(format!(
                    "the log of `{}` has published {} of {} leaves, last at {}",
                    registry.authority, published.size, head.size, published.at
                )),
                None => silent.push(format!("the log of `{}` has published nothing", registry.authority)),
            }
        }
        Ok(silent)
    }
}
