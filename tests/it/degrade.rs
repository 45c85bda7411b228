//! What is answered while something is missing, and what is said of it: never more than is proven, unless a caller asks for
//! an older answer; and why, in words.

use std::time::{Duration, Instant};

use charter_domain::time::Clock as _;
use charter_proto::charter::registry::v1 as reg;
use charter_server::clock::WallClock;
use charter_tests::{
    AUTHORITY, Said, TestApp,
    alerts::{Scrape, fires},
    database::Database,
};
use tonic::Code;

use crate::{
    kept::{raw, until},
    logged::id,
    nodes,
};

const ISSUER: &str = "did:web:issuer.example";
const REVOKED: &str = "did:web:mill.example";
const NEVER_ASKED: &str = "did:web:quiet.example";
/// For what comes at all, on a busy machine.
const LATEST: Duration = Duration::from_secs(30);

/// A server whose registry was asked about two entities, and not about a third; then its database went away.
async fn without_database() -> TestApp {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    for entity in [ISSUER, REVOKED, NEVER_ASKED] {
        registry.registers(entity).authorized("issue", "Degree").await;
    }
    registry.revokes(REVOKED).await;
    assert_eq!(app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
    assert_eq!(app.anonymous().asks(REVOKED, "issue", "Degree").both().await.line(), "200 no REVOKED");
    app.database.open(false).await;
    app.database.end_connections().await;
    until(LATEST, "the lease is over", async || !app.app.register.usable()).await;
    app
}

async fn asks(app: &TestApp, entity: &str, accepted: &str) -> [Said; 2] {
    let asking = || app.anonymous().asks(entity, "issue", "Degree").with("max_staleness", accepted);
    [asking().rest().await, asking().grpc().await]
}

#[tokio::test]
async fn own_records_answer_from_what_was_proven_within_a_minute_for_who_accepts_that() {
    let app = without_database().await;
    for (entity, line) in [(ISSUER, "200 yes ACTIVE"), (REVOKED, "200 no REVOKED")] {
        for said in asks(&app, entity, "60").await {
            assert_eq!(said.line(), line, "{}", said.message);
            assert!(said.age.is_some_and(|age| age <= 60), "it says how old it is: {said:?}");
            assert!(said.message.contains("last confirmed"), "{}", said.message);
        }
        for said in asks(&app, entity, "0").await {
            assert_eq!((said.status, said.age), (503, None), "{said:?}");
        }
        assert_eq!(app.anonymous().asks(entity, "issue", "Degree").rest().await.status, 503);
    }
    for said in asks(&app, NEVER_ASKED, "60").await {
        assert_eq!((said.status, said.age), (503, None), "nothing is known of it: {said:?}");
    }
    // Its documents live for a day: none of them proves anything after that.
    app.clock.advance(Duration::from_secs(86_401));
    for said in asks(&app, ISSUER, "3600").await {
        assert_eq!((said.status, said.age), (503, None), "beyond an expiry: {said:?}");
    }
    app.database.open(true).await;
    let back = async || app.anonymous().asks(REVOKED, "issue", "Degree").rest().await.status == 200;
    until(LATEST, "it is back", back).await;
    for said in asks(&app, REVOKED, "60").await {
        assert_eq!((said.line().as_str(), said.age), ("200 no REVOKED", None), "it is proven again");
    }
}

#[tokio::test]
async fn what_has_changed_here_is_never_answered_from_before_it() {
    let app = without_database().await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("hosted");
    let epoch = app.app.register.watched(id).expect("watched") + 1;
    let change = charter_cache::Change { seq: epoch, identifiers: Some(vec![ISSUER.to_owned()]) };
    app.app.register.note(id, &[change]);
    for said in asks(&app, ISSUER, "60").await {
        assert_eq!((said.status, said.age), (503, None), "{said:?}");
    }
    for said in asks(&app, REVOKED, "60").await {
        assert_eq!(said.line(), "200 no REVOKED", "the others are not concerned");
    }
    app.app.hosted.holds.hold(id, 1_000, "events are missing");
    for said in asks(&app, REVOKED, "60").await {
        assert_eq!((said.status, said.age), (503, None), "a held registry answers nothing: {said:?}");
    }
}

#[tokio::test]
async fn readiness_says_in_time_what_is_missing_and_since_when() {
    let app = without_database().await;
    let ready = app.rest().get("/readyz").await;
    assert_eq!(ready.status, 503);
    let text = ready.json()["reasons"].to_string();
    assert!(text.contains("the epoch lease is lost (last held"), "{text}");
    assert!(text.contains("the database cannot be read"), "{text}");
    assert!(!text.contains("connection"), "driver text: {text}");
    let mut health = tonic_health::pb::health_client::HealthClient::new(app.channel());
    let said = health.check(tonic_health::pb::HealthCheckRequest::default()).await.expect("an answer");
    assert_eq!(said.into_inner().status, 2, "not serving");
    app.database.open(true).await;
    until(LATEST, "it is ready", async || app.rest().ready().await).await;
    // Whatever hangs: a statement waits ten seconds for a lock in these tests.
    let mut admin = app.database.admin(&app.database.name).await;
    let lock = admin.transaction().await.expect("begun");
    lock.batch_execute("lock table registries, documents in access exclusive mode").await.expect("locked");
    let start = Instant::now();
    let ready = app.rest().get("/readyz").await;
    let took = start.elapsed();
    assert!(ready.status == 503 && took < Duration::from_secs(5), "{took:?}: {}", ready.text());
    assert!(ready.text().contains("the database cannot be read"), "{}", ready.text());
    lock.rollback().await.expect("given up");
    until(LATEST, "it is ready again", async || app.rest().ready().await).await;
}

#[tokio::test]
async fn a_full_disk_is_a_reason_to_come_back_and_no_fault_of_the_caller() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let admin = app.database.admin(&app.database.name).await;
    // As PostgreSQL says it; the disk of the tests has room.
    let full = "create function full_disk() returns trigger language plpgsql as $$ begin
                  raise exception using errcode = 'disk_full',
                    message = 'could not extend file \"base/5/16384\": No space left on device';
                end $$;
                create trigger full_disk before insert on events for each row execute function full_disk()";
    admin.batch_execute(full).await.expect("a full disk");
    let request = reg::SetStatusRequest {
        registry_id: AUTHORITY.to_owned(),
        target: Some(reg::set_status_request::Target::EntityId(ISSUER.to_owned())),
        state: "REVOKED".to_owned(),
        reason: "DECIDED_IN_A_TEST".to_owned(),
        ..Default::default()
    };
    let refused = registry.client().set_status(registry.signed(request)).await.expect_err("no room");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(!refused.message().contains("base/"), "driver text: {refused:?}");
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    until(LATEST, "reads go on", async || asking.rest().await.line() == "200 yes ACTIVE").await;
    admin.batch_execute("drop trigger full_disk on events").await.expect("room");
    let loads = async || registry.loads(vec![(1, raw(NEVER_ASKED))], false).await.is_ok();
    until(LATEST, "writes go on", loads).await;
    registry.revokes(ISSUER).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_said_to_be_no_primary_and_reads_go_on() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    read_only(&app.database, true).await;
    let refused = registry.loads(vec![(1, raw(NEVER_ASKED))], false).await.expect_err("it is read-only");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.message().contains("not the primary"), "{refused:?}");
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree").with("max_staleness", "60");
    until(LATEST, "it answers", async || asking.rest().await.line() == "200 yes ACTIVE").await;
    read_only(&app.database, false).await;
    let loads = async || registry.loads(vec![(1, raw(NEVER_ASKED))], false).await.is_ok();
    until(LATEST, "it takes writes again", loads).await;
}

