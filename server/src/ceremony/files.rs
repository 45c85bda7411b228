//! Files of a ceremony: read whole, within bounds, and made anew.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use charter_proof::{Believed, SignedSet, anchor::signed::MAX_BYTES};
use sha2::{Digest as _, Sha256};

use crate::durable;

/// Private keys: for their owner alone.
pub const SECRET: u32 = 0o600;
/// What is published.
pub const PUBLIC: u32 = 0o644;

/// A file as it was read, for the minutes.
pub struct Input {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

impl Input {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = || format!("cannot read `{}`", path.display());
        let file = File::open(path).with_context(text)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(text)?;
        ensure!(bytes.len() <= MAX_BYTES, "`{}` is longer than {MAX_BYTES} bytes", path.display());
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// A version, drafted or signed.
    pub fn set(&self) -> anyhow::Result<SignedSet> {
        SignedSet::parse(&self.bytes).with_context(|| format!("`{}`", self.path.display()))
    }

    /// The version that is in force.
    pub fn believed(&self) -> anyhow::Result<Believed> {
        Believed::kept(self.set()?).with_context(|| format!("`{}`", self.path.display()))
    }
}

/// SHA-256 in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Makes a file; one that is there stays as it is.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    durable::create(path, bytes, mode)
        .with_context(|| format!("cannot make `{}`; a file that is there is not overwritten", path.display()))
}
