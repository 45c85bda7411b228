//! Proofs that 256 entries in a row, or the last few, are in a tree (C2SP tlog-mirror, add-entries, Request Body).
//!
//! A package ends at a multiple of 256 or where the tree ends, so what it is in has a hash in the tree. A tree of `n`
//! leaves has the shape of one of `n / 256` leaves, rounded up, that are such subtrees: the proof is one of inclusion.

use charter_tlog::{
    Hash,
    proof::{self, Error, Plan},
    tree::{self, Node},
};

/// Entries of one package, at most; those of a tile.
pub const WIDTH: u64 = 256;

/// Verifies that `leaves` (1 to 256, all that the tree has there) are the `index`-th 256 of the tree with `size` leaves
/// and root `root`.
pub fn verify(index: u64, leaves: &[Hash], size: u64, proof: &[Hash], root: Hash) -> Result<(), Error> {
    proof::verify_inclusion(tree::root_of(leaves), index, size.div_ceil(WIDTH), proof, root)
}

/// What the proof of one package is made of.
pub struct Needed {
    plan: Plan,
    /// Hashes of the proof of its first leaf that are within the package.
    inside: usize,
}

impl Needed {
    /// For the `index`-th 256 leaves of a tree of `size`.
    pub fn new(index: u64, size: u64) -> Result<Self, Error> {
        let first = index.checked_mul(WIDTH).ok_or(Error::TooLarge)?;
        let plan = proof::needed_for_inclusion(first, size)?;
        let width = (size - first).min(WIDTH);
        Ok(Self { plan, inside: width.next_power_of_two().ilog2() as usize })
    }

    /// The complete subtrees to read the hashes of.
    pub fn nodes(&self) -> &[Node] {
        self.plan.nodes()
    }

    /// The proof, from those hashes in their order.
    pub fn assemble(&self, hashes: &[Hash]) -> Result<Vec<Hash>, Error> {
        let mut all = self.plan.assemble(hashes)?;
        Ok(all.split_off(self.inside))
    }
}

#[cfg(test)]
mod tests {
    use charter_tlog::hash;

    use super::*;

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|n| hash::leaf(&n.to_be_bytes())).collect()
    }

    fn of(node: &Node, leaves: &[Hash]) -> Hash {
        let start = (node.index << node.level) as usize;
        tree::root_of(&leaves[start..start + (1 << node.level)])
    }

    #[test]
    fn every_package_of_every_tree_is_proven_and_no_other() {
        for size in (1..=20).chain(250..=260).chain(509..=515).chain([700, 768, 1000, 1024, 1025, 2600]) {
            let all = leaves(size);
            let root = tree::root_of(&all);
            for index in 0..size.div_ceil(WIDTH) {
                let needed = Needed::new(index, size).expect("a proof");
                let hashes: Vec<_> = needed.nodes().iter().map(|node| of(node, &all)).collect();
                let proof = needed.assemble(&hashes).expect("assembled");
                let here = (index * WIDTH) as usize..((index + 1) * WIDTH).min(size) as usize;
                let mut package = all[here].to_vec();
                verify(index, &package, size, &proof, root)
                    .unwrap_or_else(|e| panic!("{index} of {size}: {e}"));
                package[0] = hash::leaf(b"another");
                verify(index, &package, size, &proof, root).expect_err("another entry");
                package.pop();
                verify(index, &package, size, &proof, root).expect_err("one is missing");
            }
            assert!(Needed::new(size.div_ceil(WIDTH), size).is_err(), "beyond {size}");
        }
    }
}
