//! The main job as a person starts it: real processes, started, asked, ended, and started again after a crash.

use std::{path::Path, process::Stdio, time::Duration};

use charter_tests::program::{built, root};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::traces::Collector;

fn demo(dir: &Path, base_port: u16) -> Command {
    let mut command = Command::new(built("charterd"));
    command.args(["demo", "--base-port", &base_port.to_string(), "--dir"]).arg(dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.expect("readable").expect("the demo ended early");
            if line.contains(text) {
                return line;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(150), found).await.expect("the line in time")
}

pub async fn started(dir: &Path, base_port: u16) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = demo(dir, base_port).spawn().expect("the demo starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    line_with(&mut lines, "stays up until Ctrl-C").await;
    (child, lines)
}

fn nobody_listens(base_port: u16) -> bool {
    [0, 100, 110, 120, 200, 410]
        .iter()
        .all(|o| std::net::TcpListener::bind(("127.0.0.1", base_port + o)).is_ok())
}

async fn until(what: &str, mut good: impl FnMut() -> bool) {
    let mut rounds = 0;
    while !good() {
        assert!(rounds < 1_200, "{what} did not happen within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
        rounds += 1;
    }
}

#[tokio::test]
async fn the_check_asks_everything_and_says_that_all_was_right() {
    // A parent that only its owner may enter: Postgres' user cannot, and is given another place.
    let dir = tempfile::tempdir().expect("a directory");
    let (collector, address) = Collector::start().await;
    let mut command = demo(&dir.path().join("private"), 31_100);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_TRACES_SAMPLER", "always_on");
    let output = command.arg("--check").output().await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let faults = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}\n{faults}");
    assert_eq!(text.trim_end().lines().last(), Some("demo check: all answers were right"));
    assert!(
        text.contains("did:web:education.trust.fi.example: authorization: did:web:helsinki.fi may issue")
    );
    assert!(!text.contains("WRONG"));
    assert!(nobody_listens(31_100), "something was left behind");
    assert!(collector.across() > 0, "no question was followed to another registry: {:?}", collector.spans());
}

#[tokio::test]
async fn a_killed_demo_leaves_nothing_that_keeps_the_next_from_starting() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut child, _) = started(dir.path(), 32_100).await;
    child.kill().await.expect("killed");
    until("the servers' end", || nobody_listens(32_100)).await;
    let (mut child, mut lines) = started(dir.path(), 32_100).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().expect("runs")).expect("a pid"));
    rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM).expect("signalled");
    line_with(&mut lines, "stopping").await;
    let status =
        tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("ends").expect("ended");
    assert!(status.success());
    assert!(nobody_listens(32_100));
}

#[tokio::test]
async fn the_readmes_commands_work_as_printed() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, rest) = readme.split_once("<!-- run by tests/it/demo.rs -->").expect("the marked block");
    let block = rest.split("```sh").nth(1).and_then(|b| b.split("```").next()).expect("a fenced block");
    let commands: Vec<&str> =
        block.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    let dir = tempfile::tempdir().expect("a directory");
    let (_child, _lines) = started(dir.path(), 30_100).await;
    for command in commands {
        // As printed, but for where this run's demo is.
        let adapted = command
            .replace("target/release/charter", &built("charter").display().to_string())
            .replace(".run/demo", &dir.path().display().to_string())
            .replace("127.0.0.1:7", "127.0.0.1:30");
        let shell = Command::new("bash")
            .args(["-c", &adapted])
            .env("CHARTER_SERVER", "http://127.0.0.1:30100")
            .output();
        let output = shell.await.expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{adapted}\n{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.trim().is_empty(), "{adapted} said nothing");
    }
}
