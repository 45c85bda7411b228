//! Inclusion and consistency proofs (RFC 6962, sections 2.1.1 and 2.1.2), in two steps: a plan names the complete
//! subtrees that a proof is made of; their hashes, fetched by the caller, assemble it.

mod verify;

use crate::{
    hash::Hash,
    tree::{self, MAX_SIZE, Node},
};

pub use verify::{verify_consistency, verify_inclusion};

/// Most hashes in a proof of inclusion, and in one of consistency up to 2^62 leaves: what a witness takes (C2SP
/// tlog-witness, add-checkpoint).
pub const MAX_HASHES: usize = 63;

/// Why there is no such proof, or why it proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a tree has at most 9223372036854775807 leaves")]
    TooLarge,
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index { index: u64, size: u64 },
    #[error("a tree of {old} leaves did not grow to one of {new}")]
    Order { old: u64, new: u64 },
    #[error("every tree is consistent with the empty one: there is nothing to verify")]
    EmptyTree,
    #[error("the plan needs {needed} hashes; {given} were given")]
    Hashes { needed: usize, given: usize },
    #[error("the proof has {given} hashes; one for these sizes has {needed}")]
    Length { needed: usize, given: usize },
    #[error("the proof does not lead to the root of the tree")]
    Root,
    #[error("the proof does not lead to the root of the old tree")]
    OldRoot,
}

/// Gives the hashes of complete subtrees, in the order of `nodes`.
pub trait HashReader {
    type Error;

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a proof could not be read: the store failed, or there is no such proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    #[error("the hashes of the tree could not be read")]
    Read(E),
    #[error(transparent)]
    Proof(#[from] Error),
}

/// What a proof is made of: subtrees whose hashes are its hashes, or the parts of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    nodes: Vec<Node>,
    /// How many nodes, in order, make each hash of the proof.
    parts: Vec<usize>,
}

impl Plan {
    /// The complete subtrees to fetch the hashes of.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The proof, from the hashes of [`Plan::nodes`] in their order.
    pub fn assemble(&self, hashes: &[Hash]) -> Result<Vec<Hash>, Error> {
        let (needed, given) = (self.nodes.len(), hashes.len());
        if needed != given {
            return Err(Error::Hashes { needed, given });
        }
        let mut rest = hashes;
        let part = |len: &usize| {
            let (part, after) = rest.split_at(*len);
            rest = after;
            tree::fold(part)
        };
        Ok(self.parts.iter().filter_map(part).collect())
    }

    /// Both steps at once.
    pub fn read<R: HashReader>(&self, reader: &R) -> Result<Vec<Hash>, ReadError<R::Error>> {
        let hashes = reader.read(&self.nodes).map_err(ReadError::Read)?;
        Ok(self.assemble(&hashes)?)
    }

    /// From the ranges of leaves that the hashes of a proof stand for.
    fn of(ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut plan = Self::default();
        for (start, end) in ranges {
            let before = plan.nodes.len();
            plan.nodes.extend(tree::cover(start, end));
            plan.parts.push(plan.nodes.len() - before);
        }
        plan
    }
}

/// Plan of the proof that leaf `index` (from 0) is in the tree of `size` leaves.
pub fn needed_for_inclusion(index: u64, size: u64) -> Result<Plan, Error> {
    if size > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    if index >= size {
        return Err(Error::Index { index, size });
    }
    let (mut start, mut end, mut siblings) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    Ok(Plan::of(siblings.into_iter().rev()))
}

/// Plan of the proof that the tree of `new` leaves begins with the one of `old`. It is empty if they are the same or
/// `old` is 0, where a witness asks for no proof.
pub fn needed_for_consistency(old: u64, new: u64) -> Result<Plan, Error> {
    if new > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    if old > new {
        return Err(Error::Order { old, new });
    }
    if old == 0 || old == new {
        return Ok(Plan::default());
    }
    let (mut start, mut end, mut ranges) = (0, new, Vec::new());
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    // The verifier knows the old root; a part of the old tree it does not know.
    if start > 0 {
        ranges.push((start, end));
    }
    Ok(Plan::of(ranges.into_iter().rev()))
}

/// The proof that leaf `index` (from 0) is in the tree of `size` leaves, from the leaf's sibling up.
pub fn inclusion<R: HashReader>(index: u64, size: u64, from: &R) -> Result<Vec<Hash>, ReadError<R::Error>> {
    needed_for_inclusion(index, size)?.read(from)
}

/// The proof that the tree of `new` leaves begins with the one of `old`.
pub fn consistency<R: HashReader>(old: u64, new: u64, from: &R) -> Result<Vec<Hash>, ReadError<R::Error>> {
    needed_for_consistency(old, new)?.read(from)
}

/// Leaves of the left subtree: the largest power of two that is less than `len`, which is 2 or more.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

#[cfg(test)]
mod tests;
