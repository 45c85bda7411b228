//! Tiles of trees of every shape, and one path for one tile.

mod growth;
mod paths;

use super::*;
use crate::{hash::Hash, testing::Leaves, tree};

/// Every tile of a tree, by the definition in C2SP tlog-tiles, Merkle Tree.
fn defined(leaves: &[Hash]) -> Vec<HashTile> {
    let mut tiles = Vec::new();
    for level in 0..=2_u8 {
        let span = 256_usize.pow(u32::from(level));
        let hashes: Vec<Hash> = leaves.chunks_exact(span).map(tree::root_of).collect();
        for (index, chunk) in (0..).zip(hashes.chunks(256)) {
            tiles.push(HashTile::new(level, index, chunk.to_vec()).expect("a tile"));
        }
    }
    tiles
}
