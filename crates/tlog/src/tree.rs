//! The Merkle tree (RFC 6962, section 2.1): nodes, and the frontier that is all one needs to append.

use crate::hash::{self, Hash};

/// Most leaves that a tree may have: sizes fit into a signed 64-bit integer, as in a database.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// A size, or a count of hashes, that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a tree has at most 9223372036854775807 leaves")]
    TooLarge,
    #[error("a tree of {size} leaves has {needed} peaks; {given} were given")]
    Peaks { size: u64, needed: usize, given: usize },
}

/// A complete subtree: the `index`-th of 2^`level` leaves, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

impl Node {
    /// First leaf after the subtree; `None` if no tree is that large.
    pub fn end(&self) -> Option<u64> {
        if self.level >= 63 {
            return None;
        }
        let end = (u128::from(self.index) + 1) << self.level;
        u64::try_from(end).ok().filter(|end| *end <= MAX_SIZE)
    }
}

/// The complete subtrees that `start..end` is made of, larger ones first. `start` is a multiple of the
/// smallest power of two that is no less than the length, as it is for every subtree of a Merkle tree.
pub(crate) fn cover(start: u64, end: u64) -> impl Iterator<Item = Node> {
    let mut at = start;
    std::iter::from_fn(move || {
        let level = (end - at).checked_ilog2()?;
        let node = Node { level: level as u8, index: at >> level };
        at += 1 << level;
        Some(node)
    })
}

/// Root above subtrees that get smaller from left to right; `None` without any.
pub(crate) fn fold(peaks: &[Hash]) -> Option<Hash> {
    let (last, rest) = peaks.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| hash::node(left, &right)))
}

/// The complete subtrees whose hashes give the root of a tree, left to right.
pub fn needed_for_root(size: u64) -> Vec<Node> {
    cover(0, size).collect()
}

/// A tree without its inside: its size, and the roots of its complete subtrees from left to right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn new() -> Self {
        Self::default()
    }

    /// From the hashes of [`needed_for_root`].
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, Error> {
        let (needed, given) = (size.count_ones() as usize, peaks.len());
        if size > MAX_SIZE {
            return Err(Error::TooLarge);
        }
        if needed != given {
            return Err(Error::Peaks { size, needed, given });
        }
        Ok(Self { size, peaks })
    }

    /// Appends the hash of one leaf.
    pub fn append(&mut self, leaf: Hash) -> Result<(), Error> {
        if self.size >= MAX_SIZE {
            return Err(Error::TooLarge);
        }
        let complete = self.peaks.len() - self.size.trailing_ones() as usize;
        let joined = self.peaks.drain(complete..).rev().fold(leaf, |right, left| hash::node(&left, &right));
        self.peaks.push(joined);
        self.size += 1;
        Ok(())
    }

    pub fn root(&self) -> Hash {
        fold(&self.peaks).unwrap_or(hash::EMPTY)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, larger ones first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }
}

/// Root of the tree with these leaves.
pub fn root_of(leaves: &[Hash]) -> Hash {
    fold(&peaks(leaves)).unwrap_or(hash::EMPTY)
}

/// Roots of the complete subtrees above these hashes, larger ones first.
pub(crate) fn peaks(hashes: &[Hash]) -> Vec<Hash> {
    let peak = |node: Node| {
        let start = (node.index << node.level) as usize;
        subtree(&hashes[start..start + (1 << node.level)])
    };
    cover(0, hashes.len() as u64).map(peak).collect()
}

/// Root above a power of two of hashes; [`hash::EMPTY`] above none.
pub(crate) fn subtree(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| hash::node(&pair[0], &pair[1])).collect();
    }
    level.first().copied().unwrap_or(hash::EMPTY)
}

#[cfg(test)]
mod tests;
