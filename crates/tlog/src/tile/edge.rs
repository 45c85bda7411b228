//! The right edge of a tree, and what appending makes of it: the pure part of a sequencer.

use crate::{
    hash::{self, Hash},
    tile::{Error, HEIGHT, HashTile, MAX_LEVEL, WIDTH, right_edge, tile_hash},
    tree::{self, MAX_SIZE},
};

const LEVELS: usize = MAX_LEVEL as usize + 1;

/// The partial tiles of a tree, from which its root follows and to which leaves can be appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// By level; empty where the level's last tile is full.
    levels: [Vec<Hash>; LEVELS],
}

/// What appending leaves changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grown {
    /// Leaves now.
    pub size: u64,
    pub root: Hash,
    /// The tiles that are new or wider, whole, lowest level first: those of [`crate::tile::new_tiles`].
    pub tiles: Vec<HashTile>,
    /// What the next leaves are appended to.
    pub edge: Edge,
}

/// Appends leaves to a tree of `size` leaves; see [`Edge::new`] and [`Edge::grow`].
pub fn grow(size: u64, edge: Vec<HashTile>, leaves: &[Hash]) -> Result<Grown, Error> {
    Edge::new(size, edge)?.grow(leaves)
}

impl Edge {
    /// From the tiles of [`right_edge`], in that order. That their hashes are right shows [`Edge::root`]: compare it
    /// with the last signed one.
    pub fn new(size: u64, tiles: Vec<HashTile>) -> Result<Self, Error> {
        if size > MAX_SIZE {
            return Err(Error::TooLarge);
        }
        let needed = right_edge(size);
        if !tiles.iter().map(HashTile::path).eq(needed.iter().copied()) {
            return Err(Error::Edge { size, needed });
        }
        let mut levels: [Vec<Hash>; LEVELS] = Default::default();
        for tile in tiles {
            let level = usize::from(tile.level());
            levels[level] = tile.into_hashes();
        }
        Ok(Self { size, levels })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree (RFC 6962, section 2.1).
    pub fn root(&self) -> Hash {
        let peaks: Vec<_> = self.levels.iter().rev().flat_map(|hashes| tree::peaks(hashes)).collect();
        tree::fold(&peaks).unwrap_or(hash::EMPTY)
    }

    /// Appends the hashes of leaves.
    pub fn grow(&self, leaves: &[Hash]) -> Result<Grown, Error> {
        let size = self.size.checked_add(leaves.len() as u64).filter(|size| *size <= MAX_SIZE);
        let mut grown = Grown {
            size: size.ok_or(Error::TooLarge)?,
            root: hash::EMPTY,
            tiles: Vec::new(),
            edge: self.clone(),
        };
        let mut added = leaves.to_vec();
        for level in 0..=MAX_LEVEL {
            added = grown.append(level, &added)?;
        }
        grown.edge.size = grown.size;
        grown.root = grown.edge.root();
        Ok(grown)
    }
}

impl Grown {
    /// Appends to one level; gives what is added to the next: the hashes of tiles that are full now.
    fn append(&mut self, level: u8, added: &[Hash]) -> Result<Vec<Hash>, Error> {
        if added.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.edge.size >> (HEIGHT * level) >> HEIGHT;
        let mut hashes = std::mem::take(&mut self.edge.levels[usize::from(level)]);
        hashes.extend_from_slice(added);
        for (index, tile) in (first..).zip(hashes.chunks(usize::from(WIDTH))) {
            self.tiles.push(HashTile::new(level, index, tile.to_vec())?);
        }
        let (full, partial) = hashes.as_chunks::<{ WIDTH as usize }>();
        self.edge.levels[usize::from(level)] = partial.to_vec();
        Ok(full.iter().map(tile_hash).collect())
    }
}
