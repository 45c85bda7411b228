//! Every checkpoint that was ever shown belongs to the one tree that there is in the end.

use std::collections::BTreeMap;

use charter_tlog::{Hash, hash, tree::Frontier};

use super::{Seen, Violation};

pub fn check(leaves: &[Hash], seen: &[Seen]) -> Vec<Violation> {
    let mut wanted: BTreeMap<u64, Hash> = seen.iter().map(|one| (one.size, hash::EMPTY)).collect();
    let mut tree = Frontier::new();
    for leaf in leaves {
        // It fails beyond 2^63 leaves alone; then the sizes below differ.
        if tree.append(*leaf).is_err() {
            break;
        }
        if let Some(root) = wanted.get_mut(&tree.size()) {
            *root = tree.root();
        }
    }
    let mut all: Vec<Violation> = Vec::new();
    for one in seen {
        let (size, server) = (one.size, one.server);
        if size > tree.size() {
            all.push(Violation::Vanished { size, server });
        } else if wanted.get(&size) != Some(&one.root) {
            all.push(Violation::Fork { size, server });
        }
    }
    all
}
