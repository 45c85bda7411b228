//! What a person decides about a witness: that an older state is right, that a log is out of quarantine. Each works on
//! the files under the lock of the log, beside a server that runs.

use charter_store::Store;
use charter_tlog::checkpoint::SignedCheckpoint;

use super::state::{Held, folder, quarantined};
use crate::{Config, config::RegistryConfig};

fn told<'c>(config: &'c Config, registry: &str, origin: &str) -> Result<&'c RegistryConfig, String> {
    let found = config.registries.iter().find(|r| r.authority_id.as_str() == registry);
    let found = found.ok_or_else(|| format!("`{registry}` is not configured here"))?;
    match found.witness.logs.iter().any(|log| log.origin == origin) {
        true => Ok(found),
        false => Err(format!("`{registry}` was not told to witness `{origin}`")),
    }
}

/// What a state is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Leaves of the last checkpoint in the file; 0 without a file.
    pub state: u64,
    /// Leaves that the database has noted.
    pub mark: u64,
}

/// What is in the file and in the note; with `write` the note is lowered to the file, so that the witness goes on from
/// there.
pub async fn confirm(
    config: &Config,
    store: &Store,
    (registry, origin): (&str, &str),
    write: bool,
) -> Result<Confirmed, String> {
    let text = |e: charter_store::Error| e.source_text().map_or_else(|| e.to_string(), str::to_owned);
    let own = told(config, registry, origin)?;
    let known = store.registries().await.map_err(text)?;
    let found = known.iter().find(|r| r.authority == own.authority_id);
    let id = found.ok_or_else(|| format!("`{registry}` has not been opened yet"))?.id;
    let folder = folder(&config.log_store.dir, &own.slug);
    let log = origin.to_owned();
    let held = tokio::task::spawn_blocking(move || Held::take(&folder, &log)).await;
    let held = held.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    let bytes = held.bytes().map_err(|e| e.to_string())?;
    let state = match bytes {
        None => 0,
        Some(bytes) => SignedCheckpoint::parse(&bytes).map_err(|e| e.to_string())?.checkpoint().size(),
    };
    let mark = store.witness_mark(id, origin).await.map_err(text)?.unwrap_or(0);
    if write {
        store.confirm_witness_mark(id, origin, state).await.map_err(text)?;
    }
    Ok(Confirmed { state, mark })
}

/// Ends a quarantine; false if there was none. The evidence stays.
pub fn release(config: &Config, registry: &str, origin: &str) -> Result<bool, String> {
    let own = told(config, registry, origin)?;
    let held = Held::take(&folder(&config.log_store.dir, &own.slug), origin).map_err(|e| e.to_string())?;
    held.release().map_err(|e| e.to_string())
}

/// Whether a log is in quarantine.
pub fn is_quarantined(config: &Config, registry: &str, origin: &str) -> Result<bool, String> {
    let own = told(config, registry, origin)?;
    Ok(quarantined(&folder(&config.log_store.dir, &own.slug), origin))
}
