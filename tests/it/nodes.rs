//! One database of several nodes: what is answered and written while nodes freeze, crash, fall behind and are promoted.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use charter_cache::Lookup;
use charter_domain::{Kind, RegistryId, time::Clock};
use charter_proto::charter::registry::v1::{SetStatusRequest, set_status_request::Target};
use charter_store::nodes::Role;
use charter_tests::{
    AUTHORITY, TestApp,
    alerts::{Scrape, fires},
    app::SETTINGS,
    clock::TestClock,
    replica::Replicas,
};
use tonic::Status;

use crate::kept::until;

/// For what comes by itself, on a busy machine.
const LATEST: Duration = Duration::from_secs(60);
const FIRST_LEADS: &str = "charter_database_primary{node=\"0\"}";
const FIRST_IS_UP: &str = "charter_database_node_up{node=\"0\"}";
const ISSUER: &str = "did:web:issuer.example";
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const ROUNDS: usize = 20;

/// A server over three nodes, with an issuer that is authorized.
async fn served() -> (Replicas, TestApp) {
    let replicas = Replicas::start("registry").await;
    let app = TestApp::build().start_on(replicas.database(&[0, 1, 2]), ANY).await.expect("a server");
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    (replicas, app)
}

/// With the first one frozen, the standby that has had more of it leads, as Patroni would have it.
async fn succeeds(replicas: &Replicas) {
    let (next, other) = replicas.ahead(1, 2).await;
    replicas.promote(next).await;
    replicas.follow(other, next).await;
}

/// What is said of the issuer: from a cache, if it can be, and from the records.
pub async fn said(app: &TestApp) -> [String; 2] {
    let kept = app.anonymous().asks(ISSUER, "issue", "Degree");
    let read = app.anonymous().asks(ISSUER, "issue", "Degree").at(app.clock.now());
    [kept.rest().await.line(), read.rest().await.line()]
}

/// Whatever is asked, in whatever way, this is the answer.
async fn always(app: &TestApp, line: &str, when: &str) {
    for round in 0..ROUNDS {
        assert_eq!(said(app).await, [line, line], "{when}, round {round}");
    }
}

/// Tries to set a state of the issuer.
pub async fn sets(app: &TestApp, state: &str) -> Result<i64, Status> {
    let registry = app.registry(AUTHORITY);
    let request = SetStatusRequest {
        registry_id: AUTHORITY.to_owned(),
        target: Some(Target::EntityId(ISSUER.to_owned())),
        state: state.to_owned(),
        reason: "DECIDED_IN_A_TEST".to_owned(),
        ..SetStatusRequest::default()
    };
    Ok(registry.client().set_status(registry.signed(request)).await?.into_inner().epoch)
}

fn id(app: &TestApp) -> RegistryId {
    app.app.hosted.by_authority(AUTHORITY).expect("served")
}

/// Whether nothing is decided: in time, or until it is known who is gone.
fn undecided(line: &str) -> bool {
    line.starts_with("503 ") || line.starts_with("504 ")
}

