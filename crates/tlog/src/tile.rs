//! Tiles: 256 hashes each, under names that never change (C2SP tlog-tiles).

mod edge;
mod hashes;
mod path;
mod range;
mod set;

pub use edge::{Edge, Grown, grow};
pub use hashes::{HashTile, tile_hash};
pub use path::{Level, TilePath};
pub use range::{new_tiles, right_edge, tile_of};
pub use set::{TileSet, tiles_of};

/// Hashes, or entries, in a full tile.
pub const WIDTH: u16 = 256;
/// Binary levels of the tree in one tile.
pub const HEIGHT: u8 = 8;
/// Highest level of a tile in a tree of 2^63 - 1 leaves.
pub const MAX_LEVEL: u8 = 7;

/// What is no tile, or does not fit the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is no path of a tile, such as `tile/0/x001/067.p/5` or `tile/entries/000`")]
    Path(String),
    #[error("no tile at level {level} has the index {index} and {width} hashes: one has 1 to 256")]
    Tile { level: u8, index: u64, width: usize },
    #[error("`{path}` is {needed} bytes; {given} were given")]
    Bytes { path: TilePath, needed: usize, given: usize },
    #[error("a tree of {size} leaves has no complete subtree {index} of level {level}")]
    Node { level: u8, index: u64, size: u64 },
    #[error("the right edge of a tree of {size} leaves is other tiles: `{}`", list(.needed))]
    Edge { size: u64, needed: Vec<TilePath> },
    #[error("`{0}` is needed and was not given")]
    Missing(TilePath),
    #[error("a tree has at most 9223372036854775807 leaves")]
    TooLarge,
}

fn list(paths: &[TilePath]) -> String {
    paths.iter().map(TilePath::to_string).collect::<Vec<_>>().join("`, `")
}

#[cfg(test)]
mod tests;
