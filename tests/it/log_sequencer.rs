//! The sequencer: what is committed is published, in order and once, whatever fails on the way; writes wait for nothing.

mod faults;
mod killed;

use std::{sync::Arc, time::Duration};

use charter_domain::{RegistryId, Timestamp, time::Clock};
use charter_server::log::{Published, command::examine, tree::Tiles};
use charter_tests::{AUTHORITY, TestApp, hand_log::key};
use charter_tlog::{Hash, hash, note::KeyKind, proof::verify_consistency, tree::root_of};

use crate::kept::{beside, until};

pub const SOON: Duration = Duration::from_secs(60);

pub fn id(app: &TestApp) -> RegistryId {
    app.app.hosted.by_authority(AUTHORITY).expect("served")
}

pub async fn epoch(app: &TestApp) -> u64 {
    u64::try_from(app.app.store.epoch(id(app)).await.expect("an epoch")).expect("positive")
}

/// Something is written, and acknowledged; how many events there are then.
pub async fn writes(app: &TestApp, name: &str) -> u64 {
    app.registry(AUTHORITY).registers(&format!("did:web:{name}.example")).authorized("issue", "Degree").await;
    epoch(app).await
}

pub async fn published(app: &TestApp, size: u64) -> Arc<Published> {
    let deadline = tokio::time::Instant::now() + SOON;
    let found = app.app.logs.wait(id(app), size, deadline).await;
    assert!(found.is_ok(), "{size} is not published: {:?}", app.app.logs.stopped(id(app)));
    found.expect("published")
}

/// Leaf hashes of all committed events, computed from their bytes.
async fn leaves(app: &TestApp) -> Vec<Hash> {
    let bodies = app.app.store.event_bodies(id(app), 0, i64::MAX).await.expect("events");
    bodies.iter().map(|body| hash::leaf(body)).collect()
}

/// Every checkpoint is of the one tree that the events make, and each grows into the next by a proof.
pub async fn consistent(app: &TestApp, seen: &[Arc<Published>]) {
    let leaves = leaves(app).await;
    let key = &app.app.hosted.tenant(id(app)).expect("served").log_keys.log().vkey;
    for one in seen {
        one.checkpoint.verify_log(key).expect("signed by the log");
        let size = usize::try_from(one.size).expect("small");
        assert_eq!(one.root, root_of(&leaves[..size]), "the root of {size}");
    }
    let tiles = Tiles { store: &app.app.store, registry: id(app) };
    for pair in seen.windows(2).filter(|pair| pair[0].size < pair[1].size) {
        let (old, new) = (&pair[0], &pair[1]);
        let proof = tiles.consistency(old.size, new.size).await.expect("a proof");
        verify_consistency(old.size, old.root, new.size, new.root, &proof).expect("it grew");
    }
}

/// Nothing is wrong with the log, by the operator's own check.
pub async fn sound(app: &TestApp) {
    let registry = app.app.hosted.tenant(id(app)).expect("served").registry.clone();
    let found = examine(&app.app.config, &app.app.store, &registry).await.expect("examined");
    assert_eq!(found.differences, []);
}

/// How often the store was asked for something, by the server's own count.
async fn asked(app: &TestApp, operation: &str) -> String {
    let metrics = app.rest().get("/metrics").await.text();
    let name = format!("db_client_operation_duration_seconds_count{{operation=\"{operation}\"}}");
    metrics.lines().find(|line| line.starts_with(&name)).unwrap_or("0").to_owned()
}

#[tokio::test]
async fn what_is_committed_is_published_as_one_tree() {
    let app = TestApp::start().await;
    let mut seen = Vec::new();
    for n in 0..3 {
        let size = writes(&app, &format!("u{n}")).await;
        seen.push(published(&app, size).await);
    }
    let rows: Vec<_> =
        (0..300).map(|n| (n, crate::kept::raw(&format!("did:web:many-{n}.example")))).collect();
    app.registry(AUTHORITY).loads(rows, false).await.expect("loaded");
    let all = epoch(&app).await;
    assert!(all > 256, "more than one tile");
    seen.push(published(&app, all).await);
    consistent(&app, &seen).await;
    sound(&app).await;
    let head = app.app.store.log_head(id(&app)).await.expect("a head");
    let row = head.published.expect("published");
    assert_eq!((head.size, row.size, row.checkpoint), (all, all, seen[3].text.clone()));
    let file = std::fs::read_to_string(app.app.logs.dir().join("r0.checkpoint")).expect("the file");
    assert_eq!(file, seen[3].text);
}

