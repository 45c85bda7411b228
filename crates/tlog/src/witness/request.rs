//! The body of `add-checkpoint` (C2SP tlog-witness).

use std::fmt;

use crate::{
    checkpoint::{self, SignedCheckpoint},
    hash::{Hash, TEXT_BYTES},
    note, number,
    proof::MAX_HASHES,
    tree::MAX_SIZE,
};

/// Longest body: the old size, 63 hashes, an empty line, a note.
const MAX_BYTES: usize =
    "old 9223372036854775807\n\n".len() + MAX_HASHES * (TEXT_BYTES + 1) + note::MAX_BYTES;

/// What is no such body; the status is 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("a request has at most {MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    #[error("a request is `old <size>`, up to {MAX_HASHES} hashes, an empty line and a checkpoint")]
    Form,
    #[error("line {0} is no hash: 32 bytes in standard base64")]
    Hash(usize),
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
}

/// A log, or a monitor, that asks for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the proof begins at; 0 if there was none.
    pub old: u64,
    /// Proof of consistency from there, at most 63 hashes.
    pub proof: Vec<Hash>,
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_BYTES {
            return Err(RequestError::TooLong(bytes.len()));
        }
        // The lines before the first empty one are ASCII.
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").ok_or(RequestError::Form)?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| RequestError::Form)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number::parse);
        let old = old.filter(|old| *old <= MAX_SIZE).ok_or(RequestError::Form)?;
        let proof =
            read_hashes(lines, 2).map_err(|wrong| wrong.map_or(RequestError::Form, RequestError::Hash))?;
        Ok(Self { old, proof, checkpoint: SignedCheckpoint::parse(&bytes[end + 2..])? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Up to 63 hashes, one a line. The error is the number of the first line that is none, counted from `first`, or
/// nothing if there are too many.
pub(crate) fn read_hashes<'t>(
    lines: impl Iterator<Item = &'t str>,
    first: usize,
) -> Result<Vec<Hash>, Option<usize>> {
    let mut hashes = Vec::new();
    for (number, line) in (first..).zip(lines) {
        if hashes.len() == MAX_HASHES {
            return Err(None);
        }
        hashes.push(line.parse().map_err(|_| Some(number))?);
    }
    Ok(hashes)
}
