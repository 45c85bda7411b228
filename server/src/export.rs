//! `charterd export` and `charterd init --from-export`: everything of a deployment's registries in one file, sealed to a
//! site, and from there into an empty database. See docs/HA.md, "Export".

mod settle;
mod write;

use std::{path::PathBuf, sync::Arc};

use charter_domain::time::Clock;
use clap::Args;

pub use self::{
    settle::{Settled, settle},
    write::{Exported, export},
};
use crate::{Config, clock::WallClock};

#[derive(Args)]
pub struct ExportArgs {
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// What `charterd rehome key` wrote at the site that may read it; it may be this one.
    #[arg(long, value_name = "FILE")]
    recipient: PathBuf,
    /// Authority of a registry; all of this database where none is named.
    #[arg(long = "registry", value_name = "DID", num_args = 1)]
    registries: Vec<String>,
}

/// Where `charterd init` takes registries from instead of sealing one.
#[derive(Args)]
pub struct SettleArgs {
    /// Take in what `charterd export` wrote, into an empty database. Nothing is served before the next option is given.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["registry", "issuer", "administrators"])]
    pub from_export: Option<PathBuf>,
    /// Let them be served from here: the deployment that was exported answers and signs nothing any more, for good.
    #[arg(long, requires = "from_export")]
    yes_the_source_is_gone: bool,
    /// A key that must have signed, as superiors state it; each registry by one of them. Any key of the registry where
    /// none is named.
    #[arg(
        long = "key",
        value_name = "KID",
        requires = "from_export",
        num_args = 1,
        allow_hyphen_values = true
    )]
    keys: Vec<String>,
}

/// Writes the file, and says what it is good for.
pub async fn run(config: &Config, args: &ExportArgs) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let done = export(config, &args.registries, (&args.recipient, &args.to), &clock).await?;
    for (authority, epoch) in &done.registries {
        println!("{authority} as of epoch {epoch}");
    }
    println!(
        "{} rows are in `{}`; they were read as the owner of the database",
        done.rows,
        args.to.display()
    );
    println!(
        "this is recorded in each registry as an access (`EXPORT_REGISTRY`), and all of them go on here"
    );
    Ok(())
}

/// Takes a file in, and says what is missing before it is served.
pub async fn init(config: &Config, from: &std::path::Path, args: &SettleArgs) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let done = settle(config, (from, &args.keys), args.yes_the_source_is_gone, &clock).await?;
    for one in &done.registries {
        println!(
            "{} is here at epoch {}, with {} leaves of its log published; signed by {}",
            one.authority, one.epoch, one.published, one.kid
        );
    }
    if done.registries.is_empty() {
        println!("this file was taken in before");
    }
    if done.started {
        println!("they are served from this database: start `charterd serve`");
    } else {
        println!(
            "they are fenced: when the deployment that was exported is gone for good, repeat this with \
             --yes-the-source-is-gone"
        );
    }
    Ok(())
}