#[tokio::test]
async fn an_idle_log_asks_the_database_nothing() {
    let app = TestApp::start().await;
    let size = writes(&app, "u").await;
    published(&app, size).await;
    let of = async || {
        let mut counts = Vec::new();
        for operation in ["log.head", "log.leaves", "log.entries", "log.tiles", "log.advance", "log.publish"]
        {
            counts.push(asked(&app, operation).await);
        }
        counts
    };
    let before = of().await;
    assert!(before.iter().all(|count| count != "0"), "{before:?}");
    // On a machine that stands still the lock is lost, and the log is taken up again: the next while is idle.
    until(SOON, "a while in which nothing is asked", async || {
        let before = of().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        of().await == before
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_is_published_again_after_a_while() {
    let settings = format!(
        "{}\nlog_store = {{ dir = \"{}\", checkpoint_every_secs = 1 }}",
        charter_tests::app::SETTINGS,
        tempfile::tempdir().expect("a directory").keep().display()
    );
    let app = TestApp::build().settings(&settings).start().await;
    let size = writes(&app, "u").await;
    let first = published(&app, size).await;
    app.clock.advance(Duration::from_secs(5));
    let again = async || app.app.logs.published(id(&app)).is_some_and(|now| now.at > first.at);
    until(SOON, "it was published again", again).await;
    let now = app.app.logs.published(id(&app)).expect("published");
    assert_eq!((now.size, now.root), (first.size, first.root));
}

#[tokio::test]
async fn the_time_of_a_checkpoint_never_goes_back() {
    let app = TestApp::start().await;
    let start = app.clock.now();
    let first = published(&app, writes(&app, "a").await).await;
    let back = |secs| Timestamp::from_secs(start.secs() - secs);
    app.clock.set(back(30));
    let second = published(&app, writes(&app, "b").await).await;
    assert!(second.at >= first.at && second.size > first.size);
    // A clock that is an hour behind is wrong: nothing is signed, and everything else goes on.
    app.clock.set(back(3_600));
    let size = writes(&app, "c").await;
    app.registry(AUTHORITY).revokes("did:web:c.example").await;
    let said = async || app.app.logs.stopped(id(&app)).is_some_and(|why| why.contains("clock"));
    until(SOON, "it says why it has stopped", said).await;
    assert_eq!(app.app.logs.published(id(&app)).expect("published").size, second.size);
    app.clock.set(start);
    let third = published(&app, size + 1).await;
    assert!(third.at >= second.at);
    assert_eq!(app.app.logs.stopped(id(&app)), None);
    consistent(&app, &[first, second, third]).await;
}

#[tokio::test]
async fn without_its_witnesses_nothing_is_published_and_every_write_is_acknowledged() {
    let (_, vkey) = key("away.example/witness", KeyKind::CosignatureV1);
    let details = format!(
        "log = {{ quorum = 1, witnesses = [ {{ url = \"http://127.0.0.1:9/witness\", vkey = \"{vkey}\" }} ] }}"
    );
    let app = TestApp::build().registry(AUTHORITY).details(&details).start().await;
    let began = std::time::Instant::now();
    for n in 0..20 {
        writes(&app, &format!("u{n}")).await;
    }
    app.registry(AUTHORITY).revokes("did:web:u7.example").await;
    assert!(began.elapsed() < SOON, "writes wait for nobody");
    let said = app.anonymous().asks("did:web:u7.example", "issue", "Degree").both().await;
    assert_eq!(said.line(), "200 no REVOKED");
    let all = epoch(&app).await;
    until(SOON, "all is in the tree", async || app.app.logs.sequenced(id(&app)) == all).await;
    assert!(app.app.logs.published(id(&app)).is_none());
    assert_eq!(app.app.logs.stopped(id(&app)), None, "it goes on by itself when they are back");
    let late = async || {
        let metrics = app.rest().get("/metrics").await.text();
        let line =
            metrics.lines().find(|l| l.starts_with("charter_log_unpublished_seconds{registry=\"r0\"}"));
        line.and_then(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).is_some_and(|secs| secs > 2.0)
    };
    until(SOON, "a metric tells how late it is", late).await;
}

#[tokio::test]
async fn of_two_sequencers_one_publishes_and_the_other_takes_over() {
    let first = TestApp::start().await;
    let mut seen = vec![published(&first, writes(&first, "a").await).await];
    let second = beside(&first, TestApp::build().registry(AUTHORITY)).await;
    let registry = id(&first);
    let term = async || first.app.store.log_head(registry).await.expect("a head").term;
    let size = writes(&first, "b").await;
    seen.push(published(&first, size).await);
    let deadline = tokio::time::Instant::now() + SOON;
    let followed = second.app.logs.wait(registry, size, deadline).await.expect("it follows");
    assert_eq!(followed.text, seen[1].text, "the one checkpoint");
    // A machine that stands still loses the lock; while it is held, nobody takes it for longer than its beat.
    until(SOON, "the other takes nothing while it is held", async || {
        let before = term().await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        term().await == before
    })
    .await;
    let held = term().await;
    // Every connection ends: the locks are lost, and somebody takes them again.
    for round in 0..5 {
        first.database.end_connections().await;
        until(SOON, "it is written", async || {
            let rows = vec![(1, crate::kept::raw(&format!("did:web:round-{round}.example")))];
            first.registry(AUTHORITY).loads(rows, false).await.is_ok_and(|r| r[0].errors.is_empty())
        })
        .await;
        seen.push(published(&first, epoch(&first).await).await);
    }
    consistent(&first, &seen).await;
    sound(&first).await;
    assert!(term().await > held, "it was taken again");
    second.stop().await;
    let size = writes(&first, "last").await;
    seen.push(published(&first, size).await);
    consistent(&first, &seen).await;
}
