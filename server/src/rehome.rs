//! `charterd rehome`: a registry moves from this deployment to another, with history, log and keys. See docs/REHOMING.md.

pub(crate) mod archive;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod manifest;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow, ensure};
use charter_domain::{RegistryId, time::Clock};
use charter_store::{Store, rehome};
use clap::Subcommand;

pub use self::{
    export::{Exported, export},
    import::{Imported, import},
    key::recipient,
};
use crate::{Config, clock::WallClock, context};

#[derive(Subcommand)]
pub enum RehomeCommand {
    /// At the site that receives: write its transport key's public part, and print the thumbprint that is approved.
    Key {
        /// The file that goes to the site where the registry is now. Nothing in it is secret.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Where it is now: fence the registry and write it into one file that only the receiving site can read.
    Export {
        /// Authority of the registry.
        #[arg(long)]
        registry: String,
        /// What `charterd rehome key` wrote at the receiving site.
        #[arg(long, value_name = "FILE")]
        recipient: PathBuf,
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// At the site that receives: verify a file and take it in. The registry is not served before `start`.
    Import {
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The key that the registry is known by, as its superior states it: a file signed by another is refused.
        #[arg(long, value_name = "KID", allow_hyphen_values = true)]
        key: Option<String>,
    },
    /// Where it was: end the move for good, and print the code that starts the registry at the other site.
    Finish {
        #[arg(long)]
        registry: String,
        /// What `import` has printed.
        #[arg(long, allow_hyphen_values = true)]
        receipt: String,
    },
    /// At the site that receives: let the registry be served.
    Start {
        #[arg(long)]
        registry: String,
        /// What `finish` has printed.
        #[arg(long, allow_hyphen_values = true)]
        code: String,
    },
    /// Where it was: undo a move that was not finished.
    Abort {
        #[arg(long)]
        registry: String,
    },
    /// Print the moves of a registry as this database knows them, newest first.
    Status {
        #[arg(long)]
        registry: String,
    },
}

/// Does what was asked, and prints what goes to the other site.
pub async fn run(config: &Config, command: &RehomeCommand) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    match command {
        RehomeCommand::Key { to } => println!("{}", recipient(config, to)?),
        RehomeCommand::Export { registry, recipient, to } => {
            let done = export(config, registry, (recipient.as_path(), to.as_path()), &clock).await?;
            println!(
                "{registry} has left at epoch {}: {} rows are in `{}`",
                done.epoch,
                done.rows,
                to.display()
            );
            println!(
                "it is served nowhere now; `charterd rehome abort` brings it back until the move is finished"
            );
        }
        RehomeCommand::Import { from, key } => {
            let done = import(config, (from.as_path(), key.as_deref()), &clock).await?;
            println!(
                "{} is here at epoch {}, with {} leaves of its log published; signed by {}",
                done.authority, done.epoch, done.published, done.kid
            );
            println!("receipt for `charterd rehome finish`: {}", done.receipt);
        }
        RehomeCommand::Finish { registry, receipt } => {
            println!("code for `charterd rehome start`: {}", finish(config, registry, receipt).await?);
        }
        RehomeCommand::Start { registry, code } => {
            start(config, registry, code).await?;
            println!(
                "{registry} is served from this database: start `charterd serve` with it, or restart it"
            );
        }
        RehomeCommand::Abort { registry } => {
            abort(config, registry).await?;
            println!("{registry} is served from this database again");
        }
        RehomeCommand::Status { registry } => {
            for end in status(config, registry).await? {
                println!("{} {} {} {}", end.at, end.rehome, end.state, end.code.unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Ends a departure; the code that starts the registry elsewhere.
pub async fn finish(config: &Config, registry: &str, receipt: &str) -> anyhow::Result<String> {
    let (owner, registry, receipt) = named(config, registry, receipt).await?;
    blocking(move || rehome::finish(&owner, registry, &receipt)).await
}

/// Lets a registry that has arrived be served.
pub async fn start(config: &Config, registry: &str, code: &str) -> anyhow::Result<()> {
    let (owner, registry, code) = named(config, registry, code).await?;
    blocking(move || rehome::start(&owner, registry, &code)).await
}

/// Undoes a departure that was not finished.
pub async fn abort(config: &Config, registry: &str) -> anyhow::Result<()> {
    let (owner, registry, _) = named(config, registry, "").await?;
    blocking(move || rehome::abort(&owner, registry)).await
}

/// The moves that this database knows of.
pub async fn status(config: &Config, registry: &str) -> anyhow::Result<Vec<rehome::Status>> {
    let (owner, registry, _) = named(config, registry, "").await?;
    blocking(move || rehome::status(&owner, registry)).await
}

/// Whose registry it is, and a text to take along.
async fn named(config: &Config, authority: &str, text: &str) -> anyhow::Result<(String, RegistryId, String)> {
    let store = Store::new(context::store_settings(config), Arc::new(WallClock)).map_err(explain)?;
    let found = found(&store, authority).await?;
    Ok((owner(config)?, found, text.trim().to_owned()))
}

async fn found(store: &Store, authority: &str) -> anyhow::Result<RegistryId> {
    let known = store.registries().await.map_err(explain)?;
    let found = known.iter().find(|r| r.authority.as_str() == authority);
    Ok(found.with_context(|| format!("`{authority}` is no registry of this database"))?.id)
}

pub(crate) fn owner(config: &Config) -> anyhow::Result<String> {
    let owner = config.database.owner_url.clone();
    ensure!(!owner.is_empty(), "this needs the owner of the database: set database.owner_url");
    Ok(owner)
}

/// The database's calls block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, charter_store::Error> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?.map_err(explain)
}

/// For an operator, who may see what the database says.
pub(crate) fn explain(error: charter_store::Error) -> anyhow::Error {
    let source = error.source_text().map(str::to_owned);
    source.map_or_else(|| error.into(), |text| anyhow!(text))
}

/// The other way, within a transaction.
pub(crate) fn inner(error: &anyhow::Error) -> charter_store::Error {
    charter_store::Error::Internal(format!("{error:#}"))
}
