//! `charterd ebsi judge`: one party's accreditations in a Trusted Issuers Registry, judged from outside. It needs no
//! configuration and no database.

use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, ensure};
use charter_domain::{AuthorityId, Timestamp};
use charter_federation::protocol::ebsi::{self, Accredited, Fetch, Judged, Registry, Rights};
use clap::Subcommand;

use super::{Web, recorded::Recorded};
use crate::config::ebsi::is_base;

#[derive(Debug, Subcommand)]
pub enum EbsiCommand {
    /// Judge everything that a party is accredited for, link by link up to a pinned root; exit code 1 where nothing counts.
    Judge {
        /// What `/trusted-issuers-registry` and `/did-registry` follow, e.g. `https://api-pilot.ebsi.eu`.
        #[arg(long)]
        registry: String,
        /// DID of the party.
        #[arg(long)]
        did: String,
        /// DID of the root that is trusted.
        #[arg(long)]
        root: String,
        /// A type of credentials that it must be accredited for.
        #[arg(long = "type")]
        kind: Option<String>,
        /// As of this instant (RFC 3339); the registry itself tells roles of now only.
        #[arg(long)]
        at: Option<String>,
        /// Authorities (PEM) of the registry's certificate; none: those of the system.
        #[arg(long)]
        ca_file: Option<String>,
        /// Folder with answers that were recorded: a file `<path>.json` for each; nothing is asked.
        #[arg(long)]
        recorded: Option<PathBuf>,
    },
}

/// Prints what was found; true where something counts.
///
/// # Errors
/// What was asked for cannot be read.
pub async fn run(command: &EbsiCommand, now: Timestamp) -> anyhow::Result<bool> {
    let EbsiCommand::Judge { registry, did, root, kind, at, ca_file, recorded } = command;
    ensure!(is_base(registry), "`{registry}` must be https, or http on loopback, without query or fragment");
    let party =
        |text: &str, name: &str| AuthorityId::parse(text).with_context(|| format!("--{name} `{text}`"));
    let (did, root) = (party(did, "did")?, party(root, "root")?);
    let at = at.as_deref().map(Timestamp::parse).transpose().context("--at")?.unwrap_or(now);
    let base = registry.trim_end_matches('/').to_owned();
    let fetch: Box<dyn Fetch> = match recorded {
        Some(dir) => Box::new(Recorded::new(dir.clone(), &base)),
        None => Box::new(Web::new(&base, ca_file.as_deref()).map_err(anyhow::Error::msg)?),
    };
    let registry = Registry { base, root };
    let started = Instant::now();
    let judged = ebsi::judge(fetch.as_ref(), &registry, &did, at).await;
    let took = started.elapsed().as_secs_f64() * 1e3;
    match judged {
        Ok(judged) => Ok(print(&judged, kind.as_deref(), took)),
        Err(fault) => {
            println!("not accredited: {fault}");
            Ok(false)
        }
    }
}

fn print(judged: &Judged, kind: Option<&str>, took: f64) -> bool {
    let gives = |one: &&Accredited| kind.is_none_or(|kind| one.rights.gives(kind));
    let good: Vec<&Accredited> = judged.accredited.iter().filter(gives).collect();
    println!("{}: {} of its accreditations lead to the root ({took:.1} ms)", judged.subject, good.len());
    for one in &good {
        let until = one.valid.until.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
        println!("  {}, {until}", rights(&one.rights));
        for (n, link) in one.links.iter().enumerate() {
            let (role, by) = (link.role.name(), &link.accreditor);
            println!("    {n} {} ({role}), attribute {}", link.subject, link.attribute);
            println!("      signed by {by} at {}", link.signed_at);
        }
    }
    for fault in &judged.faults {
        println!("  does not count: {fault}");
    }
    !good.is_empty()
}

fn rights(rights: &Rights) -> String {
    match rights {
        Rights::All => "everything".to_owned(),
        Rights::Listed(list) => {
            let mut kinds: Vec<String> = list.iter().map(|right| printable(&right.kind)).collect();
            kinds.dedup();
            kinds.join(", ")
        }
    }
}

/// What a registry wrote steers no terminal.
fn printable(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}
