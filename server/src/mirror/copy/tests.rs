//! A copy that grows in packages of every size is the log that it copies.

use std::path::PathBuf;

use charter_domain::{HttpsId, Timestamp};
use charter_signing::{Kek, Vault};
use charter_store::log_key::LogPurpose;
use charter_tlog::{
    checkpoint::Checkpoint,
    tree::{self, Node},
};

use super::*;
use crate::{
    log::keys::{self, LogKeys},
    mirror::{subtree::Needed, upload::places},
};

struct Log {
    keys: LogKeys,
    entries: Vec<Vec<u8>>,
    dir: PathBuf,
}

impl Log {
    fn new(name: &str, entries: usize) -> Self {
        let (vault, entity) =
            (Vault::new(Kek::generate()), HttpsId::parse("https://a.example").expect("an id"));
        let make =
            |purpose| keys::make(&vault, &entity, (purpose, 1), Timestamp::from_secs(0)).expect("made");
        let made = [LogPurpose::Log, LogPurpose::Witness].map(make);
        let entries = (0..entries).map(|n| format!("entry {n} {}", "x".repeat(n % 7)).into_bytes()).collect();
        let dir = std::env::temp_dir().join(format!("charter-copy-{name}-{}", std::process::id()));
        Self { keys: keys::open(&made, &vault).expect("opened"), entries, dir }
    }

    fn copy(&self) -> LogCopy {
        LogCopy::new(&self.dir, "m", &self.keys.log().vkey)
    }

    fn leaves(&self, size: u64) -> Vec<Hash> {
        self.entries[..size as usize].iter().map(|entry| hash::leaf(entry)).collect()
    }

    fn checkpoint(&self, size: u64) -> SignedCheckpoint {
        let (key, root) = (self.keys.log(), tree::root_of(&self.leaves(size)));
        Checkpoint::new(key.vkey.name(), size, root).expect("valid").sign(&key.signer()).expect("signed")
    }

    fn package(&self, place: Place, size: u64) -> Package {
        let leaves = self.leaves(size);
        let of = |node: &Node| {
            let start = (node.index << node.level) as usize;
            tree::root_of(&leaves[start..start + (1 << node.level)])
        };
        let needed = Needed::new(place.index, size).expect("a proof");
        let hashes: Vec<_> = needed.nodes().iter().map(of).collect();
        let entries = self.entries[place.start as usize..place.end as usize].iter();
        Package {
            entries: entries.map(|entry| entry.clone().into()).collect(),
            proof: needed.assemble(&hashes).expect("assembled"),
        }
    }
}

/// What the witness beside the mirror has cosigned.
fn witness(log: &Log, size: u64) -> PathBuf {
    let folder = state::folder(&log.dir, "m");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(state::hash("a.example/log")).with_extension("checkpoint");
    std::fs::write(file, log.checkpoint(size).to_string()).expect("written");
    folder
}

#[test]
fn a_copy_grows_with_its_log_and_is_the_same_after_each_step() {
    let log = Log::new("grows", 1_100);
    let (copy, key) = (log.copy(), log.keys.witness());
    for (step, size) in [1, 2, 255, 256, 257, 511, 513, 768, 1_100].into_iter().enumerate() {
        let folder = witness(&log, size);
        let have = copy.have(&folder).expect("read");
        for place in places(have.next, size) {
            copy.take(place, &log.package(place, size), &log.checkpoint(size)).expect("taken");
        }
        assert_eq!(copy.have(&folder).expect("read").next, size);
        assert_eq!(copy.have(&folder).expect("read").size(), have.next, "not shown yet");
        let line =
            copy.sign(&log.checkpoint(size), 1_800_000_000 + step as u64, &key.signer()).expect("signed");
        let shown = SignedCheckpoint::parse(&copy.checkpoint().expect("read").expect("one")).expect("valid");
        cosign::verify(&shown, std::slice::from_ref(&key.vkey)).expect("by the mirror");
        assert_eq!((shown.checkpoint().size(), line.is_some()), (size, true));
        if size > 1 {
            let earlier = copy.sign(&log.checkpoint(size - 1), 1_800_000_000, &key.signer());
            assert!(earlier.expect("read").is_none(), "it has signed for more");
        }
        for index in 0..size.div_ceil(256) {
            let (first, end) = (index * 256, size.min(index * 256 + 256));
            let tile = path(Level::Entries, index, (end - first) as u16).expect("a path");
            let bundle = copy.shown(tile).expect("read").expect("shown");
            let copied = bundle::decode(&bundle, (end - first) as u16).expect("a bundle");
            assert_eq!(copied, log.entries[first as usize..end as usize], "bundle {index} of {size}");
        }
        let beyond = path(Level::Entries, size / 256, (size % 256 + 1) as u16).expect("a path");
        assert_eq!(copy.shown(beyond).expect("read"), None, "beyond {size}");
    }
    std::fs::remove_dir_all(&log.dir).expect("removed");
}

#[test]
fn what_is_not_in_the_tree_is_not_kept() {
    let log = Log::new("refuses", 600);
    let copy = log.copy();
    let folder = witness(&log, 600);
    let all: Vec<Place> = places(0, 600).collect();
    for spoil in [
        (|p: &mut Package| p.entries.swap(0, 1)) as fn(&mut Package),
        |p| p.entries[3] = b"another".to_vec().into(),
        |p| p.proof.clear(),
        |p| p.proof.push(hash::EMPTY),
        |p| p.proof.reverse(),
    ] {
        let mut package = log.package(all[0], 600);
        spoil(&mut package);
        let refused = copy.take(all[0], &package, &log.checkpoint(600)).expect_err("spoilt");
        assert!(matches!(refused, Fault::Proof(_)), "{refused}");
        assert_eq!(copy.have(&folder).expect("read").next, 0);
    }
    copy.take(all[0], &log.package(all[0], 600), &log.checkpoint(600)).expect("taken");
    let early = copy.sign(&log.checkpoint(600), 1_800_000_000, &log.keys.witness().signer());
    assert!(matches!(early, Err(Fault::Damaged(_))), "not before all is here");
    std::fs::remove_dir_all(&log.dir).expect("removed");
}