/// Sessions from now on may write, or not; those of before end.
async fn read_only(database: &Database, only: bool) {
    let sql = format!("alter database {} set default_transaction_read_only = {only}", database.name);
    database.admin("postgres").await.batch_execute(&sql).await.expect("altered");
    database.end_connections().await;
}

#[tokio::test]
async fn a_machine_whose_clock_is_an_hour_off_decides_and_records_nothing_until_it_is_right() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    app.clock.set(WallClock.now());
    app.clock.stands_for_a_machine();
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let epoch = async || app.app.store.epoch(id(&app, AUTHORITY)).await.expect("an epoch");
    let (before, well) = (epoch().await, Scrape::of(&app).await);
    for hour in [Duration::from_secs(3_600), Duration::from_secs(7_200)] {
        // An hour ahead, and an hour behind.
        let now = WallClock.now();
        app.clock.set(if hour.as_secs() == 3_600 { now.plus(hour) } else { now.minus(hour / 2) });
        let refused = nodes::sets(&app, "SUSPENDED").await;
        assert!(
            refused.is_err_and(|s| s.code() == Code::Unavailable),
            "nothing is recorded, from the first moment"
        );
        let silent = async || asking.rest().await.status == 503 && asking.grpc().await.status == 503;
        until(LATEST, "nothing is decided", silent).await;
        let ready = app.rest().get("/readyz").await;
        assert!(ready.status == 503 && ready.text().contains("clock of this machine"), "{}", ready.text());
        let wrong = Scrape::of(&app).await;
        app.clock.set(WallClock.now());
        let back = async || app.rest().ready().await && asking.rest().await.line() == "200 yes ACTIVE";
        until(LATEST, "it goes on", back).await;
        fires("CharterClockWrong", &well, &wrong, &Scrape::of(&app).await);
    }
    assert_eq!(epoch().await, before);
}
