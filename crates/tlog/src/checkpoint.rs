//! Checkpoints: a log's signed statement of its tree (C2SP tlog-checkpoint).

use std::{fmt, str::FromStr};

use crate::{
    hash::Hash,
    note::{self, KeyKind, KeyName, Note, NoteSigner, SignError, SignatureLine, Vkey},
    number,
    tree::MAX_SIZE,
};

/// What is no checkpoint, or none of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a checkpoint is three lines or more, none empty: origin, size, root")]
    Form,
    #[error("`{0}` is no size of a tree: a decimal number up to 9223372036854775807 without leading zeroes")]
    Size(String),
    #[error("the root: {0}")]
    Root(#[from] crate::hash::NotAHash),
    #[error("the checkpoint is of `{origin}`, the key of `{key}`")]
    Origin { origin: String, key: KeyName },
    #[error("`{0}` is not a log's key: one is of type 0x01")]
    Kind(Box<Vkey>),
    #[error(transparent)]
    Note(#[from] note::Error),
}

/// The tree of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Of the log that `origin` names, with `size` leaves.
    pub fn new(origin: &KeyName, size: u64, root: Hash) -> Result<Self, Error> {
        if size > MAX_SIZE {
            return Err(Error::Size(size.to_string()));
        }
        Ok(Self { origin: origin.to_string(), size, root, extensions: Vec::new() })
    }

    /// Which log it is of: its identity, not an address.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines after the root, which have no meaning here.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs with the log's key, which has the name of the origin.
    pub fn sign(self, signer: &NoteSigner<'_>) -> Result<SignedCheckpoint, SignError> {
        if signer.vkey().name().as_str() != self.origin {
            let key = Box::new(signer.vkey().clone());
            return Err(SignError::WrongName { key, origin: self.origin });
        }
        let note = signer.note(self.to_string())?;
        Ok(SignedCheckpoint { note, checkpoint: self })
    }
}

/// The text that is signed. Origins that are no names of keys are read too: no key matches them.
impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or(Error::Form)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(Error::Form);
        let (origin, size, root) = (line()?, line()?, line()?);
        let number = number::parse(size).filter(|size| *size <= MAX_SIZE);
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(Error::Form);
        }
        let size = number.ok_or_else(|| Error::Size(number::shorten(size)))?;
        Ok(Self { origin: origin.to_owned(), size, root: root.parse()?, extensions })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A note whose text is a checkpoint. It says nothing before it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: note.text().parse()?, note })
    }

    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What it says, verified or not.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Verifies that the log with this key signed it: the key is of type 0x01 and has the name of the origin.
    pub fn verify_log(&self, log: &Vkey) -> Result<(), Error> {
        if log.kind() != KeyKind::Ed25519 {
            return Err(Error::Kind(Box::new(log.clone())));
        }
        if log.name().as_str() != self.checkpoint.origin {
            return Err(Error::Origin { origin: self.checkpoint.origin.clone(), key: log.name().clone() });
        }
        self.note.verify(std::slice::from_ref(log))?;
        Ok(())
    }

    /// With the lines by these keys alone, unverified; an error if none is left.
    pub fn only(&self, keys: &[Vkey]) -> Result<Self, note::Error> {
        let known = |line: &&SignatureLine| keys.iter().any(|key| line.is_by(key));
        self.with_lines(self.note.signatures().iter().filter(known).cloned().collect())
    }

    pub(crate) fn with_lines(&self, lines: Vec<SignatureLine>) -> Result<Self, note::Error> {
        let note = Note::new(self.note.text().to_owned(), lines)?;
        Ok(Self { note, checkpoint: self.checkpoint.clone() })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests;
