//! The fuzz targets' entries over their corpus: files named `good-` are accepted, those named `bad-` are not, and no
//! part of any of them makes a parser panic.

use std::{collections::BTreeSet, fs, path::Path};

#[path = "../fuzz/src/lib.rs"]
mod entries;

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let files = fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a file"))
    };
    files.map(read).collect()
}

#[test]
fn the_corpus_is_taken_as_its_names_say() {
    for (name, entry) in entries::ENTRIES {
        let mut kinds = BTreeSet::new();
        for (file, bytes) in corpus(name) {
            let good = file.starts_with("good-");
            assert!(good || file.starts_with("bad-"), "{name}/{file} is neither good nor bad");
            assert_eq!(entry(&bytes), good, "{name}/{file}");
            kinds.insert(good);
        }
        assert_eq!(kinds.len(), 2, "the corpus of {name} has good and bad files");
    }
}

#[test]
fn parts_and_mixtures_of_the_corpus_make_nothing_panic() {
    for (name, entry) in entries::ENTRIES {
        let files = corpus(name);
        for (_, bytes) in &files {
            let cuts = (0..bytes.len()).step_by(1 + bytes.len() / 200);
            for cut in cuts {
                entry(&bytes[..cut]);
                entry(&bytes[cut..]);
                for (_, other) in &files {
                    entry(&[&bytes[..cut], &other[cut.min(other.len())..]].concat());
                }
            }
        }
    }
}

#[test]
fn each_entry_has_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    for (name, _) in entries::ENTRIES {
        let target = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(target.contains(&format!("charter_tlog_fuzz::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
    }
}
