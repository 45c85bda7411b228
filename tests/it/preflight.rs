//! What a server refuses to be started on: each fault by name and with what to do, and nothing is served.

use std::net::SocketAddr;

use charter_server::{Config, context::Startup, doctor};
use charter_store::preflight::Report;
use charter_tests::{
    AUTHORITY, TestApp,
    alerts::{Scrape, fires},
    app::Build,
    database::Database,
    pki::Pki,
};

use crate::kept::Kept;

fn build() -> Build {
    TestApp::build().registry(AUTHORITY)
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Why a server does not start on a database as it is now.
async fn refused(database: Database) -> String {
    let fault = build().start_on(database, any()).await.err().expect("it must not start");
    assert!(matches!(fault, Startup::Unfit(_)), "{fault}");
    fault.to_string()
}

/// The database of a test with something done to it by its administrator.
async fn after(sql: &str) -> Database {
    let database = Database::create().await;
    database.admin(&database.name).await.batch_execute(sql).await.expect("done");
    database
}

#[tokio::test]
async fn what_the_tests_run_on_is_fit_but_for_what_tests_do_without() {
    let report: Report = Kept::new().await.store.preflight().await.expect("looked at");
    assert_eq!(report.faults, [""; 0], "{report:?}");
}

#[tokio::test]
async fn an_extension_or_a_migration_that_is_missing_keeps_a_server_from_starting() {
    let why = refused(after("drop extension btree_gist cascade").await).await;
    assert!(why.contains("`btree_gist` is missing") && why.contains("charterd migrate"), "{why}");
    let last = "delete from __diesel_schema_migrations
                 where version = (select max(version) from __diesel_schema_migrations)";
    let why = refused(after(last).await).await;
    assert!(why.contains("older than this program: 1 migrations are pending"), "{why}");
    let older = "revoke select on __diesel_schema_migrations from charter_runtime";
    let why = refused(after(older).await).await;
    assert!(why.contains("run `charterd migrate`"), "{why}");
    let why = refused(after("drop table __diesel_schema_migrations").await).await;
    assert!(why.contains("the schema is missing or older"), "{why}");
}

#[tokio::test]
async fn a_schema_of_a_later_release_is_served_from_and_remarked() {
    let later = "insert into __diesel_schema_migrations (version) values ('29991231000000')";
    let database = after(later).await;
    let app = build().start_on(database, any()).await.expect("a newer schema only adds");
    let report = app.app.store.preflight().await.expect("looked at");
    assert!(report.remarks.iter().any(|one| one.contains("newer than this program: 1")), "{report:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_hold_for_is_refused() {
    let database = Database::create().await;
    let bypassing = format!("bypassing_{}", database.name);
    let member = format!("member_{}", database.name);
    let sql = format!(
        "create role {bypassing} login bypassrls in role charter_runtime;
         create role {member} login in role charter_runtime, charter_owner;"
    );
    let admin = database.admin(&database.name).await;
    admin.batch_execute(&sql).await.expect("roles");
    let dir = tempfile::tempdir().expect("a directory");
    let toml = build().toml(&database, dir.path(), any());
    let mut said = Vec::new();
    for role in ["charter_admin", "charter_owner", &bypassing, &member] {
        let config = toml.replace("user=charter_runtime", &format!("user={role}"));
        let config = Config::from_toml(&config).expect("a valid configuration");
        let clock = std::sync::Arc::<charter_tests::TestClock>::default();
        let fault = charter_server::serve::start(config.clone(), clock).await.err();
        let findings = doctor::examine(&config).await;
        let found = findings.iter().find(|f| f.check == "database").and_then(|f| f.fault.clone());
        said.push((fault.map(|f| f.to_string()).unwrap_or_default(), found.unwrap_or_default()));
    }
    admin.batch_execute(&format!("drop role {bypassing}, {member}")).await.expect("dropped");
    for (said, words) in said.iter().zip(["a superuser", "owns the tables", "BYPASSRLS", "owns the tables"]) {
        assert!(said.0.contains("not fit to be served from") && said.0.contains(words), "{said:?}");
        assert!(said.1.contains(words) && said.1.contains("database.url"), "doctor: {said:?}");
    }
}

#[tokio::test]
async fn an_expired_certificate_keeps_a_server_from_starting_and_one_that_expires_soon_is_told() {
    let pki = Pki::new();
    pki.client("ending", 1970, 2030);
    let listener = format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nregistry = \"{AUTHORITY}\"\n\
         tls = {{ cert_file = \"{}\", key_file = \"{}\" }}",
        pki.file("ending.pem"),
        pki.file("ending.key"),
    );
    let at = |text: &str| charter_domain::Timestamp::parse(text).expect("a time");
    let starts = async |now: &str| {
        let clock = std::sync::Arc::<charter_tests::TestClock>::default();
        clock.set(at(now));
        build().clock(&clock).listener(&listener).start_on(Database::create().await, any()).await
    };
    let fault = starts("2030-01-01T00:00:00Z").await.err().expect("it has expired").to_string();
    assert!(fault.contains("ending.pem` has expired at 2030-01-01"), "{fault}");
    let app = starts("2029-12-01T00:00:00Z").await.expect("a month is enough");
    let well = Scrape::of(&app).await;
    let told = async || app.rest().get("/readyz").await.json()["details"].to_string();
    assert!(!told().await.contains("ending.pem"), "{}", told().await);
    app.clock.set(at("2029-12-18T00:00:01Z"));
    assert!(told().await.contains("ending.pem` expires at 2030-01-01"), "{}", told().await);
    let soon = Scrape::of(&app).await;
    app.clock.set(at("2029-12-31T00:00:01Z"));
    let ends = Scrape::of(&app).await;
    fires("CharterCertificateEnds", &well, &soon, &well);
    fires("CharterCertificateEnded", &well, &ends, &well);
}