/// Nothing can be proven: no door says anything, in no way. Until that is noticed what was known may be said.
async fn silent(app: &TestApp, before: &str, when: &str) {
    until(LATEST, when, || async {
        let lines = said(app).await;
        assert!(lines.iter().all(|l| l == before || undecided(l)), "{when}: {lines:?}");
        lines.iter().all(|l| l.starts_with("503 "))
    })
    .await;
    for round in 0..ROUNDS / 4 {
        let lines = said(app).await;
        assert!(lines.iter().all(|l| undecided(l)), "{when}, round {round}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_primary_takes_no_answer_away_and_the_next_one_is_found() {
    let (replicas, app) = served().await;
    assert_eq!(said(&app).await, ["200 yes ACTIVE", "200 yes ACTIVE"]);
    let well = Scrape::with(&app, FIRST_LEADS, 1.0).await;
    replicas.freeze(0);
    always(&app, "200 yes ACTIVE", "the primary is frozen").await;
    let leaderless = Scrape::with(&app, FIRST_IS_UP, 0.0).await;
    succeeds(&replicas).await;
    until(LATEST, "a write at the new primary", || async { sets(&app, "SUSPENDED").await.is_ok() }).await;
    always(&app, "200 no SUSPENDED", "another is the primary").await;
    let led = Scrape::with(&app, FIRST_LEADS, 0.0).await;
    fires("CharterNoPrimary", &well, &leaderless, &led);
    fires("CharterFailedOver", &well, &led, &led);
    // The old one wakes, and believes that nothing has happened.
    replicas.thaw(0);
    let store = &app.app.store;
    until(LATEST, "the old primary is seen", || async { store.nodes()[0].role == Role::Primary }).await;
    assert!(!store.nodes()[0].counts, "{:?}", store.nodes());
    fires("CharterNodeLost", &well, &leaderless, &Scrape::with(&app, FIRST_IS_UP, 1.0).await);
    always(&app, "200 no SUSPENDED", "two believe that they are the primary").await;
    sets(&app, "ACTIVE").await.expect("written at the new primary");
    always(&app, "200 yes ACTIVE", "two believe that they are the primary").await;
    sets(&app, "REVOKED").await.expect("written at the new primary");
    // Alone it proves nothing.
    replicas.freeze(1);
    replicas.freeze(2);
    silent(&app, "200 no REVOKED", "the old primary is alone").await;
    assert!(sets(&app, "ACTIVE").await.is_err(), "the old primary takes no write");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_goes_on_at_the_next_primary_which_has_the_same_events() {
    let (replicas, app) = served().await;
    let answers = &app.app.answers;
    // Two standbys may be heard before it, and what is kept outlives one change alone.
    until(LATEST, "the primary is known", || async { answers.history() > 0 }).await;
    assert_eq!(said(&app).await, ["200 yes ACTIVE", "200 yes ACTIVE"]);
    let lookup = Lookup {
        registry: id(&app),
        kind: Kind::Authorization,
        authority: AUTHORITY,
        entity: ISSUER,
        action: "issue",
        resource: "Degree",
    };
    let kept = || answers.get_local(&lookup, app.clock.now());
    let before = kept().expect("kept");
    let store = &app.app.store;
    until(LATEST, "a poll has seen its events", || async {
        app.app.register.watched(id(&app)) == Some(before.epoch)
    })
    .await;
    until(LATEST, "all nodes count", || async { store.quorum() == (3, 2) }).await;
    let history = answers.history();
    replicas.freeze(0);
    succeeds(&replicas).await;
    until(LATEST, "another is the primary", || async { answers.history() > history }).await;
    // Nobody asks: what is found then is what was there. On a busy machine the lease may be over a moment later.
    let goes_on = || kept().is_some_and(|found| Arc::ptr_eq(&before, &found));
    until(LATEST, "the lease is held again", || async { goes_on() }).await;
    until(LATEST, "a write at the new primary", || async { sets(&app, "REVOKED").await.is_ok() }).await;
    always(&app, "200 no REVOKED", "a change counts there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_behind_never_answers_for_what_was_revoked() {
    let (replicas, app) = served().await;
    assert_eq!(said(&app).await, ["200 yes ACTIVE", "200 yes ACTIVE"]);
    // The first one to be asked; the other standby confirms.
    replicas.pauses(1).await;
    sets(&app, "REVOKED").await.expect("revoked");
    always(&app, "200 no REVOKED", "a standby is behind").await;
    let (counting, needed) = app.app.store.quorum();
    assert!(counting >= needed && needed == 2, "{counting} of {needed}");
    replicas.freeze(0);
    always(&app, "200 no REVOKED", "a standby is behind and the primary is frozen").await;
    replicas.freeze(2);
    silent(&app, "200 no REVOKED", "the standby that is behind is alone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crashed_primary_kept_to_itself_counts_for_nothing_and_two_histories_end_the_server() {
    let (replicas, app) = served().await;
    let before = app.app.store.epoch(id(&app)).await.expect("an epoch");
    let epoch = "select epoch from registry_epochs";
    // Written where nobody confirms it.
    replicas.crash(1).await;
    replicas.crash(2).await;
    let admin = replicas.admin(0).await;
    let alone = admin.batch_execute("update registry_epochs set epoch = epoch + 100");
    let waits = tokio::time::timeout(Duration::from_secs(1), alone).await;
    assert!(waits.is_err(), "a write without a standby is not acknowledged");
    replicas.crash(0).await;
    for node in [1, 2] {
        replicas.launch(node).await;
    }
    // It was there for longer, and so has everything that was confirmed.
    replicas.promote(2).await;
    replicas.follow(1, 2).await;
    replicas.launch_under(0, 2).await;
    let shown = replicas.admin(0).await.query_one(epoch, &[]).await.expect("its row");
    assert_eq!(shown.get::<_, i64>(0), before + 100, "it shows what it kept to itself");
    let store = &app.app.store;
    until(LATEST, "it is a standby", || async { store.nodes()[0].role == Role::Standby }).await;
    until(LATEST, "the others count", || async { store.quorum() == (2, 2) }).await;
    for round in 0..ROUNDS {
        assert!(!store.nodes()[0].counts, "round {round}");
        assert_eq!(said(&app).await, ["200 yes ACTIVE", "200 yes ACTIVE"], "round {round}");
    }
    assert_eq!(store.epoch(id(&app)).await.expect("an epoch"), before);
    // The same number with another event.
    let forged = "update registry_epochs set head = decode(repeat('00', 32), 'hex')";
    replicas.admin(2).await.batch_execute(forged).await.expect("forged");
    let parted = tokio::time::timeout(LATEST, store.parted()).await.expect("noticed");
    assert!(parted.contains("another history"), "{parted}");
    silent(&app, "200 yes ACTIVE", "there are two histories").await;
    assert!(sets(&app, "SUSPENDED").await.is_err(), "nothing is written to two histories");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_revoked_is_noted_before_the_standbys_have_it_and_no_older_answer_passes_for_newer()
 {
    let (replicas, dir) = (Replicas::start("registry").await, tempfile::tempdir().expect("a directory"));
    let clock = Arc::new(TestClock::default());
    let starts = async |settings: String| {
        let build = TestApp::build().clock(&clock).settings(&settings).at(dir.path());
        build.start_on(replicas.database(&[0, 1, 2]), ANY).await.expect("a server")
    };
    // One that does not poll meanwhile, beside one that revokes.
    let seldom = SETTINGS.replace("lease_ms = 200, poll_ms = 50", "lease_ms = 60000, poll_ms = 30000");
    let app = starts(seldom).await;
    let store = format!(
        "{SETTINGS}log_store = {{ dir = \"{}\", sequence = false }}\n",
        dir.path().join("other").display()
    );
    let other = starts(store).await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    let kept = async || app.anonymous().asks(ISSUER, "issue", "Degree").rest().await.line();
    assert_eq!(kept().await, "200 yes ACTIVE");

    other.registry(AUTHORITY).registers("did:web:one-more.example").await;
    let replayed = async |epoch: i64| {
        let row = replicas.admin(1).await.query_one("select max(epoch) from registry_epochs", &[]).await;
        row.expect("its epoch").get::<_, i64>(0) >= epoch
    };
    let first = other.app.register.watched(id(&other)).expect("watched");
    until(LATEST, "the standby has it", async || replayed(first).await).await;
    replicas.pauses(1).await;
    let revoked = sets(&other, "REVOKED").await.expect("revoked");
    // As after a change of its own that was recorded before that one.
    app.app.changed(id(&app), first).await.expect("caught up");
    assert!(
        app.app.register.watched(id(&app)).expect("watched") < revoked,
        "the standby it asks first has less"
    );
    kept().await;
    let resumed = replicas.admin(1).await;
    resumed.batch_execute("select pg_wal_replay_resume()").await.expect("resumed");
    until(LATEST, "the standby has all", async || replayed(revoked).await).await;
    // As after its next poll: it may have read the changes where that one was missing too.
    app.app.changed(id(&app), revoked).await.expect("caught up");
    assert_eq!(kept().await, "200 no REVOKED");
}
