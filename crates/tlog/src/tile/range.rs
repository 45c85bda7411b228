//! Which tiles a tree of some size has (C2SP tlog-tiles, Partial Tiles).

use crate::{
    tile::{Error, HEIGHT, MAX_LEVEL, TilePath, WIDTH},
    tree::{MAX_SIZE, Node},
};

/// Complete subtrees of 256^`level` leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    size >> (HEIGHT * level)
}

fn width_of(index: u64, hashes: u64) -> u16 {
    (hashes - index * u64::from(WIDTH)).min(u64::from(WIDTH)) as u16
}

/// The partial tiles of a tree, lowest level first: all that is needed to append.
pub fn right_edge(size: u64) -> Vec<TilePath> {
    let partial = |level| {
        let hashes = hashes_at(level, size);
        let width = (hashes % u64::from(WIDTH)) as u16;
        (width > 0).then(|| TilePath::known(level, hashes / u64::from(WIDTH), width))
    };
    (0..=MAX_LEVEL).filter_map(partial).collect()
}

/// The tiles that are new or wider in the tree of `new` leaves than in that of `old`, lowest level first. Their widths
/// are those of the larger tree; nothing if it is not larger, or more than 2^63 - 1.
pub fn new_tiles(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    let sizes = (old <= new && new <= MAX_SIZE).then_some((old, new));
    sizes.into_iter().flat_map(|(old, new)| (0..=MAX_LEVEL).flat_map(move |level| grown(level, old, new)))
}

fn grown(level: u8, old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    let (before, after) = (hashes_at(level, old), hashes_at(level, new));
    let first = before / u64::from(WIDTH);
    let end = if before == after { first } else { after.div_ceil(u64::from(WIDTH)) };
    (first..end).map(move |index| TilePath::known(level, index, width_of(index, after)))
}

/// The tile that holds a subtree, as wide as it is in a tree of `size` leaves. [`crate::tile::HashTile::find`] takes
/// the hash out of it.
pub fn tile_of(node: Node, size: u64) -> Result<TilePath, Error> {
    if node.end().is_none_or(|end| end > size) || size > MAX_SIZE {
        return Err(Error::Node { level: node.level, index: node.index, size });
    }
    let (level, height) = (node.level / HEIGHT, node.level % HEIGHT);
    let index = node.index >> (HEIGHT - height);
    Ok(TilePath::known(level, index, width_of(index, hashes_at(level, size))))
}
