//! Logs over HTTP: served, busy, endless, silent.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::{Duration, Instant},
};

use super::*;
use crate::fake::web::Web;

async fn verify(web: Web, log: &Log, more: &[&str]) -> Output {
    let (url, state) = (web.start().await, tempfile::tempdir().expect("a directory"));
    let (vkey, state) = (log.key.vkey.to_string(), state.path().join("state"));
    let args = ["log", "verify", "--log", &url, "--vkey", &vkey, "--state", state.to_str().expect("UTF-8")];
    charter("", &[&args[..], more].concat()).await
}

#[tokio::test]
async fn a_log_verifies_over_http_and_after_a_restart_in_between() {
    let log = Log::of(3_000);
    let output = verify(Web::files(log.dir()), &log, &[]).await;
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let busy = Web::Busy(Arc::new(AtomicU32::new(3)), log.dir().to_owned());
    let output = verify(busy, &log, &[]).await;
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let always = Web::Busy(Arc::new(AtomicU32::new(u32::MAX)), log.dir().to_owned());
    let output = verify(always, &log, &[]).await;
    assert!(code(&output) == 5 && text(&output.stderr).contains("503"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn what_never_ends_is_cut_off() {
    let (log, begun) = (Log::of(1), Instant::now());
    let output = verify(Web::Endless, &log, &[]).await;
    assert!(
        code(&output) == 5 && text(&output.stderr).contains("is longer than"),
        "{}",
        text(&output.stderr)
    );
    let output = verify(Web::Silent, &log, &["--timeout", "200ms"]).await;
    assert!(
        code(&output) == 5 && text(&output.stderr).contains("no answer within"),
        "{}",
        text(&output.stderr)
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_file_that_is_longer_than_it_may_be_is_refused_in_a_directory_too() {
    let log = Log::of(300);
    log.write("tile/0/000", &vec![0; 8_193]);
    let output = Auditor::new().verifies(&log).await;
    assert!(
        code(&output) == 5 && text(&output.stderr).contains("is longer than"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn nobody_there_is_no_verdict() {
    let log = Log::of(1);
    let vkey = log.key.vkey.to_string();
    let output = charter("", &["log", "verify", "--log", "http://127.0.0.1:1/log", "--vkey", &vkey]).await;
    assert_eq!((code(&output), output.stdout.len()), (5, 0));
    let output = charter("", &["log", "verify", "--log", "ftp://x/log", "--vkey", &vkey]).await;
    assert_eq!(code(&output), 2);
}
