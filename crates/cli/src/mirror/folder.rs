//! The directory of a copy: `copy.json` says what it is, `files/<SHA-256>` are the files as the registries serve them.
//! Files come first and `copy.json` last, so whoever reads meanwhile, or after a crash, has the old copy or the new.

use std::{
    collections::HashSet,
    fs::File as OsFile,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use charter_domain::{AuthorityId, Timestamp};
use charter_proof::document::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    exit::{Exit, Failure},
    file,
};

const COPY: &str = "copy.json";
const FILES: &str = "files";
const LOCK: &str = "lock";
/// Of `copy.json`.
const VERSION: u8 = 1;
/// Longest `copy.json` in bytes: an index of 256 KiB for each registry.
const MAX_HEADS: u64 = 256 * 1024 * super::MAX_REGISTRIES as u64;

/// What the copy is: a registry before those below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    version: u8,
    pub registries: Vec<Head>,
}

/// A registry as it was verified last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub authority_id: AuthorityId,
    /// Absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superior: Option<AuthorityId>,
    /// Ways up: statements about it and its superiors, each ending with the anchor's configuration.
    pub ways: Vec<Vec<String>>,
    /// The signed index of its files.
    pub index: String,
    /// When all of this was verified; documents are held against this instant, since nobody renews them here.
    pub verified_at: Timestamp,
}

impl Heads {
    pub fn new(registries: Vec<Head>) -> Self {
        Self { version: VERSION, registries }
    }
}

#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// Nobody else changes the copy while this file is open.
    pub fn lock(&self) -> Result<OsFile, Failure> {
        let path = self.0.join(LOCK);
        let failed = |e: &dyn std::fmt::Display| {
            Failure::new(Exit::Unexpected, format!("cannot lock `{}`: {e}", path.display()))
        };
        std::fs::create_dir_all(self.0.join(FILES)).map_err(|e| failed(&e))?;
        let file = OsFile::create(&path).map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                let text = format!("`{}` is being brought up to date already", self.0.display());
                Err(Failure::new(Exit::Conflict, text))
            }
            Err(std::fs::TryLockError::Error(e)) => Err(failed(&e)),
        }
    }

    /// `None` where nothing was put in place yet.
    pub fn heads(&self) -> Result<Option<Heads>, Failure> {
        let path = self.0.join(COPY);
        let unusable = |e: &dyn std::fmt::Display| {
            Failure::new(Exit::CannotVerify, format!("`{}`: {e}", path.display()))
                .hint("remove the directory, and run `charter mirror sync` again")
        };
        let Some(json) = read(&path, MAX_HEADS).map_err(|e| unusable(&e))? else { return Ok(None) };
        let heads: Heads = serde_json::from_slice(&json).map_err(|e| unusable(&e))?;
        if heads.version == VERSION {
            return Ok(Some(heads));
        }
        Err(unusable(&"it was written by another version of this program"))
    }

    /// What tells one state of the copy from another without reading it.
    pub fn stamp(&self) -> Option<(std::time::SystemTime, u64)> {
        let found = std::fs::metadata(self.0.join(COPY)).ok()?;
        Some((found.modified().ok()?, found.len()))
    }

    fn place(&self, file: &File) -> PathBuf {
        self.0.join(FILES).join(&file.sha256)
    }

    /// The bytes of a file; `None` if it is not there, or is not what its digest says.
    pub fn file(&self, file: &File) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.place(file);
        match read(&path, file.size) {
            Ok(found) => Ok(found.filter(|bytes| is_it(file, bytes))),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => Ok(None),
            Err(error) => {
                let text = format!("cannot read `{}`: {error}", path.display());
                Err(Failure::new(Exit::CannotVerify, text))
            }
        }
    }

    /// Keeps a file that is what its digest says.
    pub fn put(&self, file: &File, bytes: &[u8]) -> Result<(), Failure> {
        file::replace(&self.place(file), bytes).map_err(|e| self.unwritten(&e))
    }

    /// Puts the copy in place, and removes the files that are not of it.
    pub fn replace(&self, heads: &Heads, named: &HashSet<String>) -> Result<(), Failure> {
        let json = serde_json::to_vec(heads)
            .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write JSON: {e}")))?;
        file::replace(&self.0.join(COPY), &json).map_err(|e| self.unwritten(&e))?;
        let listed = std::fs::read_dir(self.0.join(FILES)).map_err(|e| self.unwritten(&e))?;
        for entry in listed.flatten() {
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                // What stays costs room and is tried again the next time.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn unwritten(&self, error: &std::io::Error) -> Failure {
        Failure::new(Exit::Unexpected, format!("cannot write in `{}`: {error}", self.0.display()))
    }
}

/// Whether these bytes are the file that the index names.
pub fn is_it(file: &File, bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|size| size == file.size)
        && format!("{:x}", Sha256::digest(bytes)) == file.sha256
}

/// At most one byte more than `longest`: that tells a file that is too long.
fn read(path: &Path, longest: u64) -> std::io::Result<Option<Vec<u8>>> {
    let opened = match OsFile::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    opened.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= longest) {
        return Ok(Some(bytes));
    }
    Err(std::io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {longest} bytes")))
}
