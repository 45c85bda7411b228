//! `charter log watch`: growth is followed, and a log that contradicts itself ends it.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

use super::*;

struct Watch {
    child: tokio::process::Child,
    lines: Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Watch {
    fn start(auditor: &Auditor, log: &Log, more: &[&str]) -> Self {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_charter"));
        command.args(["log", "watch", "--every", "20ms", "-o", "json", "--dir"]).arg(log.dir());
        command.args(auditor.options(log)).args(more);
        command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", "/nonexistent");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Size of the next checkpoint.
    async fn size(&mut self) -> u64 {
        let line = self.lines.next_line().await.expect("readable").expect("a line");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        said["size"].as_u64().expect("a size")
    }

    async fn ends(self) -> Output {
        self.child.wait_with_output().await.expect("ends")
    }
}

#[tokio::test]
async fn growth_is_followed_and_a_fork_ends_it() {
    let (auditor, mut log) = (Auditor::new(), Log::of(10));
    let mut watch = Watch::start(&auditor, &log, &[]);
    assert_eq!(watch.size().await, 10);
    for size in [11, 255, 256, 257, 800] {
        log = log.grown(size);
        assert_eq!(watch.size().await, size as u64);
    }
    log.forks_at(799);
    log.publish(now());
    let output = watch.ends().await;
    assert_eq!(code(&output), 5);
    assert!(text(&output.stderr).contains("two roots at 800 entries"), "{}", text(&output.stderr));
    assert!(
        std::fs::read_to_string(auditor.file("evidence")).expect("kept").starts_with("tlog-equivocation/v1")
    );
}

#[tokio::test]
async fn a_past_that_was_rewritten_and_a_log_that_goes_back_end_it() {
    for (from, to, said) in [(100, 500, "do not lead to the root"), (200, 200, "gone back")] {
        let (auditor, mut log) = (Auditor::new(), Log::of(300));
        let mut watch = Watch::start(&auditor, &log, &[]);
        assert_eq!(watch.size().await, 300);
        log.forks_at(from);
        let _log = log.grown(to);
        let output = watch.ends().await;
        assert_eq!(code(&output), 5);
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_watch_goes_on_from_what_was_verified_before() {
    let (auditor, log) = (Auditor::new(), Log::of(300));
    auditor.report(&log).await;
    let log = log.grown(400);
    let mut watch = Watch::start(&auditor, &log, &["--for", "200ms"]);
    assert_eq!(watch.size().await, 400);
    assert_eq!(code(&watch.ends().await), 0);
    let mut log = log.grown(300);
    log.forks_at(250);
    let output = Watch::start(&auditor, &log.grown(500), &[]).ends().await;
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_log_that_stands_still_is_said_to_be_frozen_once() {
    let (auditor, log) = (Auditor::new(), Log::of(3));
    let mut watch = Watch::start(&auditor, &log, &["--frozen-after", "100ms", "--for", "600ms"]);
    assert_eq!(watch.size().await, 3);
    let output = watch.ends().await;
    assert_eq!((code(&output), text(&output.stderr).matches("frozen: ").count()), (0, 1));
}
