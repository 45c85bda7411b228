//! Bringing a backup back: opened by two officers, compared with what is there and with the database, then written.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use charter_domain::Timestamp;
use charter_signing::{IN_TOKEN, Kek, TransportKey};
use charter_store::Store;

use super::{
    backup::{Backup, Secrets},
    site::{Secret, fingerprint, put, read},
};
use crate::{Config, clock::WallClock, context};

/// What was restored, and what it was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Files that were written; those that were there as in the backup are not among them.
    pub written: Vec<PathBuf>,
    pub compared: Compared,
}

/// What the database said to the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The key opens this many keys there; so many more are in a token.
    Opens { keys: usize, in_token: usize },
    /// Its keys could not be read.
    Unreachable,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in &self.written {
            writeln!(f, "`{}` is written", path.display())?;
        }
        if self.written.is_empty() {
            writeln!(f, "everything was there already: nothing is written")?;
        }
        match self.compared {
            Compared::Opens { keys, in_token: 0 } => write!(f, "it opens the {keys} keys of this database"),
            Compared::Opens { keys, in_token } => {
                write!(f, "it opens the {keys} keys of this database; {in_token} more are in a token")
            }
            Compared::Unreachable => write!(
                f,
                "the database could not be read: compare the fingerprint with the minutes of the backup, and repeat \
                 this when the database is there"
            ),
        }
    }
}

/// Opens a backup with two officers' private keys, and writes each secret where the configuration has it. Nothing is
/// written before everything was compared; asked again it changes nothing.
pub async fn restore(
    config: &Config,
    backup: &Backup,
    (officers, replace): (&[PathBuf], bool),
    now: Timestamp,
) -> anyhow::Result<Restored> {
    let officers: Vec<TransportKey> =
        officers.iter().map(TransportKey::load).collect::<Result<_, _>>().context("the key of an officer")?;
    let secrets = backup.open(&officers)?;
    let kek = secrets.get(Secret::Kek.name()).context("the backup has no key-encryption key")?;
    let kek = Kek::parse(kek).context("the key-encryption key of the backup")?;
    ensure!(fingerprint(&kek)? == backup.body.key, "the backup is of another key than it says");
    let places = places(config, &secrets, replace)?;
    let compared = compare(config, &kek).await?;
    let mut written = Vec::new();
    for (path, text) in places {
        put(&path, text, now)?;
        written.push(path);
    }
    Ok(Restored { written, compared })
}

/// The files that are to be written.
fn places<'s>(
    config: &Config,
    secrets: &'s Secrets,
    replace: bool,
) -> anyhow::Result<Vec<(PathBuf, &'s str)>> {
    let mut places = Vec::new();
    for (name, text) in secrets {
        let Some(secret) = Secret::ALL.into_iter().find(|secret| secret.name() == name) else {
            bail!(
                "the backup holds `{name:.40}`, which this version does not know: restore it with a newer one"
            )
        };
        let Some(path) = secret.path(config) else {
            eprintln!("the configuration names no file for the {name}: it is not restored");
            continue;
        };
        match there(&path)? {
            Some(there) if there == *text => {}
            Some(_) if !replace => bail!(
                "`{}` holds another secret than the backup; `--replace` puts this one in its place and keeps the other \
                 beside it",
                path.display()
            ),
            _ => places.push((path, text.as_str())),
        }
    }
    Ok(places)
}

/// What is there now. A file that holds no secret is in the way like one that holds another.
fn there(path: &Path) -> anyhow::Result<Option<String>> {
    read(path).with_context(|| format!("`{}` is there and cannot be compared: move it away", path.display()))
}

/// That the key opens every key that the database has under it.
async fn compare(config: &Config, kek: &Kek) -> anyhow::Result<Compared> {
    let Ok(store) = Store::new(context::store_settings(config), Arc::new(WallClock)) else {
        return Ok(Compared::Unreachable);
    };
    let Ok(registries) = store.registries().await else { return Ok(Compared::Unreachable) };
    let (mut keys, mut in_token) = (0, 0);
    for registry in registries {
        let Ok(opening) = store.opening(registry.id).await else { return Ok(Compared::Unreachable) };
        let own = opening.kept.iter().map(|(_, kept)| kept);
        for kept in own.chain(opening.log_keys.iter().map(|key| &key.kept)) {
            if kept.starts_with(IN_TOKEN) {
                in_token += 1;
                continue;
            }
            kek.open(kept).with_context(|| {
                format!(
                    "this backup does not open the keys of {} in the configured database: it is of another site, or of \
                     before its keys were changed; nothing was written",
                    registry.authority
                )
            })?;
            keys += 1;
        }
    }
    Ok(Compared::Opens { keys, in_token })
}
