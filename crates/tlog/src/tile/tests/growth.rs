//! Growing in batches is building at once; proofs from tiles are proofs.

use proptest::prelude::*;

use super::{Leaves, defined};
use crate::{
    hash, proof,
    tile::{Edge, Error, HashTile, TileSet, grow, new_tiles, right_edge, tile_hash, tiles_of},
    tree,
};

#[test]
fn growing_at_once_gives_the_tiles_of_the_definition() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000] {
        let leaves = Leaves::of(size);
        let grown = grow(0, Vec::new(), &leaves.0).expect("it grows");
        assert_eq!(grown.tiles, defined(&leaves.0), "{size}");
        assert_eq!((grown.size, grown.root), (size, leaves.root(size)), "{size}");
        assert_eq!(grown.edge.root(), grown.root, "{size}");
    }
}

#[test]
fn nothing_comes_of_no_leaves() {
    let grown = Edge::default().grow(&[]).expect("it grows");
    assert_eq!((grown.size, grown.root, grown.tiles.len()), (0, hash::EMPTY, 0));
}

#[test]
fn an_edge_of_another_tree_is_refused() {
    let edge = |size: u64| {
        let leaves = Leaves::of(size);
        let all = defined(&leaves.0);
        all.into_iter().filter(|tile| right_edge(size).contains(&tile.path())).collect::<Vec<_>>()
    };
    assert!(Edge::new(600, edge(600)).is_ok());
    for (size, tiles) in [
        (601, edge(600)),
        (599, edge(600)),
        (856, edge(600)),
        (0, edge(600)),
        (600, Vec::new()),
        (600, edge(600)[..1].to_vec()),
        (600, edge(600).into_iter().rev().collect()),
        (600, [edge(600), edge(600)].concat()),
    ] {
        assert!(matches!(Edge::new(size, tiles), Err(Error::Edge { .. })), "{size}");
    }
    assert_eq!(Edge::new(u64::MAX, Vec::new()), Err(Error::TooLarge));
}

#[test]
fn the_largest_tree_takes_no_more() {
    let tile = |path: &crate::tile::TilePath| {
        let crate::tile::Level::Hashes(level) = path.level() else { panic!("a tile of hashes") };
        let hashes = vec![hash::EMPTY; usize::from(path.width())];
        HashTile::new(level, path.index(), hashes).expect("a tile")
    };
    let edge = |size| right_edge(size).iter().map(tile).collect::<Vec<_>>();
    let last = grow(tree::MAX_SIZE - 1, edge(tree::MAX_SIZE - 1), &[hash::EMPTY]).expect("one more");
    assert_eq!(last.size, tree::MAX_SIZE);
    assert_eq!(last.edge.grow(&[hash::EMPTY]), Err(Error::TooLarge));
}

#[test]
fn a_full_tile_is_one_hash_above() {
    let leaves = Leaves::of(256);
    let hashes: &[hash::Hash; 256] = leaves.0.as_slice().try_into().expect("256");
    assert_eq!(tile_hash(hashes), leaves.root(256));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn batches_give_what_one_gives(batches in prop::collection::vec(prop_oneof![0_u64..20, 0_u64..700], 0..12)) {
        let total: u64 = batches.iter().sum();
        let leaves = Leaves::of(total);
        let mut tiles = std::collections::BTreeMap::new();
        let (mut edge, mut size) = (Edge::default(), 0);
        for batch in batches {
            let added = &leaves.0[size as usize..(size + batch) as usize];
            let grown = edge.grow(added).expect("it grows");
            let paths: Vec<_> = grown.tiles.iter().map(HashTile::path).collect();
            prop_assert_eq!(&paths, &new_tiles(size, size + batch).collect::<Vec<_>>());
            size += batch;
            prop_assert_eq!((grown.size, grown.root), (size, leaves.root(size)));
            // What a store has: the widest of each tile. The next batch begins from there, as after a restart.
            tiles.extend(grown.tiles.into_iter().map(|tile| ((tile.level(), tile.index()), tile)));
            let stored = tiles.values().filter(|tile| right_edge(size).contains(&tile.path())).cloned();
            edge = Edge::new(size, stored.collect()).expect("the store has the edge");
            prop_assert_eq!(&edge, &grown.edge);
        }
        prop_assert_eq!(tiles.into_values().collect::<Vec<_>>(), defined(&leaves.0));
    }

    #[test]
    fn tiles_give_every_proof(new in 1_u64..3_000, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let leaves = Leaves::of(new);
        let mut set = TileSet::new(new);
        let (index, old) = (a.index(new as usize) as u64, b.index(new as usize) as u64 + 1);
        let inclusion = proof::needed_for_inclusion(index, new).expect("a plan");
        let consistency = proof::needed_for_consistency(old, new).expect("a plan");
        let nodes = [inclusion.nodes(), consistency.nodes()].concat();
        let paths = tiles_of(&nodes, new).expect("within the tree");
        let first = paths.first().copied();
        if let Some(path) = first {
            prop_assert!(matches!(inclusion.read(&set).and(consistency.read(&set)),
                Err(proof::ReadError::Read(Error::Missing(_)))), "{path} is missing");
        }
        let all = defined(&leaves.0);
        for tile in all.into_iter().filter(|tile| paths.contains(&tile.path())) {
            set.insert(tile);
        }
        let (leaf, root) = (leaves.0[index as usize], leaves.root(new));
        let hashes = inclusion.read(&set).expect("the tiles have them");
        prop_assert_eq!(proof::verify_inclusion(leaf, index, new, &hashes, root), Ok(()));
        let hashes = consistency.read(&set).expect("the tiles have them");
        prop_assert_eq!(proof::verify_consistency(old, leaves.root(old), new, root, &hashes), Ok(()));
    }
}
