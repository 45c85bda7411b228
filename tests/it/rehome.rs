//! A registry moves from its superior's deployment to one of its own, and back: two servers over two databases. What
//! it answers, what it has signed and its log are the same wherever it is, and it is never at two places.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use charter_domain::{Timestamp, time::Clock};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_server::{
    Config,
    log::{Published, tree},
    rehome::{self, Imported},
};
use charter_tests::{
    AUTHORITY, TestApp, TestClock,
    app::{Build, SETTINGS},
    database::Database,
    governed::ISSUER,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    hosted::{OWN, TENANT, Two, approves, entity_etag, proposes, suspension},
    kept::until,
    logged,
};

const SOON: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A deployment of the tenant alone, which is not started.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) database: Database,
    pub(crate) config: Config,
}

impl Site {
    pub(crate) async fn new(two: &Two) -> Self {
        Self::with(two, "").await
    }

    /// With more settings of the registry, in TOML.
    pub(crate) async fn with(two: &Two, details: &str) -> Self {
        let (dir, database) = (tempfile::tempdir().expect("a directory"), Database::create().await);
        let toml = build(two, &dir, details).toml(&database, dir.path(), SocketAddr::from(ANY));
        let config = Config::from_toml(&toml).expect("a valid configuration");
        Self { dir, database, config }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How many registries its database has.
    pub(crate) async fn registries(&self) -> i64 {
        let admin = self.database.admin(&self.database.name).await;
        admin.query_one("select count(*) from registries", &[]).await.expect("counted").get(0)
    }
}

pub(crate) fn build(two: &Two, dir: &TempDir, details: &str) -> Build {
    let settings = format!("{SETTINGS}\n{}", two.g.issuer.toml());
    let build = TestApp::build().settings(&settings).under(TENANT, AUTHORITY).details(details);
    build.owner().clock(&two.g.app.clock).at(dir.path())
}

pub(crate) fn clock(clock: &Arc<TestClock>) -> Arc<dyn Clock> {
    Arc::clone(clock) as Arc<dyn Clock>
}

/// The superior's deployment with the tenant in it, which has a history: suspended for an hour.
pub(crate) async fn hosted() -> Two {
    hosted_as(Build::owner).await
}

pub(crate) async fn hosted_as(shape: impl FnOnce(Build) -> Build) -> Two {
    let two = Two::start_as(shape).await;
    two.approves(OWN[1], &two.draft).await.expect("suspended");
    two.g.app.clock.advance(HOUR);
    let etag = entity_etag(&two.g.app, &two.token(OWN[0])).await;
    let draft = two.proposes(OWN[0], &etag, charter_tests::governed::status(ISSUER, "ACTIVE")).await;
    two.approves(OWN[1], &draft).await.expect("reinstated");
    two.g.app.clock.advance(HOUR);
    delegates(&two).await;
    two
}

/// The superior lets the tenant speak for degrees.
pub(crate) async fn delegates(two: &Two) {
    let child = two.g.app.registry(TENANT);
    let mut delegation = two.g.app.registry(AUTHORITY).delegation(&child, &["Degree"]);
    delegation.registry_id.clear();
    by_the_superior(two, Change::Delegation(delegation)).await;
}

/// One proposes at the superior, another approves.
async fn by_the_superior(two: &Two, change: Change) {
    let draft = two.g.person("otto").proposes(change).await.expect("proposed");
    two.g.person("anna").approves(&draft).await.expect("approved");
}

/// The superior states where the tenant is.
async fn is_at(two: &Two, url: String) {
    let subordinate_id = TENANT.to_owned();
    let correct = pb::CorrectDelegation { subordinate_id, endpoint: url, ..Default::default() };
    by_the_superior(two, Change::CorrectDelegation(correct)).await;
}

/// Two security officers of the tenant allow its move to a site.
pub(crate) async fn allowed(two: &Two, app: &TestApp, recipient: &str) {
    let rehome = Change::Rehome(pb::Rehome { recipient: recipient.to_owned() });
    let draft = proposes(app, &two.token("tina"), "", rehome).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.quorum), ("REHOME", 2));
    let done = approves(app, &two.token("tom"), &draft).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
}

