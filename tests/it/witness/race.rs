//! Many requests at once, and ends at any moment: one wins for each size, and nothing that was answered is forgotten.

use std::{sync::Arc, time::Duration};

use charter_tests::{
    AUTHORITY, Rest, TestApp, database::Database, hand_log::HandLog, program::Served, rest::Reply,
};
use http::Method;
use http_body_util::Full;

use super::{ADD, ORIGIN, asks, file, witness_of};

#[tokio::test]
async fn of_many_at_once_one_wins_and_nothing_goes_back() {
    let log = HandLog::new(ORIGIN, 200);
    let app = Arc::new(witness_of(&log).await);
    let mut size = 0;
    for _ in 0..12 {
        let old = size;
        let asked = (old + 1..=old + 10).map(|new| {
            let (app, request) = (Arc::clone(&app), log.request(old, new));
            tokio::spawn(async move { (new, asks(&app, &request).await) })
        });
        let mut won = Vec::new();
        let mut lost = Vec::new();
        for task in asked.collect::<Vec<_>>() {
            let (new, reply) = task.await.expect("no panic");
            if reply.status == 200 { won.push(new) } else { lost.push(reply) }
        }
        assert_eq!(won.len(), 1, "{won:?}");
        size = won[0];
        for reply in lost {
            assert_eq!((reply.status, reply.text()), (409, format!("{size}\n")));
        }
        let kept = std::fs::read(file(&app, ORIGIN)).expect("a file");
        let kept = charter_tlog::checkpoint::SignedCheckpoint::parse(&kept).expect("a checkpoint");
        assert_eq!((kept.checkpoint().size(), kept.checkpoint().root()), (size, log.root(size)));
    }
}

async fn send(rest: &Rest, body: String) -> Result<Reply, String> {
    let request = rest.request(Method::POST, ADD).body(Full::new(body.into()));
    rest.try_send(request.expect("a request")).await
}

/// What a witness has, as it says itself when it is asked for what cannot be.
async fn size_of(rest: &Rest, log: &HandLog) -> u64 {
    let reply = send(rest, log.request(199, 200).to_string()).await.expect("a reply");
    assert_eq!(reply.status, 409, "{}", reply.text());
    reply.text().trim().parse().expect("a size")
}

/// A real process is killed while it decides: before, between and after what was kept and what was answered.
#[tokio::test]
async fn a_killed_witness_has_kept_what_it_answered() {
    let log = HandLog::new(ORIGIN, 200);
    let database = Database::create().await;
    let dir = tempfile::tempdir().expect("a directory");
    let build = TestApp::build().registry(AUTHORITY).details(&log.setting());
    let (mut answered, mut attempted) = (0, 0);
    for round in 0..8 {
        let served = Served::start(dir.path(), |address| build.toml(&database, dir.path(), address)).await;
        let rest = Rest::new(served.address);
        let has = size_of(&rest, &log).await;
        assert!((answered..=attempted.max(answered)).contains(&has), "{answered} {has} {attempted}");
        let good = send(&rest, log.request(has, has + 3).to_string()).await.expect("a reply");
        assert_eq!(good.status, 200, "{}", good.text());
        answered = has + 3;
        attempted = answered + 4;
        let body = log.request(answered, attempted).to_string();
        let pending = tokio::spawn(async move { send(&rest, body).await });
        tokio::time::sleep(Duration::from_micros(200 * round)).await;
        drop(served);
        if pending.await.expect("no panic").is_ok_and(|reply| reply.status == 200) {
            answered = attempted;
        }
    }
}
