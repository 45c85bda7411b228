//! What the tests of the log share: registries with many events, what their logs must be by the events themselves, and
//! waiting until everything is published.

use std::{sync::Arc, time::Duration};

use charter_domain::{
    RegistryId,
    record::{RawAuthorization, RawRecord},
};
use charter_server::log::{
    Published,
    fault::{Point, When},
};
use charter_store::log_key::LogPurpose;
use charter_tests::TestApp;
use charter_tlog::{Hash, hash, note::Vkey};
use tokio::time::Instant;

pub fn id(app: &TestApp, authority: &str) -> RegistryId {
    app.app.hosted.by_authority(authority).expect("a registry")
}

/// Waits until every event that there is now is published.
pub async fn published(app: &TestApp, authority: &str) -> Arc<Published> {
    let id = id(app, authority);
    let epoch = app.app.store.epoch(id).await.expect("an epoch");
    let deadline = Instant::now() + Duration::from_secs(60);
    app.app.logs.wait(id, epoch.unsigned_abs(), deadline).await.expect("published")
}

/// Nothing is published from now on; the tree grows as before.
pub fn hold(app: &TestApp) {
    app.app.logs.faults.set(Point::Quorum, When::Before, 0, u32::MAX);
}

pub fn release(app: &TestApp) {
    app.app.logs.faults.clear();
}

/// Loads entities with one statement each: two events for each.
pub async fn loads(app: &TestApp, authority: &str, from: u32, count: u32) {
    let record = |n: u32| {
        let may = RawAuthorization {
            action: "issue".to_owned(),
            resource: "Degree".to_owned(),
            ..RawAuthorization::default()
        };
        RawRecord {
            identifier: format!("did:web:issuer-{n}.example"),
            names: [("en".to_owned(), format!("Issuer {n}"))].into(),
            country: "FI".to_owned(),
            authorizations: vec![may],
            ..RawRecord::default()
        }
    };
    let rows = (from..from + count).map(|n| (n + 1, record(n))).collect();
    for reply in app.registry(authority).loads(rows, false).await.expect("loaded") {
        assert_eq!(reply.errors, []);
    }
}

/// The key that checkpoints of a registry are signed with.
pub async fn vkey(app: &TestApp, authority: &str) -> Vkey {
    let keys = app.app.store.log_keys(id(app, authority)).await.expect("keys");
    let found = keys.iter().find(|key| key.purpose == LogPurpose::Log && key.retired_at.is_none());
    found.expect("a key of the log").vkey.parse().expect("a verifier key")
}

/// The public bytes of all events, and their hashes as leaves.
pub async fn events(app: &TestApp, authority: &str, size: u64) -> (Vec<Vec<u8>>, Vec<Hash>) {
    let events = app.app.store.entries(id(app, authority), 0, size).await.expect("events");
    assert_eq!(events.len() as u64, size);
    let leaves = events.iter().map(|event| hash::leaf(event)).collect();
    (events, leaves)
}