/// What the tenant answers where it is served: now, at each hour of its history, and as its records were known.
pub(crate) async fn answers(app: &TestApp, at: &str, now: Timestamp) -> Vec<Value> {
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree").of(TENANT);
    let past = (0..4_u32).map(|hours| asking.clone().at(now.minus(HOUR / 2 * (2 * hours + 1))));
    let known = ["2", "5", "9"].map(|epoch| asking.clone().with("known_at", epoch));
    let mut all = Vec::new();
    for asking in
        [asking.clone(), asking.clone().with("evidence", "chain")].into_iter().chain(past).chain(known)
    {
        let reply = app.rest().post(&format!("{at}/authorization"), &asking.json()).await;
        let mut said = reply.json();
        // When it was asked, and what the registry says of itself: it is at another address.
        for differs in ["request_id", "instance", "time_evaluated"] {
            said[differs] = Value::Null;
        }
        said["meta"]["expires_at"] = Value::Null;
        // Of one that was kept, the epoch at which it was found.
        said["meta"]["epoch"] = Value::Null;
        if said["authorized"] == true {
            if let Some(chain) = said["evidence"]["chain"].as_array_mut() {
                chain.truncate(1);
            }
        } else {
            // A denial is signed when it is asked for.
            said["evidence"] = Value::Null;
        }
        all.push(json!({ "status": reply.status, "said": said }));
    }
    let epoch = app.app.store.epoch(logged::id(app, TENANT)).await.expect("an epoch");
    all.push(json!({ "epoch": epoch }));
    all
}

