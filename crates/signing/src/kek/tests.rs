//! Key-encryption key files.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

#[test]
fn it_is_made_once_for_its_owner_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kek");
    let made = Kek::load_or_create(&path).expect("makes");
    assert_eq!(fs::metadata(&path).expect("exists").mode() & 0o7777, OWNER_ONLY);
    assert_eq!(Kek::load_or_create(&path).expect("loads").0, made.0);
    assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    assert_eq!(format!("{made:?}"), "[redacted]");
}

#[test]
fn many_that_start_at_once_get_one_key() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kek");
    let all: Vec<_> = std::thread::scope(|s| {
        let started: Vec<_> = (0..8).map(|_| s.spawn(|| Kek::load_or_create(&path))).collect();
        started.into_iter().map(|h| h.join().expect("no panic").expect("a key").0).collect()
    });
    assert!(all.iter().all(|k| *k == all[0]));
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kek");
    Kek::load_or_create(&path).expect("makes");
    for mode in [0o640, 0o604, 0o644, 0o660, 0o700] {
        set_mode(&path, mode);
        let refused = Kek::load(&path).expect_err("too open").to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
    set_mode(&path, 0o400);
    assert!(Kek::load(&path).is_ok());
}

#[test]
fn a_file_with_something_else_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kek");
    for text in ["", "short", &"A".repeat(44), &"A".repeat(4_000), " "] {
        fs::write(&path, text).expect("writes");
        set_mode(&path, OWNER_ONLY);
        assert!(Kek::load(&path).is_err());
        assert!(Kek::load_or_create(&path).is_err());
    }
    assert!(Kek::load(dir.path().join("none")).is_err());
    assert!(Kek::load(dir.path()).is_err());
}
