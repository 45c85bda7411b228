//! Proofs that an entry is in a log, to be checked offline (C2SP tlog-proof).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    checkpoint::{self, SignedCheckpoint},
    cosign::Cosigned,
    hash::{Hash, TEXT_BYTES},
    note, number,
    policy::{Policy, Unmet},
    proof::{self, MAX_HASHES},
    tree::MAX_SIZE,
    witness::read_hashes,
};

/// First line of a proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Most extra data, in bytes.
pub const MAX_EXTRA: usize = 64 * 1024;
/// Longest proof: header, extra data in base64, index, 63 hashes, a note.
pub const MAX_BYTES: usize =
    100 + MAX_EXTRA.div_ceil(3) * 4 + MAX_HASHES * (TEXT_BYTES + 1) + note::MAX_BYTES;

/// What is no proof, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a proof has at most {MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    #[error("a proof begins with the line `{HEADER}`")]
    Header,
    #[error(
        "a proof is `{HEADER}`, `extra <base64>` or not, `index <number>`, up to {MAX_HASHES} hashes, an empty line and a checkpoint"
    )]
    Form,
    #[error("extra data is 1 to {MAX_EXTRA} bytes in standard base64; without any the line is left out")]
    Extra,
    #[error("line {0} is no hash: 32 bytes in standard base64")]
    Hash(usize),
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    #[error(transparent)]
    Policy(#[from] Unmet),
    #[error("the entry is not where the proof says: {0}")]
    Inclusion(#[from] proof::Error),
}

/// An entry's place in a log. It says nothing before [`LogProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The log.
    pub origin: String,
    /// Leaves of the tree that the witnesses saw.
    pub size: u64,
    /// The entry's place, from 0.
    pub index: u64,
    /// Who saw that tree, and when.
    pub witnesses: Vec<Cosigned>,
}

impl LogProof {
    /// `index` is the entry's, from 0; `hashes` its proof of inclusion in the checkpoint's tree; empty `extra` is none.
    pub fn new(
        extra: Option<Vec<u8>>,
        index: u64,
        hashes: Vec<Hash>,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, Error> {
        let extra = extra.filter(|extra| !extra.is_empty());
        if extra.as_ref().is_some_and(|extra| extra.len() > MAX_EXTRA) {
            return Err(Error::Extra);
        }
        if index > MAX_SIZE || hashes.len() > MAX_HASHES {
            return Err(Error::Form);
        }
        Ok(Self { extra, index, hashes, checkpoint })
    }

    /// Data of the application. Nothing signs it: it may be anything.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    /// Proof of inclusion, from the leaf's sibling up.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Verifies that the entry with this hash is in a log of the policy, as its quorum saw it.
    pub fn verify(&self, leaf: Hash, policy: &Policy) -> Result<Proven, Error> {
        let met = policy.verify(&self.checkpoint)?;
        let tree = self.checkpoint.checkpoint();
        proof::verify_inclusion(leaf, self.index, tree.size(), &self.hashes, tree.root())?;
        Ok(Proven {
            origin: tree.origin().to_owned(),
            size: tree.size(),
            index: self.index,
            witnesses: met.witnesses,
        })
    }
}

impl FromStr for LogProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong(text.len()));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(Error::Form)?;
        let mut lines = (1..).zip(head.split('\n')).peekable();
        lines.next().filter(|(_, line)| *line == HEADER).ok_or(Error::Header)?;
        let extra = lines.next_if(|(_, line)| line.starts_with("extra "));
        let extra = extra.map(|(_, line)| read_extra(line)).transpose()?;
        let (number, index) = lines.next().ok_or(Error::Form)?;
        let index = index.strip_prefix("index ").and_then(number::parse).ok_or(Error::Form)?;
        let hashes = read_hashes(lines.map(|(_, line)| line), number + 1)
            .map_err(|wrong| wrong.map_or(Error::Form, Error::Hash))?;
        Self::new(extra, index, hashes, SignedCheckpoint::parse(checkpoint.as_bytes())?)
    }
}

fn read_extra(line: &str) -> Result<Vec<u8>, Error> {
    let data = line.strip_prefix("extra ").and_then(|data| STANDARD.decode(data).ok());
    data.filter(|data| !data.is_empty()).ok_or(Error::Extra)
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests;
