//! The last checkpoint of a log that was verified here: what the log must have grown from the next time.

use std::{io::ErrorKind, path::PathBuf};

use charter_tlog::{
    checkpoint::SignedCheckpoint,
    note::{self, Vkey},
};
use sha2::{Digest as _, Sha256};

use crate::{
    args::Trusted,
    exit::{Exit, Failure},
    file,
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
        file::replace(&self.path, signed.to_string().as_bytes()).map_err(|e| {
            Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", self.path.display()))
        })
    }
}
