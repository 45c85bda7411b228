//! An older database was restored: nothing is answered, changed or signed before what was published is back.

use std::{net::SocketAddr, path::Path, time::Duration};

use charter_store::rebuild::{self, Rebuilt};
use charter_tests::{
    AUTHORITY, TestApp,
    alerts::{Scrape, fires},
    database::{Database, connect},
};
use charter_tlog::proof;
use tokio_postgres::error::SqlState;

use super::{epoch, free_address, id, loads, logged, mirror, published, rows, vkey};
use crate::kept::until;

const SOON: Duration = Duration::from_secs(30);

struct Lost {
    /// Of the log and of the mirror.
    dirs: [tempfile::TempDir; 2],
    mirror: TestApp,
    address: SocketAddr,
    /// The database as it was, and as it was before.
    older: Database,
    published: charter_tlog::checkpoint::SignedCheckpoint,
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A registry that goes on after its database was copied, and then loses the newer one. In the part that is lost an
/// entity is registered and another suspended.
async fn lost() -> Lost {
    goes_on(false).await
}

async fn goes_on(sealed: bool) -> Lost {
    let dirs = [tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory")];
    let address = free_address();
    let app = logged(address).at(dirs[0].path()).start().await;
    let mirror = mirror(&vkey(&app), dirs[1].path(), address).await;
    loads(&app, 0, 140).await;
    published(&app).await;
    let older = app.database.copied().await;
    until(SOON, "the server finds its database again", || async {
        app.app.store.epoch(id(&app, AUTHORITY)).await.is_ok() && app.rest().ready().await
    })
    .await;
    loads(&app, 140, 145).await;
    app.registry(AUTHORITY).suspends("did:web:e7.example").await;
    if sealed {
        app.registry(AUTHORITY).seals().await.expect("sealed");
    }
    let published = published(&app).await.checkpoint.clone();
    app.stop().await;
    Lost { dirs, mirror, address, older, published }
}

async fn line(app: &TestApp, entity: &str) -> String {
    app.anonymous().asks(entity, "issue", "Degree").both().await.line()
}

fn why(app: &TestApp) -> String {
    app.app.hosted.holds.get(id(app, AUTHORITY)).map(|held| held.why.to_string()).unwrap_or_default()
}

/// Neither answers nor takes changes; says that it lives.
async fn is_held(app: &TestApp) {
    assert_eq!(line(app, "did:web:e7.example").await, "503 STALE");
    let refused = app.registry(AUTHORITY).loads(rows(900, 901), false).await.expect_err("held");
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert_eq!(app.rest().get("/api/v1/registry").await.problem(), (503, "STALE".to_owned()));
    assert_eq!(app.rest().get("/livez").await.status, 200);
}

async fn verified(database: &Database) -> Rebuilt {
    let url = database.url("charter_owner");
    let all = tokio::task::spawn_blocking(move || rebuild::run(&url, true)).await.expect("no panic");
    all.expect("rebuilt").remove(0)
}

/// Everything is back, in the tables and in the answers, and the log goes on from what was published.
async fn is_whole(app: &TestApp, lost: &Lost) {
    assert_eq!(epoch(app).await, lost.published.checkpoint().size());
    assert_eq!(line(app, "did:web:e7.example").await, "200 no SUSPENDED");
    assert_eq!(line(app, "did:web:e144.example").await, "200 yes ACTIVE");
    let found = verified(&app.database).await;
    assert_eq!((found.fault, found.differing), (None, Vec::new()));
    loads(app, 145, 150).await;
    let now = published(app).await;
    let (old, new) = (lost.published.checkpoint(), now.checkpoint.checkpoint());
    assert!(new.size() > old.size());
    let leaves = app.app.store.leaf_hashes(id(app, AUTHORITY), 0, 20_000).await.expect("leaves");
    let leaves: Vec<_> = leaves.into_iter().map(charter_tlog::Hash::new).collect();
    let plan = proof::needed_for_consistency(old.size(), new.size()).expect("it grew");
    let of = |node: &charter_tlog::tree::Node| {
        let start = (node.index << node.level) as usize;
        charter_tlog::tree::root_of(&leaves[start..start + (1 << node.level)])
    };
    let proof = plan.assemble(&plan.nodes().iter().map(of).collect::<Vec<_>>()).expect("a proof");
    proof::verify_consistency(old.size(), old.root(), new.size(), new.root(), &proof).expect("one history");
}

#[tokio::test]
async fn what_was_published_comes_back_from_the_mirror() {
    let lost = lost().await;
    let older = lost.older.copied().await;
    let build = logged(lost.address).at(lost.dirs[0].path()).owner();
    let app = build.start_on(older, any()).await.expect("a server");
    assert_eq!(why(&app), "");
    is_whole(&app, &lost).await;
    lost.mirror.stop().await;
}

#[tokio::test]
async fn where_nobody_can_tell_what_was_published_nothing_is_signed() {
    let Lost { dirs, mirror, address, older, published } = lost().await;
    mirror.stop().await;
    let file = charter_server::log::file::path(&dirs[0].path().join("log"), "r0");
    std::fs::remove_file(&file).expect("the file of what was published");
    let build = || logged(address).at(dirs[0].path()).owner();
    let app = build().start_on(older.copied().await, any()).await.expect("a server");
    loads(&app, 900, 910).await;
    until(SOON, "it says so", async || {
        let details = app.rest().get("/readyz").await.json()["details"].to_string();
        details.contains("nobody tells what was published")
    })
    .await;
    let registry = id(&app, AUTHORITY);
    let size = app.app.store.log_head(registry).await.expect("a head").size;
    assert!(size < epoch(&app).await && !file.exists(), "nothing was put into the tree, and nothing signed");
    assert!(published.checkpoint().size() > size);
    app.stop().await;
    let config = build().toml(&older, dirs[0].path(), any());
    let config = charter_server::Config::from_toml(&config).expect("valid");
    assert!(
        !charter_server::mirror::command::refill(&config, None).await.expect("it runs"),
        "nobody can say"
    );
}

#[tokio::test]
async fn what_was_sealed_comes_back_sealed() {
    let lost = goes_on(true).await;
    let older = lost.older.copied().await;
    let build = logged(lost.address).at(lost.dirs[0].path()).owner();
    let app = build.start_on(older, any()).await.expect("a server");
    assert_eq!((why(&app).as_str(), epoch(&app).await), ("", lost.published.checkpoint().size()));
    assert_eq!(line(&app, "did:web:e7.example").await, "200 no SUSPENDED");
    let refused = app.registry(AUTHORITY).loads(rows(900, 901), false).await.expect_err("sealed");
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused:?}");
    let found = verified(&app.database).await;
    assert_eq!((found.fault, found.differing), (None, Vec::new()));
    let admin = app.database.admin(&app.database.name).await;
    let row =
        admin.query_one("select restricted, appointed, signed_at is not null from log_refills", &[]).await;
    let row = row.expect("a refill");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, bool>(2)), (2, 2, true));
}

