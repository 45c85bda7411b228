//! Known roots, and the frontier against the definition.

use proptest::prelude::*;

use super::*;
use crate::testing::Leaves;

/// The definition of MTH in RFC 6962, section 2.1, word for word.
fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash::EMPTY,
        [one] => *one,
        more => {
            let k = more.len().next_power_of_two() / 2;
            hash::node(&defined(&more[..k]), &defined(&more[k..]))
        }
    }
}

#[test]
fn the_known_trees_of_certificate_transparency() {
    let entries: [&[u8]; 8] =
        [b"", &[0x00], &[0x10], &[0x20, 0x21], &[0x30, 0x31], b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
    let roots = [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
        "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
        "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=",
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
        "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=",
        "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=",
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
    ];
    let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
    let mut frontier = Frontier::new();
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(root_of(&leaves[..size]).to_string(), *root, "{size} leaves");
        assert_eq!(frontier.root().to_string(), *root, "{size} leaves appended");
        if let Some(leaf) = leaves.get(size) {
            frontier.append(*leaf).expect("there is room");
        }
    }
}

#[test]
fn the_frontier_agrees_with_the_definition_at_every_size() {
    let leaves = Leaves::of(600).0;
    let mut frontier = Frontier::new();
    for (size, leaf) in leaves.iter().enumerate() {
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root(), defined(&leaves[..size]));
        assert_eq!(root_of(&leaves[..size]), frontier.root());
        frontier.append(*leaf).expect("there is room");
    }
}

#[test]
fn a_frontier_has_as_many_peaks_as_its_size_has_bits() {
    let peaks = vec![hash::EMPTY; 2];
    assert!(Frontier::from_peaks(6, peaks.clone()).is_ok());
    for size in [0_u64, 1, 4, 7] {
        let needed = size.count_ones() as usize;
        assert_eq!(
            Frontier::from_peaks(size, peaks.clone()),
            Err(Error::Peaks { size, needed, given: 2 }),
            "{size}"
        );
    }
    assert_eq!(Frontier::from_peaks(1 << 63, peaks), Err(Error::TooLarge));
}

#[test]
fn the_largest_tree_takes_no_more() {
    let mut full = Frontier::from_peaks(MAX_SIZE, vec![hash::EMPTY; 63]).expect("the largest");
    let before = full.clone();
    assert_eq!(full.append(hash::EMPTY), Err(Error::TooLarge));
    assert_eq!(full, before);
}

#[test]
fn a_node_ends_within_the_largest_tree_or_not_at_all() {
    assert_eq!(Node { level: 0, index: 0 }.end(), Some(1));
    assert_eq!(Node { level: 8, index: 2 }.end(), Some(768));
    assert_eq!(Node { level: 0, index: MAX_SIZE - 1 }.end(), Some(MAX_SIZE));
    for (level, index) in [(0, MAX_SIZE), (0, u64::MAX), (62, 1), (63, 0), (64, 0), (255, u64::MAX)] {
        assert_eq!(Node { level, index }.end(), None, "{level} {index}");
    }
}

proptest! {
    #[test]
    fn a_frontier_can_be_taken_up_again(size in 0_u64..2_000, more in 0_u64..300) {
        let leaves = Leaves::of(size + more);
        let nodes = needed_for_root(size);
        let peaks = crate::proof::HashReader::read(&leaves, &nodes).expect("hashes");
        let mut frontier = Frontier::from_peaks(size, peaks).expect("fits");
        prop_assert_eq!(frontier.root(), leaves.root(size));
        for leaf in &leaves.0[size as usize..] {
            frontier.append(*leaf).expect("there is room");
        }
        prop_assert_eq!(frontier.root(), defined(&leaves.0));
    }

    #[test]
    fn what_covers_a_tree_is_complete_and_without_gaps(size in 0..=MAX_SIZE) {
        let mut at = 0;
        for node in needed_for_root(size) {
            prop_assert_eq!(node.index << node.level, at);
            at = node.end().expect("within the tree");
        }
        prop_assert_eq!(at, size);
    }
}