/// Documents that the tenant has signed, but for what it says of itself and its address.
pub(crate) async fn documents(database: &Database) -> Vec<(String, String)> {
    let admin = database.admin(&database.name).await;
    let sql = "select target, jws from documents join registries using (registry_id)
                where authority_id = $1 and target <> 'configuration' order by 1";
    let rows = admin.query(sql, &[&TENANT]).await.expect("read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The log goes on from what was published before.
pub(crate) async fn goes_on(app: &TestApp, before: &Published) {
    let now = logged::published(app, TENANT).await;
    assert!(now.size >= before.size, "{} leaves, {} before", now.size, before.size);
    let root = tree::root(&app.app.store, logged::id(app, TENANT), before.size).await.expect("a root");
    assert_eq!(root, before.root, "another tree");
    assert_eq!(now.checkpoint.checkpoint().origin(), before.checkpoint.checkpoint().origin());
}

/// A change by the tenant's own staff, signed and published.
pub(crate) async fn lives(two: &Two, app: &TestApp) {
    let etag = entity_etag(app, &two.token(OWN[0])).await;
    let draft = proposes(app, &two.token(OWN[0]), &etag, suspension()).await.expect("proposed");
    assert_eq!(approves(app, &two.token(OWN[1]), &draft).await.expect("approved").state, "EXECUTED");
    logged::published(app, TENANT).await;
}

/// From export to start; the code is asked for twice, as after an answer that was lost.
pub(crate) async fn moves(from: &Config, to: &Site, now: &Arc<dyn Clock>) -> Imported {
    let (recipient, file) = (to.file("recipient"), to.file("archive"));
    let out = rehome::export(from, TENANT, (&recipient, &file), now).await.expect("exported");
    let done = rehome::import(&to.config, (&file, None), now).await.expect("imported");
    assert_eq!(done.epoch, out.epoch);
    let code = rehome::finish(from, TENANT, &done.receipt).await.expect("finished");
    assert_eq!(rehome::finish(from, TENANT, &done.receipt).await.expect("again"), code);
    rehome::start(&to.config, TENANT, &code).await.expect("started");
    rehome::start(&to.config, TENANT, &code).await.expect("again");
    done
}

/// The host as a place to come back to: it runs on.
pub(crate) fn host_config(two: &Two) -> &Config {
    &two.g.app.app.config
}

#[tokio::test]
async fn a_hosted_registry_moves_to_its_own_site_and_back() {
    let two = hosted().await;
    let (host, now) = (&two.g.app, clock(&two.g.app.clock));
    let site = Site::new(&two).await;
    let recipient = rehome::recipient(&site.config, &site.file("recipient")).expect("a key");
    allowed(&two, host, &recipient).await;
    let published = logged::published(host, TENANT).await;
    let at = host.app.clock.now();
    let before = answers(host, "/r/r1", at).await;
    assert_eq!(before[0]["status"], 200, "{before:#?}");
    assert!(before[1]["said"]["evidence"]["chain"][0].is_string(), "{before:#?}");
    let from_above = host.anonymous().asks(ISSUER, "issue", "Degree").of(TENANT);
    let above = from_above.rest().await;
    assert_eq!(above.line(), "200 yes ACTIVE");
    let signed = documents(&host.database).await;
    let keys = host.app.hosted.keys(logged::id(host, TENANT)).await.expect("its keys").to_json();

    let done = moves(host_config(&two), &site, &now).await;
    assert_eq!(done.authority, TENANT);
    until(SOON, "the host has seen it", async || host.app.hosted.holds.has_moved(logged::id(host, TENANT)))
        .await;
    let held = host.rest().post("/r/r1/authorization", &from_above.json()).await;
    assert_eq!(held.problem().0, 503, "it answers nothing of the tenant");
    let refused = proposes(host, &two.token(OWN[0]), "", suspension()).await.expect_err("nor takes a change");
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
    let person = two.g.person(OWN[0]);
    let listing = pb::ListStaffRequest { registry_id: TENANT.to_owned() };
    let refused = person.client().list_staff(person.signed(listing)).await.expect_err("however it is named");
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
    until(SOON, "nobody is asked at the old address", async || !from_above.rest().await.yes).await;
    assert_eq!(
        host.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(),
        "200 yes ACTIVE",
        "its own"
    );

    assert_eq!(documents(&site.database).await, signed);
    let Site { dir, database, config } = site;
    let own = build(&two, &dir, "").start_on(database, SocketAddr::from(ANY)).await.expect("a server");
    goes_on(&own, &published).await;
    assert_eq!(answers(&own, "", at).await, before);
    is_at(&two, own.url()).await;
    until(SOON, "found at the new address", async || from_above.rest().await.yes).await;
    assert_eq!(from_above.grpc().await.line(), above.line());
    lives(&two, &own).await;
    until(SOON, "heard above", async || from_above.rest().await.line() == "200 no SUSPENDED").await;

    // Back again, to a host that runs and has an older copy.
    let home = Site {
        dir: tempfile::tempdir().expect("a directory"),
        database: Database::create().await,
        config: host_config(&two).clone(),
    };
    let recipient = rehome::recipient(&home.config, &home.file("recipient")).expect("a key");
    allowed(&two, &own, &recipient).await;
    let published = logged::published(&own, TENANT).await;
    let (before, signed) = (answers(&own, "", at).await, documents(&own.database).await);
    moves(&config, &home, &now).await;
    own.stop().await;
    until(SOON, "served here again", async || !host.app.hosted.holds.has_moved(logged::id(host, TENANT)))
        .await;
    is_at(&two, host.url()).await;
    goes_on(host, &published).await;
    assert_eq!(answers(host, "/r/r1", at).await, before);
    assert_eq!(documents(&host.database).await, signed);
    until(SOON, "found again", async || from_above.rest().await.line() == "200 no SUSPENDED").await;
    assert_eq!(host.app.hosted.keys(logged::id(host, TENANT)).await.expect("its keys").to_json(), keys);
}

#[tokio::test]
async fn nothing_moves_that_was_not_approved_or_is_not_whole() {
    let two = hosted().await;
    let (host, now) = (host_config(&two), clock(&two.g.app.clock));
    let (site, other) = (Site::new(&two).await, Site::new(&two).await);
    let recipient = rehome::recipient(&site.config, &site.file("recipient")).expect("a key");
    rehome::recipient(&other.config, &other.file("recipient")).expect("another key");
    let (for_site, for_other, file) = (site.file("recipient"), other.file("recipient"), site.file("archive"));
    let why = |result: anyhow::Result<()>, part: &str| {
        let said = format!("{:#}", result.expect_err(part));
        assert!(said.contains(part), "{part}: {said}");
    };
    let exported = async |to: &PathBuf, file: &str| {
        rehome::export(host, TENANT, (to, &site.file(file)), &now).await.map(drop)
    };
    why(exported(&for_site, "none").await, "nobody has approved");
    allowed(&two, &two.g.app, &recipient).await;
    why(exported(&for_other, "wrong").await, "approved to the site");
    let id = logged::id(&two.g.app, TENANT);
    assert!(!two.g.app.app.hosted.holds.has_moved(id), "still served");
    exported(&for_site, "archive").await.expect("exported");
    exported(&for_site, "once-more").await.expect("a departure that was begun goes on");
    why(exported(&for_site, "archive").await, "not overwritten");

    // Nothing of a file that is damaged, cut short, or another's gets in.
    let whole = std::fs::read(&file).expect("read");
    // In the last chunk: elsewhere it could be the length of one, and be missed as such.
    let inside = whole.len() - 20;
    for (bytes, part) in [
        ([&whole[..inside], &[whole[inside] ^ 1], &whole[inside + 1..]].concat(), "changed"),
        (whole[..whole.len() - 40].to_vec(), "the file ends"),
        (b"{}\n".to_vec(), "no file of"),
    ] {
        let bad = site.file("bad");
        std::fs::write(&bad, bytes).expect("written");
        why(rehome::import(&site.config, (&bad, None), &now).await.map(drop), part);
    }
    why(rehome::import(&other.config, (&file, None), &now).await.map(drop), "another site");
    why(rehome::import(&site.config, (&file, Some("somebody-else")), &now).await.map(drop), "is signed by");
    assert_eq!(site.registries().await, 0, "nothing was kept");

    let done = rehome::import(&site.config, (&file, None), &now).await.expect("imported");
    why(rehome::import(&site.config, (&file, None), &now).await.map(drop), "imported here before");
    why(rehome::start(&site.config, TENANT, "a guess").await, "not the code");
    why(rehome::finish(host, TENANT, "a guess").await.map(drop), "not the receipt");
    let listed = rehome::status(&site.config, TENANT).await.expect("read");
    assert_eq!(
        (listed[0].state.as_str(), listed[0].code.as_deref()),
        ("IMPORTED", Some(done.receipt.as_str()))
    );

    // Undone: the host serves it again, and what was imported starts nowhere.
    rehome::abort(host, TENANT).await.expect("aborted");
    until(SOON, "served again", async || !two.g.app.app.hosted.holds.has_moved(id)).await;
    why(rehome::finish(host, TENANT, &done.receipt).await.map(drop), "aborted");
    why(exported(&for_site, "used").await, "was used");
    lives(&two, &two.g.app).await;

    // The copy that waits at the site is replaced by the next move, and then the move is final.
    allowed(&two, &two.g.app, &recipient).await;
    exported(&for_site, "second").await.expect("exported");
    let second = site.file("second");
    let done = rehome::import(&site.config, (&second, None), &now).await.expect("imported");
    let code = rehome::finish(host, TENANT, &done.receipt).await.expect("finished");
    why(rehome::abort(host, TENANT).await, "finished");
    rehome::start(&site.config, TENANT, &code).await.expect("started");
}

/// Whatever the program believes: the database of the host takes nothing more of a registry that has left.
#[tokio::test]
async fn the_database_fences_what_has_left() {
    let two = hosted().await;
    let (host, now) = (host_config(&two), clock(&two.g.app.clock));
    let site = Site::new(&two).await;
    let recipient = rehome::recipient(&site.config, &site.file("recipient")).expect("a key");
    allowed(&two, &two.g.app, &recipient).await;
    let id = logged::id(&two.g.app, TENANT).0;
    let (to, file) = (site.file("recipient"), site.file("archive"));
    rehome::export(host, TENANT, (&to, &file), &now).await.expect("exported");
    let client = charter_tests::database::connect(&two.g.app.database.url("charter_runtime")).await;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    for sql in [
        "insert into proposals select * from proposals",
        "update documents set iat = now()",
        "update log_heads set published_size = published_size",
        "update proposals set state = 'WITHDRAWN' where state = 'OPEN'",
    ] {
        let refused = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(
            refused.code(),
            Some(&tokio_postgres::error::SqlState::READ_ONLY_SQL_TRANSACTION),
            "{sql}"
        );
    }
    for sql in [
        "update registry_epochs set moved_at = null",
        "select * from rehomes",
        "update rehomes set state = 'ABORTED'",
    ] {
        let refused = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    let taken = client.query_one(&format!("select take_log({id})"), &[]).await.expect("asked");
    assert_eq!(taken.get::<_, Option<i64>>(0), None, "nobody takes its log");
}
