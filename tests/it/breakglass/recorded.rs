//! Afterwards: what was denied is an event, once, with the signed file beside it; and the database takes no other.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proof::breakglass::EmergencyDenial;
use charter_tests::{AUTHORITY, TestApp, governed::Governed};
use serde_json::Value;

use super::{ISSUER, LATEST, Office, asks, loses_its_database, posts, records, says, started, terms};
use crate::kept::{beside, until};

async fn count(app: &TestApp, sql: &str) -> i64 {
    app.database.admin(&app.database.name).await.query_one(sql, &[]).await.expect("counted").get(0)
}

const FILES: &str = "select count(*) from emergency_denials";
const EVENTS: &str = "select count(*) from events where origin = 'breakglass'";

async fn is_recorded(app: &TestApp, files: i64) {
    until(LATEST, "it is on file", async || count(app, FILES).await == files).await;
}

async fn event(app: &TestApp) -> Value {
    let sql = "select convert_from(body, 'UTF8') from events where origin = 'breakglass'";
    let row = app.database.admin(&app.database.name).await.query_one(sql, &[]).await.expect("one event");
    serde_json::from_str(row.get(0)).expect("JSON")
}

#[tokio::test]
async fn it_is_recorded_once_over_two_servers_when_the_database_is_back() {
    let office = Office::open();
    let app = started(&office).await;
    let build = TestApp::build().registry(AUTHORITY).details(&office.settings(&[]));
    let second = beside(&app, build).await;
    assert_eq!(asks(&app, ISSUER).both().await.line(), "200 yes ACTIVE");
    loses_its_database(&app).await;
    let denial = office.denies(&app.clock, AUTHORITY, ISSUER);
    assert_eq!(posts(&app, &denial).await.status, 200);
    until(LATEST, "the other has it", async || !second.app.hosted.breakglass.is_idle()).await;
    app.database.open(true).await;
    is_recorded(&app, 1).await;
    until(LATEST, "both know", async || {
        let of = |app: &charter_server::App| charter_server::breakglass::details(app).unwrap_or_default();
        [&app.app, &second.app].iter().all(|one| of(one).contains("0 of them not recorded"))
    })
    .await;
    assert_eq!((count(&app, FILES).await, count(&app, EVENTS).await), (1, 1));
    let event = event(&app).await;
    assert_eq!(
        (&event["data"]["state"], &event["data"]["reason"]),
        (&"SUSPENDED".into(), &"KEY_COMPROMISE".into())
    );
    assert_eq!(event["data"]["lapses_at"], denial.terms().ends().to_string());
    let sql = "select document from emergency_denials";
    let row = app.database.admin(&app.database.name).await.query_one(sql, &[]).await.expect("one file");
    assert_eq!(EmergencyDenial::parse(row.get(0)), Ok(denial), "the evidence is the file");
    says(&app, ISSUER, "200 no SUSPENDED").await;
    app.clock.advance(Duration::from_secs(3_600));
    until(LATEST, "it lapses by itself", async || asks(&app, ISSUER).rest().await.line() == "200 yes ACTIVE")
        .await;
    until(LATEST, "its file is gone", async || {
        std::fs::read_dir(office.folder()).expect("a folder").count() == 0
    })
    .await;
    second.stop().await;
}

#[tokio::test]
async fn a_sealed_registry_takes_it_too() {
    let office = Office::open();
    let details = office.settings(&[]);
    let g = Governed::start_as(|build| build.registry(AUTHORITY).details(&details)).await;
    let denied = charter_tests::governed::ISSUER;
    assert_eq!(posts(&g.app, &office.denies(&g.app.clock, AUTHORITY, denied)).await.status, 200);
    is_recorded(&g.app, 1).await;
    assert_eq!(count(&g.app, EVENTS).await, 1);
    assert_eq!(event(&g.app).await["actor"], "0");
    says(&g.app, denied, "200 no SUSPENDED").await;
    let client = g.app.database.admin(&g.app.database.name).await;
    client.batch_execute("set role charter_runtime").await.expect("the server's role");
    let id = g.app.app.hosted.by_authority(AUTHORITY).expect("served").0;
    client.batch_execute(&format!("set app.registry = '{id}'")).await.expect("the tenant");
    // A suspension without a file, with the file of another moment, and of somebody whom it does not name.
    let forge = |data: &str| {
        format!(
            "insert into events select {id}, (select max(seq) + 1 from events), 'StatusChanged', 'entity',
               convert_to(json_build_object('data', {data})::text, 'UTF8'), sha256(''), '0', 'breakglass', now(), null"
        )
    };
    let entity = "(select entities[1] from emergency_denials)";
    let data = |state: &str, target: &str, hours: u8| {
        format!(
            "json_build_object('state', '{state}', 'target', 'entity', 'target_id', {target},
               'lapses_at', now() + interval '{hours} hours')"
        )
    };
    for bad in [
        data("SUSPENDED", entity, 1),
        data("SUSPENDED", "gen_random_uuid()", 1),
        data("REVOKED", entity, 1),
        data("SUSPENDED", entity, 48),
    ] {
        let refused = client.execute(&forge(&bad), &[]).await.expect_err("refused");
        let why = refused.as_db_error().map(|e| e.code().code().to_owned());
        assert_eq!(why.as_deref(), Some("23000"), "{bad} {refused}");
    }
    for sql in ["delete from emergency_denials", "update emergency_denials set until = now()"] {
        assert!(client.execute(sql, &[]).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn what_changes_nothing_is_kept_as_evidence_alone() {
    let office = Office::open();
    let app = started(&office).await;
    app.registry(AUTHORITY).revokes(ISSUER).await;
    assert_eq!(posts(&app, &office.denies(&app.clock, AUTHORITY, ISSUER)).await.status, 200);
    assert_eq!(
        posts(&app, &office.denies(&app.clock, AUTHORITY, "did:web:nobody.example")).await.status,
        200
    );
    is_recorded(&app, 2).await;
    assert_eq!(count(&app, EVENTS).await, 0);
    says(&app, ISSUER, "200 no REVOKED").await;
    // One that lapsed before anybody could write.
    records(&app, false).await;
    let late = office
        .signed(terms(&app.clock, AUTHORITY, super::OTHER), &[&office.officers[0], &office.officers[1]]);
    assert_eq!(posts(&app, &late).await.status, 200);
    says(&app, super::OTHER, "200 no SUSPENDED").await;
    app.clock.set(late.terms().ends());
    records(&app, true).await;
    is_recorded(&app, 3).await;
    assert_eq!(count(&app, EVENTS).await, 0);
    assert!(app.clock.now() >= late.terms().ends());
    until(LATEST, "yes again", async || asks(&app, super::OTHER).rest().await.line() == "200 yes ACTIVE")
        .await;
}
