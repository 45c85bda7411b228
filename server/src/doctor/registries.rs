//! What the registries need to be served and believed: the time, and their keys.

use std::{collections::HashMap, time::Duration};

use charter_domain::{AuthorityId, key::KeyState, time::Clock as _};
use charter_store::{Error, Store};

use super::Finding;
use crate::{Config, clock::WallClock};

/// Two clocks that are further apart are told of, long before a server stops for it.
const APART: Duration = Duration::from_secs(2);

pub(super) fn words(error: &Error) -> String {
    error.source_text().map_or_else(|| error.to_string(), str::to_owned)
}

/// How far this machine's clock is from the database's.
pub async fn clock(store: &Store) -> Finding {
    let apart = async {
        let mut reader = store.epoch_reader().await?;
        reader.epochs(&HashMap::new()).await?;
        Ok::<_, Error>(reader.astray(WallClock.now()))
    };
    match apart.await {
        Ok(apart) => {
            let text =
                || format!("this machine's is {} ms from the database's: set it right", apart.as_millis());
            let fault = apart > charter_store::epoch::ASTRAY;
            Finding::new("clock", fault.then(text), (apart > APART).then(text))
        }
        Err(error) => Finding::new("clock", None, Some(format!("not known: {}", words(&error)))),
    }
}

/// That each registry that was opened has a key to sign with, and which were revoked.
pub async fn keys(store: &Store, config: &Config) -> Vec<Finding> {
    let registries = match store.registries().await {
        Ok(registries) => registries,
        Err(error) => return vec![Finding::new("keys", Some(words(&error)), None)],
    };
    let mut findings = Vec::new();
    let served = |authority: &AuthorityId| {
        config.registries.iter().any(|registry| registry.authority_id == *authority)
    };
    for registry in registries.iter().filter(|registry| served(&registry.authority)) {
        let keys = match store.keys(registry.id, None).await {
            Ok(keys) => keys,
            Err(error) => {
                findings.push(Finding::new("keys", Some(words(&error)), None));
                continue;
            }
        };
        let now = WallClock.now();
        let count = |state: KeyState| keys.iter().filter(|key| key.state(now) == state).count();
        let (active, revoked) = (count(KeyState::Active), count(KeyState::Revoked));
        let of = &registry.authority;
        let none = (active == 0).then(|| format!("{of} has no key to sign with"));
        let some =
            (revoked > 0).then(|| format!("{revoked} of {of} were revoked: docs/runbooks/key-compromise.md"));
        findings.push(Finding::new("keys", none, some));
    }
    findings
}
