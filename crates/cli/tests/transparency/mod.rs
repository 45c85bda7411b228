//! `charter log` against logs that are honest, and against each way in which one may not be.

mod copy;
mod dishonest;
mod follow;
mod transport;

use std::process::Output;

use charter_tlog::{hash, log_proof::LogProof, note::KeyKind, policy::Policy};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    charter, code,
    fake::log::{Key, Log, now},
    text, write,
};

/// What an auditor keeps between runs.
struct Auditor {
    dir: TempDir,
}

impl Auditor {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// The options by which a log is believed, and where what is kept of it is.
    fn options(&self, log: &Log) -> Vec<String> {
        let (vkey, state, evidence) = (log.key.vkey.to_string(), self.file("state"), self.file("evidence"));
        let options = ["--vkey", &vkey, "--state", &state, "--evidence", &evidence];
        options.map(str::to_owned).to_vec()
    }

    async fn run(&self, log: &Log, args: &[&str]) -> Output {
        let (options, dir) = (self.options(log), log.dir().to_str().expect("UTF-8"));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        charter("", &[args, &["--dir", dir], &options[..]].concat()).await
    }

    async fn verifies(&self, log: &Log) -> Output {
        self.run(log, &["log", "verify"]).await
    }

    async fn report(&self, log: &Log) -> Value {
        let output = self.run(log, &["log", "verify", "-o", "json"]).await;
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

#[tokio::test]
async fn a_good_log_verifies_at_every_size_and_as_it_grows() {
    let auditor = Auditor::new();
    let mut log = Log::of(1);
    let mut before = Value::Null;
    for size in [1_usize, 2, 255, 256, 257, 600, 600] {
        log = log.grown(size);
        let report = auditor.report(&log).await;
        assert_eq!(report["size"], size);
        assert_eq!(report["grown_from"], before, "{size}");
        assert_eq!(report["registry"], "did:web:registry.example");
        assert_eq!(report["root"], log.checkpoint().checkpoint().root().to_string());
        before = size.into();
    }
    let shown = text(&auditor.verifies(&log).await.stdout);
    assert!(shown.starts_with("VERIFIED\n") && shown.contains("600"), "{shown}");
    let anew = auditor.run(&log, &["log", "verify", "--from-scratch", "-o", "json"]).await;
    let anew: Value = serde_json::from_slice(&anew.stdout).expect("JSON");
    assert_eq!(anew["grown_from"], Value::Null);
}

#[tokio::test]
async fn an_empty_log_is_a_log() {
    let report = Auditor::new().report(&Log::of(0)).await;
    assert_eq!((&report["size"], &report["registry"]), (&Value::from(0), &Value::Null));
}

#[tokio::test]
async fn witnesses_count_as_the_policy_says_and_while_they_are_fresh() {
    let (auditor, mut log) = (Auditor::new(), Log::of(10));
    log.witnesses = ["one.example/witness", "two.example/witness"]
        .map(|name| Key::new(name, KeyKind::CosignatureV1))
        .into();
    let policy = write(auditor.dir.path(), "policy", &log.policy(2));
    let verify = ["log", "verify", "--policy", &policy, "-o", "json"];
    let unseen = auditor.run(&log, &verify).await;
    assert_eq!(code(&unseen), 5);
    assert!(text(&unseen.stderr).contains("one.example/witness"), "{}", text(&unseen.stderr));
    log.publish(now() - 1_000);
    let seen = auditor.run(&log, &verify).await;
    let report: Value = serde_json::from_slice(&seen.stdout).expect("JSON");
    assert_eq!(report["witnesses"].as_array().map(Vec::len), Some(2));
    assert!(report["age_seconds"].as_u64().is_some_and(|age| (1_000..1_100).contains(&age)), "{report}");
    let aged = async |age: &str| auditor.run(&log, &[&verify[..], &["--max-age", age]].concat()).await;
    assert_eq!(code(&aged("1h").await), 0);
    let old = aged("5m").await;
    assert!(code(&old) == 5 && text(&old.stderr).contains("within the last 5m"), "{}", text(&old.stderr));
    let others = format!("log {}\nquorum none\n", Key::new("other.example/log", KeyKind::Ed25519).vkey);
    let others = write(auditor.dir.path(), "others", &others);
    let strange = auditor.run(&log, &["log", "verify", "--policy", &others]).await;
    assert!(code(&strange) == 5 && text(&strange.stderr).contains("lists other logs"));
}

#[tokio::test]
async fn a_proof_verifies_without_the_log() {
    let (auditor, log) = (Auditor::new(), Log::of(700));
    let policy = Policy::k_of_n(std::slice::from_ref(&log.key.vkey), &[], 0).expect("a policy");
    let dir = log.dir().to_str().expect("UTF-8");
    let vkey = log.key.vkey.to_string();
    let prove = async |seq: &str, more: &[&str]| {
        let args = ["log", "proof", seq, "--dir", dir, "--vkey", &vkey];
        charter("", &[&args[..], more].concat()).await
    };
    for seq in [1_usize, 256, 257, 512, 513, 700] {
        let out = auditor.file(&format!("{seq}.tlog-proof"));
        let output = prove(&seq.to_string(), &["--out", &out]).await;
        assert_eq!((code(&output), output.stdout.len()), (0, 0), "{}", text(&output.stderr));
        let proof: LogProof = std::fs::read_to_string(&out).expect("written").parse().expect("a proof");
        let proven = proof.verify(hash::leaf(log.entry(seq - 1)), &policy).expect("in the log");
        assert_eq!((proven.index, proven.size), (seq as u64 - 1, 700));
        assert!(proof.verify(hash::leaf(log.entry(seq % 700)), &policy).is_err(), "another event");
    }
    assert!(text(&prove("3", &[]).await.stdout).starts_with("c2sp.org/tlog-proof@v1\nindex 2\n"));
    let later = prove("701", &[]).await;
    assert_eq!((code(&later), later.stdout.len()), (4, 0));
    assert_eq!(code(&prove("0", &[]).await), 2);
    log.flip("tile/0/001");
    let wrong = prove("300", &[]).await;
    assert_eq!((code(&wrong), wrong.stdout.len()), (5, 0));
}

#[tokio::test]
async fn a_log_is_not_believed_without_a_key_nor_by_anothers() {
    let (log, other) = (Log::of(3), Log::of(3));
    let dir = log.dir().to_str().expect("UTF-8");
    assert_eq!(code(&charter("", &["log", "verify", "--dir", dir]).await), 2);
    let vkey = other.key.vkey.to_string();
    let output = charter("", &["log", "verify", "--dir", dir, "--vkey", &vkey]).await;
    assert_eq!((code(&output), output.stdout.len()), (5, 0));
    assert_eq!(code(&charter("", &["log", "verify", "--dir", dir, "--vkey", "x"]).await), 2);
}
