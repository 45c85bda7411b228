//! The secrets of a site that are files: which there are, and how they are read and put back.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, ensure};
use charter_domain::Timestamp;
use charter_signing::{Kek, Recipient};

use super::{
    SECRET,
    backup::{Backup, Secrets},
};
use crate::{Config, context, durable, rehome};

/// Longest secret, in bytes: all together are sealed as one.
const MAX_BYTES: usize = 1_024;

/// A secret of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// The key-encryption key: opens all private keys in the database.
    Kek,
    /// The transport key, under the former: opens what was exported for this site.
    Transport,
    /// What the servers of the site share in Redis.
    Redis,
    /// The token that loads records.
    Bootstrap,
}

impl Secret {
    pub(super) const ALL: [Self; 4] = [Self::Kek, Self::Transport, Self::Redis, Self::Bootstrap];

    /// What it is called in a backup.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kek => "key-encryption-key",
            Self::Transport => "transport-key",
            Self::Redis => "redis-secret",
            Self::Bootstrap => "bootstrap-token",
        }
    }

    /// Where the configuration has it; nowhere where it names no file.
    pub(super) fn path(self, config: &Config) -> Option<PathBuf> {
        let file = match self {
            Self::Kek => PathBuf::from(&config.keys.kek_file),
            Self::Transport => rehome::key::path(config),
            Self::Redis => PathBuf::from(&config.redis.secret_file),
            Self::Bootstrap => PathBuf::from(&config.bootstrap.token_file),
        };
        Some(file).filter(|file| !file.as_os_str().is_empty())
    }
}

/// Seals the secrets that this site has. The key-encryption key must be there: none is made.
pub fn backup(config: &Config, officers: &[PathBuf], now: Timestamp) -> anyhow::Result<Backup> {
    let mut secrets = Secrets::new();
    for secret in Secret::ALL {
        let Some(path) = secret.path(config) else { continue };
        if let Some(text) = read(&path)? {
            let length = text.len();
            ensure!(length <= MAX_BYTES, "`{}` has {length} bytes; {MAX_BYTES} are kept", path.display());
            secrets.insert(secret.name().to_owned(), text);
        }
    }
    let kek = secrets.get(Secret::Kek.name());
    let kek = kek.with_context(|| {
        format!("keys.kek_file: `{}` is not there: there is nothing to keep", config.keys.kek_file)
    })?;
    let key = fingerprint(&Kek::parse(kek).context("keys.kek_file")?)?;
    let officers: Vec<Recipient> =
        officers.iter().map(|path| rehome::key::read(path)).collect::<Result<_, _>>()?;
    Backup::seal(secrets, (key, config.keys.token().is_some()), &officers, now)
}

/// Says which key it is, and nothing of it: 32 hexadecimal digits.
pub(super) fn fingerprint(kek: &Kek) -> anyhow::Result<String> {
    let mut code = kek.mac_key("fingerprint of the key")?.hex(&["1"])?;
    code.truncate(32);
    Ok(code)
}

/// A secret as it is on the disk, without the line's end; none where there is no file.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        _ => context::read_secret(path).map(Some).map_err(|why| anyhow!(why)),
    }
}

/// Puts a secret in its place, for its owner alone. What was there before stays beside it.
pub(super) fn put(path: &Path, text: &str, now: Timestamp) -> anyhow::Result<()> {
    let cannot = || format!("cannot write `{}`", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        durable::folder(folder).with_context(cannot)?;
    }
    let [beside, before] =
        [".restored".to_owned(), format!(".replaced-{}", now.secs())].map(|ending| named(path, &ending));
    durable::remove(&beside).with_context(cannot)?;
    durable::create(&beside, format!("{text}\n").as_bytes(), SECRET).with_context(cannot)?;
    match fs::hard_link(path, &before) {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        kept => kept.with_context(|| format!("cannot keep what was there as `{}`", before.display()))?,
    }
    durable::rename(&beside, path).with_context(cannot)
}

fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
