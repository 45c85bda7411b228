//! The Merkle proofs of `transparency-dev/merkle`, good and bad, as they were published.

use std::{
    fs,
    path::{Path, PathBuf},
};

use charter_tlog::{Hash, hash, proof};
use serde_json::Value;

/// The vectors of one kind of proof; none where the folder that has them is not named.
fn cases(kind: &str) -> Vec<(PathBuf, Value)> {
    let Some(shared) = std::env::var_os("CHARTER_SHARED").filter(|folder| !folder.is_empty()) else {
        println!("CHARTER_SHARED is not set: only the built-in cases of {kind} are tested");
        return Vec::new();
    };
    let mut files = Vec::new();
    list(&Path::new(&shared).join("data/vectors/merkle").join(kind), &mut files);
    assert!(files.len() > 90, "only {} vectors of {kind}", files.len());
    let read = |path: PathBuf| {
        let text = fs::read(&path).expect("a file");
        (path, serde_json::from_slice(&text).expect("JSON"))
    };
    files.into_iter().map(read).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            list(&entry.path(), files);
        } else if entry.path().extension().is_some_and(|extension| extension == "json") {
            files.push(entry.path());
        }
    }
}

/// Some roots are words, of which only the equality matters: they become leaves. `None` where there is no hash, which
/// the type refuses.
fn hash_of(value: &Value) -> Option<Hash> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| hash::leaf(text.as_bytes())))
}

/// The hashes of a proof; `None` if one of them is no hash, which is where a parser refuses it.
fn proof_of(value: &Value) -> Option<Vec<Hash>> {
    let hashes = value.as_array().map(Vec::as_slice).unwrap_or_default();
    hashes.iter().map(|hash| hash.as_str().expect("text").parse().ok()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn check(path: &Path, case: &Value, holds: bool) {
    let wrong = case["wantErr"].as_bool().expect("wantErr");
    assert_eq!(holds, !wrong, "{}", path.display());
}

fn includes(case: &Value) -> Option<()> {
    let (index, size) = (number(&case["leafIdx"]), number(&case["treeSize"]));
    let (leaf, root) = (hash_of(&case["leafHash"])?, hash_of(&case["root"])?);
    proof::verify_inclusion(leaf, index, size, &proof_of(&case["proof"])?, root).ok()
}

fn agrees(case: &Value) -> Option<()> {
    let (old, new) = (number(&case["size1"]), number(&case["size2"]));
    let (old_root, new_root) = (hash_of(&case["root1"])?, hash_of(&case["root2"])?);
    proof::verify_consistency(old, old_root, new, new_root, &proof_of(&case["proof"])?).ok()
}

#[test]
fn inclusion() {
    for (path, case) in cases("inclusion") {
        check(&path, &case, includes(&case).is_some());
    }
}

#[test]
fn consistency() {
    for (path, case) in cases("consistency") {
        check(&path, &case, agrees(&case).is_some());
    }
}

/// One of each kind, so that the file tests something everywhere.
#[test]
fn built_in() {
    let hash = |text: &str| text.parse::<Hash>().expect("a hash");
    let five = hash("Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=");
    let right =
        ["Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=", "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="]
            .map(hash);
    let two = hash("+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=");
    assert_eq!(proof::verify_consistency(2, two, 5, five, &right), Ok(()));
    assert!(proof::verify_consistency(2, five, 5, two, &right).is_err());
    let leaf = hash("lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=");
    let path = [hash("bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="), right[0], right[1]];
    assert_eq!(proof::verify_inclusion(leaf, 1, 5, &path, five), Ok(()));
    assert!(proof::verify_inclusion(leaf, 0, 5, &path, five).is_err());
}
