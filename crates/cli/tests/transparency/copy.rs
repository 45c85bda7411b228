//! `charter log mirror`: a copy is the log, grows with it, and takes up nothing that is not verified.

use std::path::PathBuf;

use super::*;

struct Shelf<'a> {
    auditor: &'a Auditor,
    to: PathBuf,
}

impl<'a> Shelf<'a> {
    fn new(auditor: &'a Auditor) -> Self {
        Self { auditor, to: auditor.dir.path().join("copy") }
    }

    async fn mirrors(&self, log: &Log) -> Output {
        let (to, vkey) = (self.to.to_str().expect("UTF-8"), log.key.vkey.to_string());
        let from = log.dir().to_str().expect("UTF-8");
        charter("", &["log", "mirror", to, "--dir", from, "--vkey", &vkey]).await
    }

    /// Size of the copy, which verifies by itself.
    async fn size(&self, log: &Log) -> u64 {
        let (to, vkey) = (self.to.to_str().expect("UTF-8"), log.key.vkey.to_string());
        let state = self.auditor.file("copied");
        let args = ["log", "verify", "--dir", to, "--vkey", &vkey, "--state", &state, "-o", "json"];
        let output = charter("", &args).await;
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["size"].as_u64().expect("a size")
    }
}

#[tokio::test]
async fn a_copy_is_the_log_at_every_size() {
    let auditor = Auditor::new();
    let (shelf, mut log) = (Shelf::new(&auditor), Log::of(0));
    for size in [1, 2, 255, 256, 257, 600, 600, 1_100] {
        log = log.grown(size);
        let output = shelf.mirrors(&log).await;
        assert_eq!((code(&output), output.stdout.len()), (0, 0), "{}", text(&output.stderr));
        assert_eq!(shelf.size(&log).await, size as u64);
        let (here, there) = (shelf.to.join("checkpoint"), log.path("checkpoint"));
        assert_eq!(std::fs::read(here).expect("copied"), std::fs::read(there).expect("published"));
    }
}

#[tokio::test]
async fn what_is_not_verified_is_not_taken_up() {
    let auditor = Auditor::new();
    let (shelf, log) = (Shelf::new(&auditor), Log::of(300));
    assert_eq!(code(&shelf.mirrors(&log).await), 0);
    let log = log.grown(700);
    for file in ["tile/entries/001", "tile/0/001", "checkpoint"] {
        log.flip(file);
        let output = shelf.mirrors(&log).await;
        assert_eq!((code(&output), output.stdout.len()), (5, 0), "{file}");
        assert_eq!(shelf.size(&log).await, 300, "{file}");
        log.publish(now());
    }
    let mut other = log;
    other.forks_at(100);
    other.publish(now());
    assert_eq!(code(&shelf.mirrors(&other).await), 5, "another history");
    assert_eq!(shelf.size(&other).await, 300);
    other.set(200);
    other.publish(now());
    assert_eq!(code(&shelf.mirrors(&other).await), 5, "it has gone back");
    let mine = Log::of(5);
    assert_eq!(code(&shelf.mirrors(&mine).await), 2, "the directory holds another log");
}
