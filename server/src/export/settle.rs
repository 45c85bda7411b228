//! Settling: everything of a file is verified, then it is in an empty database, fenced. It is served from there only when
//! somebody has said that the source is gone.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use anyhow::{bail, ensure};
use charter_domain::time::Clock;
use charter_store::rehome::{self, Landing, digest};

use crate::{
    Config,
    rehome::{
        Imported,
        archive::{Copied, Form, Move, Piece},
        blocking, explain,
        import::Arriving,
        inner, owner,
    },
};

/// What a file has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What was taken in; nothing where it was there from this file already.
    pub registries: Vec<Imported>,
    /// Whether they are served from here.
    pub started: bool,
}

/// Takes in all registries of a file, or none; `start` lets them be served. Asked again it takes in nothing more, so that
/// they can be started later.
pub async fn settle(
    config: &Config,
    (from, keys): (&Path, &[String]),
    start: bool,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Settled> {
    let owner = owner(config)?;
    let mut arriving = Arriving::open(config, (from, Form::Copy), keys.to_vec(), clock.now()).await?;
    let Piece::Copied(copied) = arriving.reader.piece()? else {
        bail!("the file does not say which copy it is")
    };
    configured(config, &copied)?;
    let (url, release) = (owner.clone(), copied.release.clone());
    let taken = tokio::task::spawn_blocking(move || {
        rehome::settle(&url, copied.export, |landing| {
            take_in(&mut arriving, landing, &copied).map_err(|e| inner(&e))
        })
    });
    let registries = taken.await?.map_err(explain)?.unwrap_or_default();
    if start {
        blocking(move || rehome::start_all(&owner, &release)).await?;
    }
    Ok(Settled { registries, started: start })
}

/// What is in the file is served here, and what is served here is in the file: whatever was missing would begin anew under
/// the same name, with other keys.
fn configured(config: &Config, copied: &Copied) -> anyhow::Result<()> {
    let here: BTreeSet<&str> = config.registries.iter().map(|own| own.authority_id.as_str()).collect();
    let there: BTreeSet<&str> = copied.authorities.iter().map(String::as_str).collect();
    ensure!(there.len() == copied.authorities.len(), "the file has a registry twice");
    if let Some(strange) = there.difference(&here).next() {
        bail!("the file has the registry `{strange}`, which the configuration does not have: add it");
    }
    if let Some(missing) = here.difference(&there).next() {
        bail!(
            "the configuration has the registry `{missing}`, which is not in the file, and would begin anew with other \
             keys: take it out, or use a file that has it"
        );
    }
    Ok(())
}

/// Until the end of the file.
fn take_in(
    arriving: &mut Arriving,
    landing: &mut Landing<'_>,
    copied: &Copied,
) -> anyhow::Result<Vec<Imported>> {
    let moved =
        Move { rehome: copied.export, receipt: String::new(), release_sha256: digest(&copied.release) };
    let mut taken: Vec<Imported> = Vec::new();
    loop {
        match arriving.reader.piece()? {
            Piece::Registry(subject) => {
                let expected = copied.authorities.get(taken.len());
                ensure!(expected == Some(&subject.authority), "the file has other registries than it says");
                let when = (copied.export, arriving.now);
                let one = landing.arrive(&subject, when, |arrival| arriving.one(arrival, &moved, &subject));
                taken.push(one.map_err(explain)?);
            }
            Piece::End => break,
            _ => bail!("the file has something that belongs to no registry"),
        }
    }
    ensure!(taken.len() == copied.authorities.len(), "the file has fewer registries than it says");
    Ok(taken)
}
