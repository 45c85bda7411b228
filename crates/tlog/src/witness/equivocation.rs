//! Evidence that a log told two stories: two checkpoints of one size with different roots, both signed.

use std::{fmt, str::FromStr};

use crate::{
    checkpoint::{self, SignedCheckpoint},
    note::{self, Vkey},
};

/// First line of the text form.
const HEADER: &str = "tlog-equivocation/v1";
const MAX_BYTES: usize = HEADER.len() + 3 + 2 * note::MAX_BYTES;

/// What is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    #[error("evidence has at most {MAX_BYTES} bytes; this has {0}")]
    TooLong(usize),
    #[error("evidence is the line `{HEADER}` and two checkpoints, an empty line before each")]
    Form,
    #[error("the two checkpoints can both be true: they are of different logs or sizes, or of one root")]
    Agreement,
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
}

/// Two checkpoints of one origin and size with different roots. Whoever has the log's key can verify it, without the
/// log and without whom it comes from. (Checkpoints of different sizes show nothing by themselves: that no proof of
/// consistency exists cannot be shown.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    first: SignedCheckpoint,
    second: SignedCheckpoint,
}

impl Equivocation {
    /// Compares what the two say; the signatures are verified by [`Equivocation::verify`].
    pub fn new(first: SignedCheckpoint, second: SignedCheckpoint) -> Result<Self, EquivocationError> {
        let (a, b) = (first.checkpoint(), second.checkpoint());
        if a.origin() != b.origin() || a.size() != b.size() || a.root() == b.root() {
            return Err(EquivocationError::Agreement);
        }
        Ok(Self { first, second })
    }

    /// Verifies that the log with this key signed both.
    pub fn verify(&self, log: &Vkey) -> Result<(), checkpoint::Error> {
        self.first.verify_log(log)?;
        self.second.verify_log(log)
    }

    pub fn origin(&self) -> &str {
        self.first.checkpoint().origin()
    }

    /// Number of leaves that both are of.
    pub fn size(&self) -> u64 {
        self.first.checkpoint().size()
    }

    /// The one that was seen first, and the other.
    pub fn checkpoints(&self) -> [&SignedCheckpoint; 2] {
        [&self.first, &self.second]
    }
}

impl fmt::Display for Equivocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEADER}\n\n{}\n{}", self.first, self.second)
    }
}

/// A checkpoint has one empty line, between its text and its signatures: the third one ends the first checkpoint.
impl FromStr for Equivocation {
    type Err = EquivocationError;

    fn from_str(text: &str) -> Result<Self, EquivocationError> {
        if text.len() > MAX_BYTES {
            return Err(EquivocationError::TooLong(text.len()));
        }
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix("\n\n"));
        let rest = rest.ok_or(EquivocationError::Form)?;
        let (end, _) = rest.match_indices("\n\n").nth(1).ok_or(EquivocationError::Form)?;
        let parse = |text: &str| SignedCheckpoint::parse(text.as_bytes());
        Self::new(parse(&rest[..=end])?, parse(&rest[end + 2..])?)
    }
}
