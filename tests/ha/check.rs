//! Judges a run by its history and by what is recorded in the end, after everything is well again.

pub mod found;
pub mod gaps;
mod linear;
mod roots;
mod stale;
#[cfg(test)]
mod tests;
mod writes;

use std::{collections::BTreeMap, fmt};

use charter_tlog::Hash;

use crate::history::{Entry, Micros, SECOND};

/// How much older than its question an answer may be: what is recorded is seen by every server within a lease
/// (`cache.lease_ms`). A yes is never older than an acknowledged suspension: that is acknowledged when all have seen it.
pub const LEASE: Micros = SECOND + SECOND / 10;

/// What is recorded in the end.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The sequence numbers of the events of each operation of the run, by its number.
    pub events: BTreeMap<u32, Vec<i64>>,
    /// What is answered about entities, by their numbers.
    pub answers: BTreeMap<u32, bool>,
    /// Leaf hashes of all events, from the first.
    pub leaves: Vec<Hash>,
}

/// Size and root of a checkpoint, and who served it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub server: usize,
    pub size: u64,
    pub root: Hash,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// It was acknowledged, and is not there.
    Lost(u32),
    /// One request has several events.
    Twice(u32),
    /// It was refused, and is there.
    RefusedPresent(u32),
    /// An event of an operation that nobody began.
    Unasked(u32),
    /// The entity is answered otherwise than its events say.
    OtherAnswer(u32),
    /// A yes to a question that was sent after the suspension of the entity was acknowledged: number of the question.
    StaleYes(u32),
    /// An answer that neither the events up to its epoch give nor one after it: number of the question.
    OtherEpoch(u32),
    /// The history of the entity is that of no register.
    NotLinear(u32),
    /// The history of the entity is too tangled to decide.
    Undecided(u32),
    /// A checkpoint of that size has another root than the events give.
    Fork { size: u64, server: usize },
    /// A checkpoint of more events than there are.
    Vanished { size: u64, server: usize },
    /// Found by other means: the database's own check, `charterd log fsck`, a fault's own condition.
    Other(String),
}

impl Violation {
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Vanished { .. })
    }

    /// What was seen has no order.
    pub const fn is_disorder(&self) -> bool {
        matches!(self, Self::StaleYes(_) | Self::OtherEpoch(_) | Self::NotLinear(_) | Self::Undecided(_))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(n) => write!(f, "write {n} was acknowledged and is lost"),
            Self::Twice(n) => write!(f, "write {n} is recorded more than once"),
            Self::RefusedPresent(n) => write!(f, "write {n} was refused and is recorded"),
            Self::Unasked(n) => write!(f, "write {n} is recorded and nobody sent it"),
            Self::OtherAnswer(n) => write!(f, "entity {n} is not answered as its events say"),
            Self::StaleYes(n) => write!(f, "question {n}: yes after an acknowledged suspension"),
            Self::OtherEpoch(n) => write!(f, "question {n}: not what was recorded up to the epoch it names"),
            Self::NotLinear(n) => write!(f, "entity {n}: no order of its operations explains the answers"),
            Self::Undecided(n) => write!(f, "entity {n}: too many operations at once to decide"),
            Self::Fork { size, server } => {
                write!(f, "server {server}: checkpoint of {size} has another root")
            }
            Self::Vanished { size, server } => {
                write!(f, "server {server}: checkpoint of {size}, and there are fewer events")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// All that is wrong with a run.
pub fn judge(history: &[Entry], found: &Found, seen: &[Seen]) -> Vec<Violation> {
    let mut all = writes::check(history, found);
    all.extend(stale::check(history, found));
    all.extend(linear::check(history, found));
    all.extend(roots::check(&found.leaves, seen));
    all
}