/// What is put back was approved before it was lost. Nobody but the owner can say that of an event.
#[tokio::test]
async fn the_servers_role_puts_nothing_back() {
    let app = TestApp::start().await;
    loads(&app, 0, 1).await;
    app.registry(AUTHORITY).seals().await.expect("sealed");
    let (registry, before) = (id(&app, AUTHORITY).0, epoch(&app).await);
    let client = connect(&app.database.url("charter_runtime")).await;
    let set = format!(
        "select set_config('app.registry', '{registry}', false), set_config('app.refill', 'on', false)"
    );
    client.batch_execute(&set).await.expect("set");
    let event = |kind: &str, origin: &str| {
        format!(
            "insert into events (registry_id, seq, kind, subject, body, leaf_hash, actor, origin, recorded_at)
               select registry_id, seq + 1000, '{kind}', subject, body, leaf_hash, actor, '{origin}', recorded_at
                 from events where registry_id = {registry} and seq = 2"
        )
    };
    for (sql, state) in [
        (format!("call refill({registry}, array[]::bytea[])"), SqlState::INSUFFICIENT_PRIVILEGE),
        (format!("call refilled({registry}, 1, now())"), SqlState::INSUFFICIENT_PRIVILEGE),
        (
            format!("insert into log_refills values ({registry}, 1, 2, now(), 0, 0, null)"),
            SqlState::INSUFFICIENT_PRIVILEGE,
        ),
        (event("EntityRegistered", "bootstrap"), SqlState::INTEGRITY_CONSTRAINT_VIOLATION),
        (event("StatusChanged", "governance"), SqlState::INTEGRITY_CONSTRAINT_VIOLATION),
        (event("KeyAdded", "system"), SqlState::INTEGRITY_CONSTRAINT_VIOLATION),
    ] {
        let refused = client.batch_execute(&sql).await.expect_err(&sql);
        assert_eq!(refused.code(), Some(&state), "{sql}: {refused}");
    }
    assert_eq!(epoch(&app).await, before);
}

