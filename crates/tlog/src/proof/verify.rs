//! Verification of proofs. A proof's length follows from the sizes alone, and any other length is refused.

use crate::{
    hash::{self, Hash},
    proof::Error,
    tree::MAX_SIZE,
};

/// Verifies that the leaf with hash `leaf` is number `index` (from 0) of the tree with `size` leaves and root `root`
/// (RFC 6962, section 2.1.1).
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: Hash) -> Result<(), Error> {
    if size > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    if index >= size {
        return Err(Error::Index { index, size });
    }
    let path = Path::new(index, size);
    check_length(path.len(), proof)?;
    let (inner, border) = proof.split_at(path.inner);
    let hash = climb_border(climb(leaf, inner, index), border);
    if hash == root { Ok(()) } else { Err(Error::Root) }
}

/// Verifies that the tree with `new` leaves and root `new_root` begins with the one of `old` leaves and `old_root`
/// (RFC 6962, section 2.1.2). Trees of one size need no proof but the same root. `old` is 1 or more.
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    new: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if new > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    if old > new {
        return Err(Error::Order { old, new });
    }
    if old == 0 {
        return Err(Error::EmptyTree);
    }
    if old == new {
        return verify_same(old_root, new_root, proof);
    }
    // The proof is the path from the last complete subtree of the old tree up; where that subtree is the whole old
    // tree, its hash is known and left out.
    let level = old.trailing_zeros();
    let path = Path::new(old - 1, new).above(level);
    let known = old == 1 << level;
    check_length(path.len() + usize::from(!known), proof)?;
    let (seed, rest) = if known { (old_root, proof) } else { (proof[0], &proof[1..]) };
    let (inner, border) = rest.split_at(path.inner);
    let index = (old - 1) >> level;
    if climb_border(climb_left(seed, inner, index), border) != old_root {
        return Err(Error::OldRoot);
    }
    if climb_border(climb(seed, inner, index), border) != new_root {
        return Err(Error::Root);
    }
    Ok(())
}

fn verify_same(old_root: Hash, new_root: Hash, proof: &[Hash]) -> Result<(), Error> {
    check_length(0, proof)?;
    if old_root == new_root { Ok(()) } else { Err(Error::Root) }
}

/// How far a node is from the root: `inner` levels up to where its path meets that of the last leaf, then as many
/// left siblings as the `border` has.
struct Path {
    inner: usize,
    border: usize,
}

impl Path {
    fn new(index: u64, size: u64) -> Self {
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        Self { inner: inner as usize, border: (index >> inner).count_ones() as usize }
    }

    /// The path of the node `level` levels above the leaf; the leaf is the last one of that node.
    fn above(self, level: u32) -> Self {
        Self { inner: self.inner - level as usize, ..self }
    }

    fn len(&self) -> usize {
        self.inner + self.border
    }
}

fn check_length(needed: usize, proof: &[Hash]) -> Result<(), Error> {
    let given = proof.len();
    if given == needed { Ok(()) } else { Err(Error::Length { needed, given }) }
}

fn is_left(index: u64, level: usize) -> bool {
    (index >> level) & 1 == 0
}

fn climb(seed: Hash, inner: &[Hash], index: u64) -> Hash {
    inner.iter().enumerate().fold(seed, |hash, (level, sibling)| {
        if is_left(index, level) { hash::node(&hash, sibling) } else { hash::node(sibling, &hash) }
    })
}

/// As [`climb`], but in the old tree, which has nothing to the right of the path.
fn climb_left(seed: Hash, inner: &[Hash], index: u64) -> Hash {
    let left = inner.iter().enumerate().filter(|(level, _)| !is_left(index, *level));
    left.fold(seed, |hash, (_, sibling)| hash::node(sibling, &hash))
}

fn climb_border(seed: Hash, border: &[Hash]) -> Hash {
    border.iter().fold(seed, |hash, sibling| hash::node(sibling, &hash))
}
