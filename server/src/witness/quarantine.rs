//! Logs that showed two histories, as this process knows them: nothing of them is cosigned, and no yes from below them
//! is believed. The files say which; they are looked at again and again, since a person may have released one.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use charter_cache::Change;
use charter_domain::{HttpsId, RegistryId};
use charter_tlog::witness::Equivocation;

use super::{
    evidence,
    state::{self, Fault, Held},
};
use crate::{App, config::RegistryConfig};

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A log, by the registry that witnesses it and its origin.
type Witnessed = (RegistryId, String);

#[derive(Default)]
pub struct Quarantine(RwLock<HashSet<Witnessed>>);

impl Quarantine {
    /// Whether a log of this entity is in quarantine at a registry.
    pub fn of(&self, registry: RegistryId, entity: &HttpsId) -> bool {
        let logs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        logs.iter().any(|(at, origin)| *at == registry && belongs(origin, entity))
    }

    /// Origins, in order.
    pub fn origins(&self) -> Vec<String> {
        let logs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut origins: Vec<_> = logs.iter().map(|(_, origin)| origin.clone()).collect();
        origins.sort();
        origins.dedup();
        origins
    }

    /// The registries for which something is different now.
    fn replace(&self, found: HashSet<Witnessed>) -> HashSet<RegistryId> {
        let mut logs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = logs.symmetric_difference(&found).map(|(registry, _)| *registry).collect();
        *logs = found;
        changed
    }
}

/// An origin is the entity identifier without its scheme and `/log`, and a number after that once a key was retired.
fn belongs(origin: &str, entity: &HttpsId) -> bool {
    let entity = entity.as_str();
    let bare = entity.strip_prefix("https://").unwrap_or(entity).trim_end_matches('/');
    let rest = origin.strip_prefix(bare).and_then(|rest| rest.strip_prefix("/log"));
    let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/').is_some_and(number))
}

/// The origins in quarantine that a registry was told of, as the files have it.
pub fn listed(dir: &Path, registry: &RegistryConfig) -> Vec<String> {
    let folder = state::folder(dir, &registry.slug);
    let logs = registry.witness.logs.iter().filter(|log| state::quarantined(&folder, &log.origin));
    logs.map(|log| log.origin.clone()).collect()
}

/// Puts a log in quarantine; gives the name of the evidence, which is kept first: without it this would be an
/// accusation. Blocks.
pub(super) fn set(dir: &Path, held: &Held, found: &Equivocation, now_secs: u64) -> Result<String, Fault> {
    let id = evidence::keep(dir, found).map_err(|e| Fault::Io(dir.to_owned(), e))?;
    held.set_quarantine(&id, now_secs)?;
    Ok(id)
}

/// A log that was just put in quarantine: the alarm, and what follows from it here.
pub(super) async fn caught(app: &Arc<App>, registry: RegistryId, origin: &str, evidence: &str) {
    metrics::counter!("charter_witness_equivocations_total").increment(1);
    tracing::error!(%registry, origin, evidence, "a log showed two histories: it is in quarantine");
    look(app).await;
}

/// Of a log that a registry's witness was told of, caught with two histories elsewhere than in a request to that
/// witness. Both signatures were verified.
pub async fn accuse(app: &Arc<App>, registry: RegistryId, found: Equivocation) {
    let Some(tenant) = app.hosted.tenant(registry) else { return };
    let origin = found.origin().to_owned();
    if !tenant.config.witness.logs.iter().any(|log| log.origin == origin) {
        tracing::error!(%registry, origin, "a log showed two histories, and this registry is no witness of it");
        return;
    }
    let turn = app.witness.turn(registry, &origin).lock_owned().await;
    let dir = app.config.log_store.dir.clone();
    let folder = state::folder(&dir, &tenant.registry.slug);
    let now_secs = u64::try_from(app.clock.now().secs()).unwrap_or(0);
    let work = move || {
        let held = Held::take(&folder, found.origin())?;
        match held.quarantine()? {
            Some(_) => Ok(None),
            None => set(&dir, &held, &found, now_secs).map(Some),
        }
    };
    let done: Result<Result<Option<String>, Fault>, _> = tokio::task::spawn_blocking(work).await;
    drop(turn);
    match done {
        Ok(Ok(Some(evidence))) => caught(app, registry, &origin, &evidence).await,
        Ok(Ok(None)) => {}
        Ok(Err(fault)) => tracing::error!(error = %fault, origin, "evidence against a log could not be kept"),
        Err(error) => tracing::error!(%error, origin, "evidence against a log could not be kept"),
    }
}

/// Looks at the files. Kept answers that rest on what has changed are used no longer.
pub async fn look(app: &Arc<App>) {
    let looking = Arc::clone(app);
    let all = move || {
        let dir = &looking.config.log_store.dir;
        let of = |t: &crate::hosted::Tenant| {
            let id = t.registry.id;
            listed(dir, &t.config).into_iter().map(move |origin| (id, origin)).collect::<Vec<_>>()
        };
        looking.hosted.tenants().flat_map(of).collect()
    };
    let Ok(found) = tokio::task::spawn_blocking(all).await else { return };
    for registry in app.hosted.quarantine.replace(found) {
        // As if everything had changed with an event that is still to come: what was kept before is asked for again.
        let seq = app.register.watched(registry).unwrap_or_default() + 1;
        app.register.note(registry, &[Change { seq, identifiers: None }]);
    }
}

/// Until it is shut down.
pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        look(&app).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_its_entitys_and_nobody_elses() {
        let entity = HttpsId::parse("https://a.example/fi").expect("an id");
        for (origin, own) in [
            ("a.example/fi/log", true),
            ("a.example/fi/log/2", true),
            ("a.example/fi/log/", false),
            ("a.example/fi/log/x", false),
            ("a.example/fi/logs", false),
            ("a.example/log", false),
            ("b.example/a.example/fi/log", false),
        ] {
            assert_eq!(belongs(origin, &entity), own, "{origin}");
        }
    }
}
