//! `charterd log`: what an operator does with the logs of a site.

mod own;

use std::{process::ExitCode, sync::Arc};

use charter_domain::AuthorityId;
use charter_store::Store;
use clap::Subcommand;
use serde::Serialize;

pub use self::own::examine;
use crate::{
    Config,
    clock::WallClock,
    context::{self, Startup},
    mirror,
    witness::admin,
};

#[derive(Subcommand)]
pub enum LogCommand {
    /// Print the verifier keys of every registry: its log's, that of its witness, and that of its mirror
    /// where it mirrors a log. Registries are opened if they have not been.
    Keys {
        /// As one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Compute the tree again from the events and compare all that says something of it; exits 1 where something
    /// differs.
    Fsck {
        /// Authority of the registry; all where it is left out.
        #[arg(long)]
        registry: Option<String>,
    },
    /// Give up the key of a log whose published entries are lost. Another key begins another log with the events that
    /// are left. Final; restart the server afterwards.
    Retire {
        /// Authority of the registry.
        #[arg(long)]
        registry: String,
        /// Do it: without this it is only said what would be done.
        #[arg(long)]
        yes: bool,
    },
    /// Let the witness go on from an older state, after its files were restored. Before that, see to it that the state
    /// is not one that somebody put there: what was cosigned after it may be cosigned differently then.
    ConfirmWitness {
        #[command(flatten)]
        which: Which,
    },
    /// Put back, from a mirror, published events that an older database lacks. Works as the owner of the database
    /// (`database.owner_url`).
    Refill {
        /// The authority whose registry it is; all of this site where it is left out.
        #[arg(long)]
        registry: Option<String>,
    },
    /// End the quarantine of a log that showed two histories. The evidence stays.
    Release {
        #[command(flatten)]
        which: Which,
    },
}

/// A log that a registry of this site witnesses.
#[derive(clap::Args)]
pub struct Which {
    /// The authority whose registry is the witness.
    #[arg(long)]
    registry: String,
    /// The log, as its checkpoints name it.
    #[arg(long)]
    origin: String,
    /// Do it; without this only what there is is shown.
    #[arg(long)]
    yes: bool,
}

/// The verifier keys in use of one registry (C2SP signed-note).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verifiers {
    pub authority: AuthorityId,
    pub log: String,
    pub witness: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
}

/// Does what was asked.
pub async fn run(config: &Config, command: &LogCommand) -> Result<ExitCode, Startup> {
    match command {
        LogCommand::Keys { json } => {
            print(&verifiers(config).await?, *json);
            Ok(ExitCode::SUCCESS)
        }
        LogCommand::Fsck { registry } => own::fsck(config, registry.as_deref()).await,
        LogCommand::Retire { registry, yes } => own::retire(config, registry, *yes).await,
        LogCommand::ConfirmWitness { which } => confirm(config, which).await,
        LogCommand::Refill { registry } => {
            let whole = mirror::command::refill(config, registry.as_deref()).await?;
            Ok(ExitCode::from(u8::from(!whole)))
        }
        LogCommand::Release { which } => release(config, which),
    }
}

fn print(all: &[Verifiers], json: bool) {
    if json {
        println!("{:#}", serde_json::json!({ "registries": all }));
        return;
    }
    for one in all {
        println!("{}\n  log {}\n  witness {}", one.authority, one.log, one.witness);
        if let Some(mirror) = &one.mirror {
            println!("  mirror {mirror}");
        }
    }
}

fn told(text: String) -> Startup {
    Startup::Witnesses(text)
}

/// Fails as long as the witness would refuse.
async fn confirm(config: &Config, which: &Which) -> Result<ExitCode, Startup> {
    let store = Store::new(context::store_settings(config), Arc::new(WallClock))?;
    let named = (which.registry.as_str(), which.origin.as_str());
    let found = admin::confirm(config, &store, named, which.yes).await.map_err(told)?;
    let (state, mark) = (found.state, found.mark);
    println!("the file has {state} leaves; {mark} were noted");
    match (state < mark, which.yes) {
        (false, _) => println!("nothing is to be confirmed"),
        (true, true) => println!("the witness goes on from {state} leaves"),
        (true, false) => println!("the witness refuses; `--yes` lets it go on from {state} leaves"),
    }
    Ok(ExitCode::from(u8::from(state < mark && !which.yes)))
}

fn release(config: &Config, which: &Which) -> Result<ExitCode, Startup> {
    let (registry, origin) = (which.registry.as_str(), which.origin.as_str());
    let there = match which.yes {
        true => admin::release(config, registry, origin).map_err(told)?,
        false => admin::is_quarantined(config, registry, origin).map_err(told)?,
    };
    match (there, which.yes) {
        (false, _) => println!("`{origin}` is not in quarantine"),
        (true, true) => println!("`{origin}` is out of quarantine; the evidence is kept"),
        (true, false) => println!("`{origin}` is in quarantine; `--yes` ends it"),
    }
    Ok(ExitCode::SUCCESS)
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
                mirror: tenant.log_keys.mirror().map(|key| key.vkey.to_string()),
            });
        }
    }
    Ok(found)
}
