//! A tile of hashes, and the hashes of the subtrees within it.

use crate::{
    hash::{BYTES, Hash},
    tile::{Error, HEIGHT, Level, MAX_LEVEL, TilePath, WIDTH},
    tree::{self, MAX_SIZE, Node},
};

/// The first 1 to 256 hashes of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTile {
    level: u8,
    index: u64,
    hashes: Vec<Hash>,
}

impl HashTile {
    /// Level 0 to 7; the subtrees are within a tree of 2^63 - 1 leaves.
    pub fn new(level: u8, index: u64, hashes: Vec<Hash>) -> Result<Self, Error> {
        let width = hashes.len();
        let last = u128::from(index) * u128::from(WIDTH) + width as u128;
        // In this order: what is shifted is then less than 2^120.
        let fits = level <= MAX_LEVEL
            && last <= u128::from(MAX_SIZE)
            && last << (HEIGHT * level) <= u128::from(MAX_SIZE);
        if !fits || !(1..=usize::from(WIDTH)).contains(&width) {
            return Err(Error::Tile { level, index, width });
        }
        Ok(Self { level, index, hashes })
    }

    /// From what is served under a path: the hashes one after another.
    pub fn from_bytes(path: TilePath, bytes: &[u8]) -> Result<Self, Error> {
        let (needed, given) = (usize::from(path.width()) * BYTES, bytes.len());
        let Level::Hashes(level) = path.level() else {
            return Err(Error::Path(path.to_string()));
        };
        let (hashes, rest) = bytes.as_chunks::<BYTES>();
        if needed != given || !rest.is_empty() {
            return Err(Error::Bytes { path, needed, given });
        }
        Self::new(level, path.index(), hashes.iter().copied().map(Hash::new).collect())
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    pub fn path(&self) -> TilePath {
        TilePath::known(self.level, self.index, self.hashes.len() as u16)
    }

    /// From 0, where the hashes are those of leaves.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Within the level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    pub fn into_hashes(self) -> Vec<Hash> {
        self.hashes
    }

    /// Hash of the `index`-th subtree of 2^`height` hashes of this tile, height 0 to 8; `None` if it is not whole.
    pub fn node(&self, height: u8, index: u64) -> Option<Hash> {
        if height > HEIGHT || index >= u64::from(WIDTH) {
            return None;
        }
        let start = (index as usize) << height;
        self.hashes.get(start..start + (1 << height)).map(tree::subtree)
    }

    /// Hash of a subtree of the tree; `None` if this tile does not hold all of it.
    pub fn find(&self, node: Node) -> Option<Hash> {
        let height = node.level % HEIGHT;
        let first = self.index.checked_shl(u32::from(HEIGHT - height))?;
        let here = node.level / HEIGHT == self.level;
        if here { self.node(height, node.index.checked_sub(first)?) } else { None }
    }
}

/// Hash of a full tile, which is one hash of the level above.
pub fn tile_hash(hashes: &[Hash; WIDTH as usize]) -> Hash {
    tree::subtree(hashes)
}
