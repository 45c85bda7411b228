//! What a witness decides of a new checkpoint (C2SP tlog-witness, add-checkpoint). Which log an origin belongs to, and
//! that what is accepted is stored before it is cosigned, is the caller's.

mod equivocation;
mod request;

use crate::{
    checkpoint::{self, Checkpoint, SignedCheckpoint},
    hash::{self, Hash},
    note::Vkey,
    proof,
};

pub use equivocation::{Equivocation, EquivocationError};
pub(crate) use request::read_hashes;
pub use request::{AddCheckpoint, RequestError};

/// The latest checkpoint of a log that this witness cosigned, with the log's signature: what it compares with, and
/// half of the evidence if the log contradicts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen(SignedCheckpoint);

impl Seen {
    /// From what the witness stored, which it verified then.
    pub fn new(signed: SignedCheckpoint) -> Self {
        Self(signed)
    }

    pub fn size(&self) -> u64 {
        self.0.checkpoint().size()
    }

    pub fn root(&self) -> Hash {
        self.0.checkpoint().root()
    }

    /// What to store, in one transaction with the comparison, before cosigning.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.0
    }
}

/// A checkpoint that follows from the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What to store, then to cosign. Of the signatures, the log's is left.
    pub seen: Seen,
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the old size {old} is larger than the checkpoint's, {size}")]
    BadRequest { old: u64, size: u64 },
    #[error("the log did not sign this: {0}")]
    Forbidden(#[source] checkpoint::Error),
    /// The evidence, if any: the checkpoint contradicts the one of `size`, whatever the old size.
    #[error("the latest checkpoint that was cosigned is of size {size}: prove consistency with it")]
    Conflict { size: u64, evidence: Option<Box<Equivocation>> },
    #[error("the root of a tree without leaves is the hash of nothing")]
    EmptyRoot,
    #[error("an old size of 0 takes no proof")]
    Unneeded,
    /// The proof may be at fault, and not the log: this is no evidence.
    #[error("the proof of consistency does not hold: {0}")]
    Proof(#[source] proof::Error),
    #[error("the log signed another root of size {}", .evidence.size())]
    Inconsistent { evidence: Box<Equivocation> },
}

impl Rejected {
    /// The HTTP status. The body of a 409 is the size and a newline, its type `text/x.tlog.size`.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest { .. } => 400,
            Self::Forbidden(_) => 403,
            Self::Conflict { .. } => 409,
            Self::EmptyRoot | Self::Unneeded | Self::Proof(_) | Self::Inconsistent { .. } => 422,
        }
    }

    /// Two checkpoints of the log that cannot both be true, to be kept and told.
    pub fn evidence(&self) -> Option<&Equivocation> {
        match self {
            Self::Inconsistent { evidence } => Some(evidence),
            Self::Conflict { evidence, .. } => evidence.as_deref(),
            _ => None,
        }
    }
}

/// Decides of a request for the log whose key is `log`, of which `seen` was cosigned last. The checks are in the order
/// of the specification. A request of another origin is the caller's 404; here it is forbidden.
pub fn consider(request: &AddCheckpoint, seen: Option<&Seen>, log: &Vkey) -> Result<Accepted, Rejected> {
    let own = verified(&request.checkpoint, seen, log).map_err(Rejected::Forbidden)?;
    let (old, new) = (request.old, own.checkpoint());
    if old > new.size() {
        return Err(Rejected::BadRequest { old, size: new.size() });
    }
    let size = seen.map_or(0, Seen::size);
    let evidence = seen.and_then(|seen| Equivocation::new(seen.0.clone(), own.clone()).ok()).map(Box::new);
    if old != size {
        return Err(Rejected::Conflict { size, evidence });
    }
    if let Some(evidence) = evidence {
        return Err(Rejected::Inconsistent { evidence });
    }
    check_growth(seen, new, &request.proof)?;
    Ok(Accepted { seen: Seen(own) })
}

/// What the log signed, without other signatures. A state of another log would make every comparison wrong.
fn verified(
    signed: &SignedCheckpoint,
    seen: Option<&Seen>,
    log: &Vkey,
) -> Result<SignedCheckpoint, checkpoint::Error> {
    signed.verify_log(log)?;
    if let Some(seen) = seen.filter(|seen| seen.0.checkpoint().origin() != log.name().as_str()) {
        let origin = seen.0.checkpoint().origin().to_owned();
        return Err(checkpoint::Error::Origin { origin, key: log.name().clone() });
    }
    Ok(signed.only(std::slice::from_ref(log))?)
}

fn check_growth(seen: Option<&Seen>, new: &Checkpoint, proof: &[Hash]) -> Result<(), Rejected> {
    if new.size() == 0 && new.root() != hash::EMPTY {
        return Err(Rejected::EmptyRoot);
    }
    match seen.filter(|seen| seen.size() > 0) {
        Some(seen) => proof::verify_consistency(seen.size(), seen.root(), new.size(), new.root(), proof)
            .map_err(Rejected::Proof),
        None if proof.is_empty() => Ok(()),
        None => Err(Rejected::Unneeded),
    }
}

#[cfg(test)]
mod tests;