#[tokio::test]
async fn without_the_owner_it_waits_for_a_person() {
    let lost = lost().await;
    let older = lost.older.copied().await;
    let app = logged(lost.address).at(lost.dirs[0].path()).start_on(older, any()).await.expect("a server");
    assert!(why(&app).contains("`charterd log refill`"), "{}", why(&app));
    is_held(&app).await;
    let size = app.app.logs.published(id(&app, AUTHORITY)).map_or(0, |published| published.size);
    assert!(size < lost.published.checkpoint().size(), "nothing is signed");
    let before = super::copied(&lost.mirror, &vkey(&app)).await;
    assert_eq!(before.checkpoint(), lost.published.checkpoint());
    let during = Scrape::of(&app).await;

    let whole = charter_server::mirror::command::refill(&owned(&lost, &app), None).await.expect("run");
    assert!(whole);
    until(SOON, "the server notices", || async { why(&app).is_empty() }).await;
    is_whole(&app, &lost).await;
    // As it was before the database was lost.
    let whole = Scrape::of(&app).await;
    fires("CharterRestored", &whole, &during, &whole);
}

/// The configuration that an operator runs the command with.
fn owned(lost: &Lost, app: &TestApp) -> charter_server::Config {
    let toml = logged(lost.address).owner().toml(&app.database, lost.dirs[0].path(), any());
    charter_server::Config::from_toml(&toml).expect("valid")
}

/// Starts without a mirror, on the older database.
async fn alone(dir: &Path, older: Database, owner: bool) -> TestApp {
    let build = TestApp::build().at(dir);
    let build = if owner { build.owner() } else { build };
    build.start_on(older, any()).await.expect("a server")
}

#[tokio::test]
async fn without_a_mirror_it_stays_stopped_and_says_what_to_do() {
    let lost = lost().await;
    let app = alone(lost.dirs[0].path(), lost.older.copied().await, true).await;
    for part in ["no mirror is configured", "restore a newer database", "charterd log retire --registry"] {
        assert!(why(&app).contains(part), "{}", why(&app));
    }
    is_held(&app).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    is_held(&app).await;
}

#[tokio::test]
async fn a_database_that_went_its_own_way_is_not_filled() {
    let lost = lost().await;
    let older = lost.older.copied().await;
    // Somebody lets it go on without what was published beside it.
    let elsewhere = tempfile::tempdir().expect("a directory");
    for file in ["kek", "token", "secret"] {
        std::fs::copy(lost.dirs[0].path().join(file), elsewhere.path().join(file)).expect("copied");
    }
    let app = alone(elsewhere.path(), older, false).await;
    loads(&app, 500, 501).await;
    let diverged = app.database.copied().await;
    app.stop().await;
    let build = logged(lost.address).at(lost.dirs[0].path()).owner();
    let app = build.start_on(diverged, any()).await.expect("a server");
    assert!(why(&app).contains("are not the first of"), "{}", why(&app));
    is_held(&app).await;
    assert!(epoch(&app).await < lost.published.checkpoint().size(), "nothing was put into it");
}
