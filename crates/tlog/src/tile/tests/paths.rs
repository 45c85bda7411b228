//! Paths, and which tiles a tree has.

use proptest::prelude::*;

use crate::{
    tile::{Error, HashTile, Level, TilePath, new_tiles, right_edge, tile_of},
    tree::{MAX_SIZE, Node},
};

fn path(level: u8, index: u64, width: u16) -> TilePath {
    TilePath::new(Level::Hashes(level), index, width).expect("a path")
}

#[test]
fn paths_are_written_as_specified() {
    for (path, text) in [
        (path(0, 0, 256), "tile/0/000"),
        (path(0, 0, 1), "tile/0/000.p/1"),
        (path(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (path(63, 1_000, 255), "tile/63/x001/000.p/255"),
        (path(2, 999, 112), "tile/2/999.p/112"),
        (TilePath::new(Level::Entries, 273, 112).expect("a path"), "tile/entries/273.p/112"),
        (path(0, MAX_SIZE >> 8, 255), "tile/0/x036/x028/x797/x018/x963/967.p/255"),
    ] {
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse(), Ok(path));
    }
}

#[test]
fn other_spellings_are_refused() {
    for wrong in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000",
        "tile/0/001/000",
        "tile/0/x1/000",
        "tile/0/x0001/000",
        "tile/0/xx01/000",
        "tile/0/+01",
        "tile/0/-01",
        "tile/0/ 01",
        "tile/0/01a",
        "tile/00/000",
        "tile/01/000",
        "tile/+1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/entries/",
        "tile/8/0/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/0//000",
        "tile/0/../000",
        "tile/0/x001/../000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000.P/1",
        "tile/0/000.p/65537",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        " tile/0/000",
        "tile/0/000?x",
        "tile/0/%30%30%30",
        "tile\\0\\000",
    ] {
        let refused = wrong.parse::<TilePath>();
        assert!(matches!(refused, Err(Error::Path(_))), "{wrong:?} is {refused:?}");
    }
}

#[test]
fn a_refused_path_is_told_in_part_only() {
    let Err(Error::Path(told)) = "é".repeat(10_000).parse::<TilePath>() else { panic!("it is refused") };
    assert!(told.len() < 200);
}

#[test]
fn paths_have_bounds() {
    for (level, index, width) in [(64, 0, 1), (0, (MAX_SIZE >> 8) + 1, 1), (0, 0, 0), (0, 0, 257)] {
        assert!(TilePath::new(Level::Hashes(level), index, width).is_err(), "{level} {index} {width}");
    }
}

/// The example of C2SP tlog-tiles, Partial Tiles.
#[test]
fn the_tiles_of_70_000_leaves() {
    let all: Vec<TilePath> = new_tiles(0, 70_000).collect();
    let of = |level| all.iter().filter(move |path| path.level() == Level::Hashes(level));
    assert_eq!(of(0).filter(|path| path.is_full()).count(), 273);
    assert_eq!(all.len(), 274 + 2 + 1);
    assert_eq!(right_edge(70_000), [path(0, 273, 112), path(1, 1, 17), path(2, 0, 1)]);
    assert!(right_edge(70_000).iter().all(|edge| all.contains(edge)));
    assert_eq!(new_tiles(0, 256).collect::<Vec<_>>(), [path(0, 0, 256), path(1, 0, 1)]);
    assert_eq!(right_edge(256), [path(1, 0, 1)]);
}

#[test]
fn only_what_grew_is_new() {
    let grown = |old, new| new_tiles(old, new).collect::<Vec<_>>();
    assert_eq!(grown(5, 5), []);
    assert_eq!(grown(6, 5), []);
    assert_eq!(grown(0, 1 << 63), []);
    assert_eq!(grown(5, 6), [path(0, 0, 6)]);
    assert_eq!(grown(255, 257), [path(0, 0, 256), path(0, 1, 1), path(1, 0, 1)]);
    assert_eq!(grown(MAX_SIZE - 1, MAX_SIZE), [path(0, MAX_SIZE >> 8, 255)]);
    assert_eq!(right_edge(MAX_SIZE).len(), 8);
}

#[test]
fn entries_lie_beside_the_hashes_of_leaves() {
    assert_eq!(path(0, 3, 7).entries().expect("a bundle").to_string(), "tile/entries/003.p/7");
    assert_eq!(path(1, 3, 7).entries(), None);
    assert_eq!(path(1, 3, 7).full(), path(1, 3, 256));
}

#[test]
fn a_tile_is_asked_for_what_is_in_the_tree() {
    let of = |level, index, size| tile_of(Node { level, index }, size);
    assert_eq!(of(0, 300, 301), Ok(path(0, 1, 45)));
    assert_eq!(of(7, 1, 600), Ok(path(0, 0, 256)));
    assert_eq!(of(8, 1, 600), Ok(path(1, 0, 2)));
    assert!(of(8, 2, 600).is_err());
    assert!(of(0, 600, 600).is_err());
    assert!(of(0, u64::MAX, u64::MAX).is_err());
    assert!(of(255, 0, MAX_SIZE).is_err());
}

#[test]
fn tiles_have_bounds() {
    let hashes = |len| vec![crate::hash::EMPTY; len];
    for (level, index, len) in [(0, 0, 0), (0, 0, 257), (8, 0, 1), (7, 0, 128), (0, u64::MAX, 1), (7, 1, 1)] {
        assert!(HashTile::new(level, index, hashes(len)).is_err(), "{level} {index} {len}");
    }
    assert!(HashTile::new(7, 0, hashes(127)).is_ok());
    let tile = HashTile::new(0, 1, hashes(3)).expect("a tile");
    assert_eq!(HashTile::from_bytes(tile.path(), &tile.to_bytes()), Ok(tile.clone()));
    assert!(HashTile::from_bytes(tile.path(), &tile.to_bytes()[1..]).is_err());
    assert!(HashTile::from_bytes(tile.path().full(), &tile.to_bytes()).is_err());
    assert!(HashTile::from_bytes(tile.path().entries().expect("a bundle"), &tile.to_bytes()).is_err());
}

#[test]
fn an_index_that_would_wrap_around_is_no_node() {
    let tile = HashTile::new(0, 0, vec![crate::hash::EMPTY; 256]).expect("a tile");
    assert!(tile.node(8, 0).is_some());
    for (height, index) in [(8, 1 << 56), (1, 1 << 63), (8, 1), (9, 0), (255, 0), (0, 256), (0, u64::MAX)] {
        assert_eq!(tile.node(height, index), None, "{height} {index}");
    }
}

proptest! {
    #[test]
    fn a_path_comes_back(level in 0_u8..64, index in 0..=(MAX_SIZE >> 8), width in 1_u16..=256, data: bool) {
        let level = if data { Level::Entries } else { Level::Hashes(level) };
        let path = TilePath::new(level, index, width).expect("a path");
        prop_assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn what_is_read_is_what_would_be_written(text in "tile/([0-9]{1,2}|entries)(/x?[0-9]{2,4}){1,3}(\\.p/[0-9]{1,3})?") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        prop_assert!(text.parse::<TilePath>().is_err());
    }

    #[test]
    fn no_node_of_a_tile_is_found_where_it_is_not(level: u8, index: u64) {
        let tile = HashTile::new(0, 3, vec![crate::hash::EMPTY; 256]).expect("a tile");
        let node = Node { level, index };
        let within = level < 8 && index >> (8 - level) == 3;
        prop_assert_eq!(tile.find(node).is_some(), within);
        prop_assert_eq!(tile.node(level, index).is_some(), level <= 8 && index < 256 >> level);
    }
}
