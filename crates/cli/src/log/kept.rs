//! The last checkpoint of a log that was verified here: what the log must have grown from the next time.

use std::{
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use charter_tlog::{
    checkpoint::SignedCheckpoint,
    note::{self, Vkey},
};
use sha2::{Digest as _, Sha256};

use crate::{
    args::Trusted,
    exit::{Exit, Failure},
    login::Place,
};

/// One log's file.
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// The file that the options name, or the profile's own for the log of this origin.
    pub fn of(place: &Place, args: &Trusted, origin: &str) -> Result<Self, Failure> {
        if let Some(path) = &args.state {
            return Ok(Self { path: path.clone() });
        }
        let name: String = Sha256::digest(origin).iter().map(|b| format!("{b:02x}")).collect();
        let dir = place.logs().ok_or_else(|| {
            Failure::usage(
                "there is no place to keep what was verified: set HOME or XDG_STATE_HOME (absolute)",
            )
            .hint("--state names a file")
        })?;
        Ok(Self { path: dir.join(format!("{name}.checkpoint")) })
    }

    /// What was kept, its signature verified again; `None` the first time.
    pub fn read(&self, log: &Vkey) -> Result<Option<SignedCheckpoint>, Failure> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Failure::usage(format!("cannot read `{}`: {error}", self.path.display())));
            }
        };
        let unusable = |why: String| {
            let text = format!("`{}` holds no checkpoint of this log: {why}", self.path.display());
            Failure::usage(text).hint("--from-scratch believes no checkpoint of an earlier run")
        };
        if bytes.len() > note::MAX_BYTES {
            return Err(unusable("it is too long".to_owned()));
        }
        let signed = SignedCheckpoint::parse(&bytes).map_err(|e| unusable(e.to_string()))?;
        signed.verify_log(log).map_err(|e| unusable(e.to_string()))?;
        Ok(Some(signed))
    }

    /// Replaces what was kept, in one step.
    pub fn write(&self, signed: &SignedCheckpoint) -> Result<(), Failure> {
        replace(&self.path, signed.to_string().as_bytes()).map_err(|e| {
            Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", self.path.display()))
        })
    }
}

fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let new = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
