//! What a witness last cosigned of each log: one file a log, beside no database (C2SP tlog-witness, add-checkpoint).
//!
//! The file is the checkpoint with the log's signature and this witness's cosignature. It is read and replaced under
//! a lock of the operating system, so that processes that share the folder take turns too.

use std::{
    fs::File,
    io,
    ops::Deref,
    path::{Path, PathBuf},
};

use charter_tlog::{checkpoint::SignedCheckpoint, cosign, note};
use sha2::{Digest as _, Sha256};

use super::key::Keys;
use crate::durable;

/// SHA-256 of an origin in lower-case hexadecimal: how files and paths name a log.
pub fn hash(origin: &str) -> String {
    Sha256::digest(origin.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why what was cosigned is not known. Nothing may be cosigned then.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("`{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// Not what this witness wrote.
    #[error("`{0}` is damaged: restore it, or remove it and confirm with `charterd log confirm-witness`")]
    Damaged(PathBuf),
}

/// The files of one log. Each is replaced as a whole, so that it can be read without the lock; it may be another by then.
pub struct Files {
    path: PathBuf,
}

/// The state of one log, held: nobody else writes it meanwhile.
pub struct Held {
    files: Files,
    /// Unlocked when it is closed.
    _lock: File,
}

/// Why and since when nothing of a log is cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// SHA-256 of the evidence, in lower-case hexadecimal.
    pub evidence: String,
    /// Seconds since 1970; none in a file that an earlier version wrote.
    pub since: Option<u64>,
}

/// Where the witness of a registry keeps its files.
pub fn folder(dir: &Path, slug: &str) -> PathBuf {
    dir.join("witness").join(slug)
}

impl Deref for Held {
    type Target = Files;
    fn deref(&self) -> &Files {
        &self.files
    }
}

impl Files {
    pub fn of(folder: &Path, origin: &str) -> Self {
        Self { path: folder.join(hash(origin)) }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    fn read(&self, extension: &str) -> Result<Option<Vec<u8>>, Fault> {
        let path = self.file(extension);
        durable::read(&path).map_err(|e| Fault::Io(path, e))
    }

    /// The file as it is.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, Fault> {
        self.read("checkpoint")
    }

    /// The last checkpoint that was cosigned, and when, in seconds since 1970. A signature by a key in use must verify;
    /// one by a key that was replaced is left alone.
    pub fn seen(&self, keys: &Keys) -> Result<Option<(SignedCheckpoint, u64)>, Fault> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        let damaged = || Fault::Damaged(self.file("checkpoint"));
        let seen = SignedCheckpoint::parse(&bytes).map_err(|_| damaged())?;
        let known = seen.checkpoint().origin() == keys.log.name().as_str();
        let by_log = seen.note().verify(std::slice::from_ref(&keys.log));
        let by_us = cosign::verify(&seen, std::slice::from_ref(&keys.own.vkey));
        let replaced = |e: &note::Error| *e == note::Error::Unsigned;
        let at = match (by_log, by_us) {
            (Err(e), _) if !replaced(&e) => return Err(damaged()),
            (_, Ok(cosigned)) => cosigned.iter().map(|c| c.time_secs).max().unwrap_or(0),
            (Ok(_), Err(e)) if replaced(&e) => 0,
            _ => return Err(damaged()),
        };
        if known { Ok(Some((seen, at))) } else { Err(damaged()) }
    }

    /// Whether nothing of this log is cosigned any more.
    pub fn quarantine(&self) -> Result<Option<Quarantined>, Fault> {
        let Some(bytes) = self.read("quarantine")? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().map(str::trim);
        let evidence = lines.next().unwrap_or_default().to_owned();
        Ok(Some(Quarantined { evidence, since: lines.next().and_then(|secs| secs.parse().ok()) }))
    }
}

impl Held {
    /// Waits until nobody else holds the state of this log. Blocks.
    pub fn take(folder: &Path, origin: &str) -> Result<Self, Fault> {
        let files = Files::of(folder, origin);
        let told = |e| Fault::Io(files.path.clone(), e);
        durable::folder(folder).map_err(told)?;
        let lock = File::create(files.file("lock")).map_err(told)?;
        lock.lock().map_err(told)?;
        Ok(Self { files, _lock: lock })
    }

    /// Replaces it; on the disk when this returns.
    pub fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), Fault> {
        self.write("checkpoint", checkpoint.to_string().as_bytes())
    }

    /// Names the evidence, and when it was seen, in seconds since 1970.
    pub fn set_quarantine(&self, evidence: &str, now_secs: u64) -> Result<(), Fault> {
        self.write("quarantine", format!("{evidence}\n{now_secs}\n").as_bytes())
    }

    /// Ends the quarantine; false if there was none.
    pub fn release(&self) -> Result<bool, Fault> {
        let (path, there) = (self.file("quarantine"), self.quarantine()?.is_some());
        durable::remove(&path).map_err(|e| Fault::Io(path, e))?;
        Ok(there)
    }

    fn write(&self, extension: &str, contents: &[u8]) -> Result<(), Fault> {
        let path = self.file(extension);
        durable::replace(&path, contents).map_err(|e| Fault::Io(path, e))
    }
}

/// The last checkpoint cosigned of a log, as it is in the file: for monitors. Read without the lock, since files are
/// replaced as a whole.
pub fn shown(folder: &Path, hash: &str) -> io::Result<Option<Vec<u8>>> {
    durable::read(&folder.join(hash).with_extension("checkpoint"))
}

/// Whether a log is in quarantine, without waiting for who holds its state.
pub fn quarantined(folder: &Path, origin: &str) -> bool {
    folder.join(hash(origin)).with_extension("quarantine").exists()
}
