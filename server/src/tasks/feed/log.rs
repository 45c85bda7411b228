//! Whose checkpoint it is that a feed brings, and whether our own witness agrees with it.

use std::sync::Arc;

use charter_domain::{Delegation, RegistryId, Timestamp};
use charter_proof::EntityConfiguration;
use charter_tlog::{checkpoint::SignedCheckpoint, note::Vkey, witness::Equivocation};

use crate::{
    App,
    app::peers::sites,
    witness::{quarantine, state},
};

/// The checkpoint, if the key of the subordinate's log signed it: one of the keys that were delegated to signs the
/// configuration, and that names the log's. And the configuration.
pub fn verified(
    delegation: &Delegation,
    checkpoint: &str,
    configuration: &str,
    now: Timestamp,
) -> Result<(SignedCheckpoint, EntityConfiguration), String> {
    let said = sites::said(delegation, configuration, now)?;
    let log = said.metadata.trust_registry.log.as_ref().ok_or("the configuration names no log")?;
    let key: Vkey = log.vkey.parse().map_err(|_| "the key of its log is none".to_owned())?;
    if key.name().as_str() != log.origin {
        return Err("the key of its log is that of another".to_owned());
    }
    let signed = SignedCheckpoint::parse(checkpoint.as_bytes()).map_err(|e| e.to_string())?;
    signed.verify_log(&key).map_err(|e| e.to_string())?;
    Ok((signed, said))
}

/// Whether what a checkpoint proves may count: the registry's own witness has cosigned as much of that log, where it was
/// told of it. Two checkpoints of one size that differ put the log in quarantine.
pub async fn counts(app: &Arc<App>, registry: RegistryId, signed: &SignedCheckpoint) -> bool {
    let Some(tenant) = app.hosted.tenant(registry) else { return false };
    let origin = signed.checkpoint().origin();
    let Some(log) = tenant.config.witness.logs.iter().find(|log| log.origin == origin) else {
        return true;
    };
    let folder = state::folder(&app.config.log_store.dir, &tenant.registry.slug);
    let hash = state::hash(origin);
    let reading = tokio::task::spawn_blocking(move || state::shown(&folder, &hash));
    let Ok(Ok(Some(bytes))) = reading.await else { return false };
    let Ok(seen) = SignedCheckpoint::parse(&bytes) else { return false };
    let ahead = seen.checkpoint().size() >= signed.checkpoint().size();
    if let Ok(found) = Equivocation::new(seen, signed.clone()) {
        if found.verify(&log.vkey).is_ok() {
            quarantine::accuse(app, registry, found).await;
        }
        return false;
    }
    ahead
}
