//! How far the logs of registries are, and whether the database has what was published of them.

use charter_domain::Registry;
use charter_store::{Error, Store};
use charter_tlog::checkpoint::SignedCheckpoint;

use super::Finding;
use crate::{Config, config::RegistryConfig, durable, log::file};

/// One for each registry that is served.
pub async fn logs(store: &Store, config: &Config) -> Vec<Finding> {
    let Ok(registries) = store.registries().await else { return Vec::new() };
    let mut findings = Vec::new();
    for registry in &registries {
        let Some(settings) = config.registries.iter().find(|r| r.authority_id == registry.authority) else {
            continue;
        };
        findings.push(match sizes(store, registry).await {
            Ok((events, published)) => found(registry, (events, published), kept(config, settings)),
            Err(error) => {
                let why = format!("not known: {}", super::registries::words(&error));
                Finding::new("log", None, Some(why))
            }
        });
    }
    findings
}

/// Events of a registry, and how many of them the database knows to be published.
async fn sizes(store: &Store, registry: &Registry) -> Result<(u64, u64), Error> {
    let events = u64::try_from(store.epoch(registry.id).await?).unwrap_or_default();
    let published = store.log_head(registry.id).await?.published.map_or(0, |published| published.size);
    Ok((events, published))
}

/// Leaves of the checkpoint in the file beside the database; 0 where there is none. A server says whether it is damaged.
fn kept(config: &Config, settings: &RegistryConfig) -> u64 {
    let bytes = durable::read(&file::path(&config.log_store.dir, &settings.slug)).ok().flatten();
    let kept = bytes.and_then(|bytes| SignedCheckpoint::parse(&bytes).ok());
    kept.map_or(0, |kept| kept.checkpoint().size())
}

fn found(registry: &Registry, (events, published): (u64, u64), kept: u64) -> Finding {
    let of = &registry.authority;
    let lost = (kept > events).then(|| {
        format!(
            "{kept} events of {of} were published and the database has {events}: docs/runbooks/restore.md"
        )
    });
    let waiting = events.saturating_sub(published.max(kept));
    let wait = (waiting > 0).then(|| format!("{waiting} events of {of} are not published yet"));
    let note = format!("{} of {events} events of {of} are published", published.max(kept));
    Finding { note: Some(note), ..Finding::new("log", lost, wait) }
}
