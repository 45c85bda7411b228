//! The file of a backup: who can open it, and what is in it under two seals. For each pair of officers the file's key
//! is sealed to the first, and that once more to the second.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, bail, ensure};
use charter_domain::{Timestamp, json};
use charter_signing::{Kek, Recipient, TransportKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SECRET;
use crate::durable;

const FORMAT: &str = "charter-keys/1";
/// Longest file, in bytes: the pairs of eight officers take half of it.
const MAX_BYTES: usize = 64 * 1024;
/// More would be a file for everybody.
const MAX_OFFICERS: usize = 8;
/// Officers that open it together.
const TOGETHER: usize = 2;

/// The whole file. It is read only as it was written, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub body: Body,
    /// [`Content`] under the file's key.
    sealed: String,
    /// Of the two above, in hexadecimal: damage is found without opening it.
    sha256: String,
}

/// What everybody may read. Nobody changes it: its hash is under the seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    format: String,
    pub at: Timestamp,
    /// Fingerprint of the site's key-encryption key.
    pub key: String,
    /// Names of the secrets in it.
    pub holds: Vec<String>,
    /// Whether the site has keys in a PKCS#11 token besides, which are not in it.
    pub token: bool,
    /// Thumbprints of those who can open it, in order.
    pub officers: Vec<String>,
    pairs: Vec<Pair>,
}

/// The file's key, sealed to two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    first: String,
    second: String,
    /// Opened by the second, and what is in it by the first.
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// SHA-256 of the body, in hexadecimal.
    body: String,
    secrets: BTreeMap<String, String>,
}

/// What of a site is sealed, by name. Never shown.
pub type Secrets = BTreeMap<String, String>;

impl Backup {
    /// Seals secrets so that any two of the officers open them together.
    pub fn seal(
        secrets: Secrets,
        (key, token): (String, bool),
        officers: &[Recipient],
        at: Timestamp,
    ) -> anyhow::Result<Self> {
        ensure!(
            (TOGETHER..=MAX_OFFICERS).contains(&officers.len()),
            "a backup is for {TOGETHER} to {MAX_OFFICERS} officers: two of them open it together"
        );
        let mut officers: Vec<&Recipient> = officers.iter().collect();
        officers.sort_by_key(|officer| officer.thumbprint());
        let same = officers.windows(2).find(|two| two[0].thumbprint() == two[1].thumbprint());
        if let Some(same) = same {
            bail!("the officer `{}` is named twice: each has a key of their own", same[0].thumbprint());
        }
        let file = Kek::generate();
        let body = Body {
            format: FORMAT.to_owned(),
            at,
            key,
            holds: secrets.keys().cloned().collect(),
            token,
            officers: officers.iter().map(|officer| officer.thumbprint().to_owned()).collect(),
            pairs: pairs(&officers, &file)?,
        };
        let content = Content { body: digest(&serde_json::to_vec(&body)?), secrets };
        let sealed = file.seal(&serde_json::to_vec(&content)?)?;
        let sha256 = whole(&body, &sealed)?;
        Ok(Self { body, sealed, sha256 })
    }

