//! The DIDs of entities, looked at again and again: what was found, and whether it is something else than before.

use std::time::Duration;

use charter_credential::{Did, Fault, Options};
use charter_domain::{
    RegistryId, Timestamp, json,
    policy::{Action, allow},
    staff::Staff,
};
use charter_store::did_watch::{Seen, Watched};
use futures::StreamExt as _;
use sha2::{Digest, Sha256};

use super::hosted_prefix;
use crate::{App, Error, hosted::Tenant};

/// DIDs of one registry in one round.
const ROUND: i64 = 200;
/// Sites that are asked at once.
const HANDS: usize = 4;
/// Most that are shown.
const SHOWN: i64 = 1_000;

/// What was found of the DIDs of entities, the last changes first, at most 1,000.
pub async fn watched(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    only_changed: bool,
) -> Result<Vec<Watched>, Error> {
    allow(staff, Action::ReadAudit)?;
    Ok(app.store.dids_watched(registry, only_changed, SHOWN).await?)
}

/// Looks at those that are due; how many have changed.
pub async fn look(app: &App, tenant: &Tenant) -> Result<u32, Error> {
    let (registry, now) = (tenant.registry.id, app.clock.now());
    let since = now.minus(Duration::from_secs(app.config.dids.watch_every_secs));
    let due = app.store.dids_due(registry, hosted_prefix(tenant), since, ROUND).await?;
    let mut asked = Vec::with_capacity(due.len());
    for did in due {
        asked.push(look_at(app, registry, did, now));
    }
    let mut looked = futures::stream::iter(asked).buffer_unordered(HANDS);
    let mut changed = 0;
    while let Some(one) = looked.next().await {
        changed += u32::from(one?);
    }
    Ok(changed)
}

async fn look_at(app: &App, registry: RegistryId, did: String, now: Timestamp) -> Result<bool, Error> {
    let options = Options { no_cache: true, ..Options::default() };
    let found = match Did::parse(&did) {
        Ok(parsed) => app.dids.resolve(&parsed, options, now).await,
        Err(fault) => Err(fault),
    };
    let (outcome, finding) = match found {
        Ok(document) => {
            let bytes = json::canonical(&document.value)?;
            ("OK", Some(format!("{:x}", Sha256::digest(bytes))))
        }
        // Nobody answered, or nobody was asked: no news.
        Err(Fault::Unreachable) => ("UNREACHABLE", None),
        Err(fault @ Fault::MethodNotSupported) => (fault.code(), None),
        Err(fault) => (fault.code(), Some(fault.code().to_owned())),
    };
    let seen = Seen { did, outcome: outcome.to_owned(), finding };
    Ok(app.store.did_seen(registry, seen, now).await?)
}
