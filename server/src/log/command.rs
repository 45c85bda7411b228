//! `charterd log`: what an operator does with the logs of a site.

use std::{process::ExitCode, sync::Arc};

use charter_domain::AuthorityId;
use charter_store::Store;
use clap::Subcommand;

use crate::{
    Config,
    clock::WallClock,
    context::{self, Startup},
};

#[derive(Subcommand)]
pub enum LogCommand {
    /// Print the verifier keys of every registry: its log's, and that of its witness. Registries are opened if they
    /// have not been.
    Keys,
}

/// The verifier keys in use of one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifiers {
    pub authority: AuthorityId,
    pub log: String,
    pub witness: String,
}

/// Does what was asked.
pub async fn run(config: &Config, command: &LogCommand) -> Result<ExitCode, Startup> {
    match command {
        LogCommand::Keys => {
            for one in verifiers(config).await? {
                println!("{}\n  log {}\n  witness {}", one.authority, one.log, one.witness);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The keys of the configured registries, in their order. Those that have none get them, as when they are served; the
/// schema is there already.
pub async fn verifiers(config: &Config) -> Result<Vec<Verifiers>, Startup> {
    let clock = Arc::new(WallClock);
    let store = Store::new(context::store_settings(config), clock.clone())?;
    let hosted = context::open_hosted(config, &store, clock).await?;
    let mut found = Vec::new();
    for own in &config.registries {
        let tenant = hosted.by_authority(own.authority_id.as_str()).and_then(|id| hosted.tenant(id));
        if let Some(tenant) = tenant {
            let (log, witness) = (tenant.log_keys.log(), tenant.log_keys.witness());
            found.push(Verifiers {
                authority: own.authority_id.clone(),
                log: log.vkey.to_string(),
                witness: witness.vkey.to_string(),
            });
        }
    }
    Ok(found)
}