    /// Opens it with the keys of two.
    pub fn open(&self, officers: &[TransportKey]) -> anyhow::Result<Secrets> {
        let [one, other] = officers else {
            bail!("a backup is opened with the keys of {TOGETHER} officers, and not of {}", officers.len())
        };
        let thumbprints = [one, other].map(|officer| officer.recipient().thumbprint());
        ensure!(thumbprints[0] != thumbprints[1], "both keys are of the same officer: it takes two");
        if let Some(stranger) = thumbprints.iter().find(|t| !self.body.officers.iter().any(|o| o == *t)) {
            bail!(
                "the backup is not for the officer `{stranger}`; `charterd keys check` says for whom it is"
            );
        }
        let is = |t: &str, key: &TransportKey| key.recipient().thumbprint() == t;
        let of = |first: &TransportKey, second: &TransportKey| {
            self.body.pairs.iter().find(|pair| is(&pair.first, first) && is(&pair.second, second))
        };
        let found = of(one, other).map(|pair| (pair, one, other));
        let found = found.or_else(|| of(other, one).map(|pair| (pair, other, one)));
        let (pair, first, second) = found.context("the backup has nothing for these two")?;
        let opened = second.open_over(&pair.key).and_then(|inner| first.open(&inner));
        let file = opened.context("the backup was changed")?;
        let content = file.open(&self.sealed).context("the backup was changed")?;
        let content: Content = serde_json::from_slice(&content).context("the backup cannot be read")?;
        ensure!(
            content.body == digest(&serde_json::to_vec(&self.body)?)
                && content.secrets.keys().eq(self.body.holds.iter()),
            "the backup was changed: what it says of itself is not what was sealed"
        );
        Ok(content.secrets)
    }

    /// The file as it is written.
    pub fn to_text(&self) -> anyhow::Result<String> {
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        ensure!(text.len() <= MAX_BYTES, "a backup of {} bytes is too long", text.len());
        Ok(text)
    }

    /// Of a file: whole, and nothing but what was written.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        ensure!(bytes.len() <= MAX_BYTES, "it is longer than {MAX_BYTES} bytes");
        let text = std::str::from_utf8(bytes).context("it is no backup of `charterd keys backup`")?;
        let value = json::parse_strict(text).context("it is no backup of `charterd keys backup`")?;
        let form = value["body"]["format"].as_str().unwrap_or_default();
        ensure!(form == FORMAT, "it is of the form `{form:.40}`; this version reads `{FORMAT}`");
        let backup: Self =
            serde_json::from_value(value).context("it is no backup of `charterd keys backup`")?;
        ensure!(
            backup.to_text()? == text && whole(&backup.body, &backup.sealed)? == backup.sha256,
            "it is damaged: take another copy"
        );
        backup.body.check()?;
        Ok(backup)
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        use std::io::Read as _;
        let text = || format!("`{}`", path.display());
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).with_context(text)?;
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(text)?;
        Self::parse(&bytes).with_context(text)
    }

    /// Makes the file, which must not be there.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = self.to_text()?;
        durable::create(path, text.as_bytes(), SECRET).with_context(|| {
            format!("cannot make `{}`; a file that is there is not overwritten", path.display())
        })
    }
}

impl Body {
    /// Two officers at least, each once, and each two of them have their pair.
    fn check(&self) -> anyhow::Result<()> {
        let count = self.officers.len();
        let ordered = self.officers.is_sorted_by(|a, b| a < b);
        let of = |pair: &Pair| (pair.first.clone(), pair.second.clone());
        let pairs: Vec<(String, String)> = self.pairs.iter().map(of).collect();
        ensure!(
            (TOGETHER..=MAX_OFFICERS).contains(&count) && ordered && pairs == each_two(&self.officers),
            "it is no backup that two of several officers open"
        );
        Ok(())
    }
}

/// Each two, in order.
fn each_two<T: Clone>(all: &[T]) -> Vec<(T, T)> {
    let with = |(n, one): (usize, &T)| {
        all[n + 1..].iter().map(|other| (one.clone(), other.clone())).collect::<Vec<_>>()
    };
    all.iter().enumerate().flat_map(with).collect()
}

fn pairs(officers: &[&Recipient], file: &Kek) -> anyhow::Result<Vec<Pair>> {
    let pair = |(first, second): (&Recipient, &Recipient)| {
        let key = second.seal_over(&first.seal(file)?)?;
        Ok(Pair { first: first.thumbprint().to_owned(), second: second.thumbprint().to_owned(), key })
    };
    each_two(officers).into_iter().map(pair).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn whole(body: &Body, sealed: &str) -> anyhow::Result<String> {
    Ok(digest(&serde_json::to_vec(&(body, sealed))?))
}

#[cfg(test)]
mod tests;
