//! Tiles fetched for a proof: which are needed, and the hashes in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    hash::Hash,
    proof::HashReader,
    tile::{Error, HashTile, TilePath, tile_of},
    tree::Node,
};

/// The tiles that hold these subtrees, as wide as they are in a tree of `size` leaves.
pub fn tiles_of(nodes: &[Node], size: u64) -> Result<BTreeSet<TilePath>, Error> {
    nodes.iter().map(|node| tile_of(*node, size)).collect()
}

/// Tiles of one tree, as they were fetched. They are not authenticated: a proof made from them is verified against a
/// signed root before it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileSet {
    size: u64,
    tiles: BTreeMap<(u8, u64), HashTile>,
}

impl TileSet {
    /// For a tree of `size` leaves.
    pub fn new(size: u64) -> Self {
        Self { size, tiles: BTreeMap::new() }
    }

    /// Adds a tile; a wider one replaces a narrower one.
    pub fn insert(&mut self, tile: HashTile) {
        let known = self.tiles.get(&(tile.level(), tile.index()));
        if known.is_none_or(|known| known.hashes().len() < tile.hashes().len()) {
            self.tiles.insert((tile.level(), tile.index()), tile);
        }
    }

    fn find(&self, node: Node) -> Result<Hash, Error> {
        let path = tile_of(node, self.size)?;
        let tile = self.tiles.get(&(node.level / crate::tile::HEIGHT, path.index()));
        tile.and_then(|tile| tile.find(node)).ok_or(Error::Missing(path))
    }
}

impl HashReader for TileSet {
    type Error = Error;

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Error> {
        nodes.iter().map(|node| self.find(*node)).collect()
    }
}
