//! Mirrors: a log is published when its entries are in two places; a copy goes on where it was; what does not belong to
//! the log is not kept.

mod restored;
mod upload;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use charter_domain::{
    RegistryId,
    record::{RawAuthorization, RawRecord},
};
use charter_server::{log::Published, witness::state};
use charter_tests::{AUTHORITY, TestApp, app::Build, database::Database, program::free_address};
use charter_tlog::{
    checkpoint::SignedCheckpoint,
    cosign,
    note::Vkey,
    tile::{Level, TilePath},
};
use tokio::time::Instant;

const MIRROR: &str = "did:web:mirror.example";
const ORIGIN: &str = "registry.example/log";

pub fn id(app: &TestApp, authority: &str) -> RegistryId {
    app.app.hosted.by_authority(authority).expect("a registry")
}

pub fn vkey(app: &TestApp) -> Vkey {
    let tenant = app.app.hosted.tenant(id(app, AUTHORITY)).expect("a registry");
    tenant.log_keys.log().vkey.clone()
}

async fn epoch(app: &TestApp) -> u64 {
    app.app.store.epoch(id(app, AUTHORITY)).await.expect("an epoch").unsigned_abs()
}

/// What is published once everything is that there is now.
pub async fn published(app: &TestApp) -> Arc<Published> {
    let (size, deadline) = (epoch(app).await, Instant::now() + Duration::from_secs(60));
    app.app.logs.wait(id(app, AUTHORITY), size, deadline).await.expect("published")
}

/// Entities `from..to`, each with a statement: two events an entity.
fn rows(from: u32, to: u32) -> Vec<(u32, RawRecord)> {
    let may = |resource: &str| RawAuthorization {
        action: "issue".to_owned(),
        resource: resource.to_owned(),
        ..RawAuthorization::default()
    };
    let record = |n: u32| RawRecord {
        identifier: format!("did:web:e{n}.example"),
        names: [("en".to_owned(), format!("Entity {n}"))].into(),
        country: "FI".to_owned(),
        authorizations: vec![may("Degree")],
        ..RawRecord::default()
    };
    (from..to).map(|n| (n + 1, record(n))).collect()
}

pub async fn loads(app: &TestApp, from: u32, to: u32) {
    for reply in app.registry(AUTHORITY).loads(rows(from, to), false).await.expect("loaded") {
        assert_eq!(reply.errors, []);
    }
}

/// A registry whose log is mirrored at an address.
pub fn logged(mirror: SocketAddr) -> Build {
    let log = format!("log = {{ mirrors = [{{ url = \"http://{mirror}/witness\" }}] }}");
    TestApp::build().registry(AUTHORITY).details(&log)
}

/// A registry that mirrors the log with this key, with its copy in a directory of the test.
pub async fn mirror(log: &Vkey, dir: &Path, address: SocketAddr) -> TestApp {
    mirror_on(Database::create().await, log, dir, address).await
}

async fn mirror_on(database: Database, log: &Vkey, dir: &Path, address: SocketAddr) -> TestApp {
    let witness = format!(
        "witness = {{ logs = [{{ origin = \"{}\", vkey = \"{log}\", mirror = true }}] }}",
        log.name()
    );
    let build = TestApp::build().registry(MIRROR).details(&witness).at(dir);
    build.start_on(database, address).await.expect("a mirror")
}

fn base(origin: &str) -> String {
    format!("/mirror/{}", state::hash(origin))
}

/// The copy's checkpoint, signed by the log and by the mirror.
async fn copied(mirror: &TestApp, log: &Vkey) -> SignedCheckpoint {
    let reply = mirror.rest().get(&format!("{}/checkpoint", base(log.name().as_str()))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let found = SignedCheckpoint::parse(&reply.body).expect("a checkpoint");
    found.verify_log(log).expect("by the log");
    let tenant = mirror.app.hosted.tenant(id(mirror, MIRROR)).expect("a registry");
    let own = tenant.log_keys.mirror().expect("a key").vkey.clone();
    cosign::verify(&found, &[own]).expect("by the mirror");
    found
}

/// Every tile and bundle of a size is the same here and there.
async fn same(app: &TestApp, mirror: &TestApp, size: u64) {
    let mut paths = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - index * 256).min(256) as u16;
        for level in [Level::Hashes(0), Level::Entries] {
            paths.push(TilePath::new(level, index, width).expect("a path"));
        }
    }
    if size >= 256 {
        paths.push(TilePath::new(Level::Hashes(1), 0, (size / 256) as u16).expect("a path"));
    }
    for path in paths {
        let (here, there) = (
            app.rest().get(&format!("/log/{path}")).await,
            mirror.rest().get(&format!("{}/{path}", base(ORIGIN))).await,
        );
        assert_eq!((here.status, there.status), (200, 200), "{path}: {}", there.text());
        assert_eq!(here.body, there.body, "{path}");
        for header in ["content-type", "cache-control"] {
            assert_eq!(here.header(header), there.header(header), "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_is_published_that_the_mirror_does_not_have() {
    let (dir, address) = (tempfile::tempdir().expect("a directory"), free_address());
    let app = logged(address).start().await;
    loads(&app, 0, 5).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(app.app.logs.published(id(&app, AUTHORITY)).map(|p| p.size), None, "the mirror is down");
    let asked = app.anonymous().asks("did:web:e1.example", "issue", "Degree").both().await;
    assert_eq!(asked.line(), "200 yes ACTIVE", "what is recorded does not wait");

    let other = mirror(&vkey(&app), dir.path(), address).await;
    for (from, to) in [(5, 6), (6, 120), (120, 131), (131, 300)] {
        let before = published(&app).await;
        let there = copied(&other, &vkey(&app)).await;
        assert!(there.checkpoint().size() >= before.size, "published before it was copied");
        same(&app, &other, before.size).await;
        loads(&app, from, to).await;
    }
    let last = published(&app).await;
    assert!(last.size > 600);
    same(&app, &other, last.size).await;
    let beyond =
        TilePath::new(Level::Entries, last.size / 256, (last.size % 256 + 1) as u16).expect("a path");
    let reply = other.rest().get(&format!("{}/{beyond}", base(ORIGIN))).await;
    assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_mirror_goes_on_where_it_was() {
    let (dir, address) = (tempfile::tempdir().expect("a directory"), free_address());
    let app = logged(address).start().await;
    let first = mirror(&vkey(&app), dir.path(), address).await;
    loads(&app, 0, 140).await;
    let before = published(&app).await;
    let database = first.database.copied().await;
    first.stop().await;
    loads(&app, 140, 150).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let now = app.app.logs.published(id(&app, AUTHORITY)).expect("published");
    assert!(now.size < epoch(&app).await, "not without the mirror");

    // With its files, and its key in the database.
    let again = mirror_on(database, &vkey(&app), dir.path(), address).await;
    assert!(copied(&again, &vkey(&app)).await.checkpoint().size() >= before.size, "it still has them");
    let last = published(&app).await;
    same(&app, &again, last.size).await;
}
