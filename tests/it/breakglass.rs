//! Denials by two security officers, while nothing else works: who is denied is denied at every door, nobody else is, and
//! nobody can say yes with one.

mod command;
mod facades;
mod others;
mod recorded;
mod refused;

use std::{path::PathBuf, time::Duration};

use charter_domain::{AuthorityId, EntityId, event::Identifier, time::Clock};
use charter_proof::breakglass::{EmergencyDenial, Terms};
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tests::{
    AUTHORITY, Asking, TestApp, TestClock,
    alerts::{Scrape, fires},
    rest::Reply,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::kept::until;

pub const ISSUER: &str = "did:web:university.example";
pub const OTHER: &str = "did:web:college.example";
pub const PATH: &str = "/api/v1/emergency-denials";
/// In which every node and peer has to say no.
pub const SOON: Duration = Duration::from_secs(5);
/// For what comes at all, on a busy machine.
pub const LATEST: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600;

/// Two officers with their keys, one who is none, and the folder of a server.
pub struct Office {
    dir: TempDir,
    pub officers: Vec<SoftwareSigner>,
    pub stranger: SoftwareSigner,
}

impl Office {
    pub fn open() -> Self {
        let key = |algorithm| SoftwareSigner::generate(algorithm).expect("a key");
        let officers = vec![key(Algorithm::Es256), key(Algorithm::EdDsa)];
        let office = Self {
            dir: tempfile::tempdir().expect("a directory"),
            officers,
            stranger: key(Algorithm::Es256),
        };
        for (n, officer) in office.officers.iter().enumerate() {
            std::fs::write(office.public(n), officer.key().to_jwk().to_string()).expect("written");
        }
        std::fs::create_dir(office.folder()).expect("made");
        office
    }

    fn public(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("{n}.pub"))
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("denials")
    }

    /// The settings of a registry with these officers and this folder.
    pub fn settings(&self, nodes: &[String]) -> String {
        self.settings_at(&self.folder(), nodes)
    }

    /// The same with another folder: that of another server.
    pub fn settings_at(&self, folder: &std::path::Path, nodes: &[String]) -> String {
        let files = [self.public(0), self.public(1)];
        let nodes = json!(nodes);
        format!(
            "emergency = {{ officers = {}, dir = \"{}\", nodes = {nodes} }}",
            json!(files),
            folder.display()
        )
    }

    /// What two of them sign for an hour.
    pub fn denies(&self, clock: &TestClock, authority: &str, entity: &str) -> EmergencyDenial {
        self.signed(terms(clock, authority, entity), &[&self.officers[0], &self.officers[1]])
    }

    pub fn signed(&self, terms: Terms, by: &[&SoftwareSigner]) -> EmergencyDenial {
        let draft = EmergencyDenial::new(terms).expect("a draft");
        by.iter().fold(draft, |denial, key| denial.sign(*key).expect("signed"))
    }

    /// Puts a file into the folder, as people do.
    pub fn drops(&self, name: &str, denial: &EmergencyDenial) {
        std::fs::write(self.folder().join(name), denial.to_bytes()).expect("written");
    }
}

pub fn terms(clock: &TestClock, authority: &str, entity: &str) -> Terms {
    let now = clock.now().secs();
    Terms {
        authority_id: AuthorityId::parse(authority).expect("a DID"),
        entity_ids: vec![EntityId::parse(entity).expect("an id")],
        reason: "KEY_COMPROMISE".to_owned(),
        iat: now,
        until: now + HOUR,
        jti: Uuid::now_v7().to_string(),
    }
}

/// One registry with officers, two issuers, and the usual settings.
pub async fn started(office: &Office) -> TestApp {
    let app = TestApp::build().registry(AUTHORITY).details(&office.settings(&[])).start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    registry.registers(OTHER).authorized("issue", "Degree").await;
    app
}

pub async fn posts(app: &TestApp, denial: &EmergencyDenial) -> Reply {
    app.rest().post_text(PATH, denial.to_bytes().to_vec()).await
}

pub async fn listed(app: &TestApp) -> Value {
    app.rest().get(PATH).await.json()
}

pub fn asks<'a>(app: &'a TestApp, entity: &str) -> Asking<'a> {
    app.anonymous().asks(entity, "issue", "Degree").at_once()
}

/// Ends the database, and waits until nothing that was kept may be said any more.
pub async fn loses_its_database(app: &TestApp) {
    app.database.open(false).await;
    app.database.end_connections().await;
    until(LATEST, "the lease is lost", async || !app.app.register.usable()).await;
}

pub async fn says(app: &TestApp, entity: &str, line: &str) {
    let said = asks(app, entity);
    until(SOON, line, async || said.rest().await.line() == line).await;
    assert_eq!(said.grpc().await.line(), line);
}

#[tokio::test]
async fn with_everything_dead_the_answer_is_no_until_it_lapses() {
    let office = Office::open();
    let app = started(&office).await;
    assert_eq!(asks(&app, ISSUER).both().await.line(), "200 yes ACTIVE");
    let before = Scrape::of(&app).await;
    loses_its_database(&app).await;
    assert_eq!(asks(&app, ISSUER).rest().await.status, 503);
    let reply = posts(&app, &office.denies(&app.clock, AUTHORITY, ISSUER)).await;
    assert_eq!((reply.status, &reply.json()["new"]), (200, &json!(true)), "{}", reply.text());
    for _ in 0..2 {
        for said in [asks(&app, ISSUER).rest().await, asks(&app, ISSUER).grpc().await] {
            assert_eq!(said.line(), "200 no SUSPENDED");
            assert!(said.message.contains("denied in an emergency"), "{}", said.message);
        }
    }
    for context in [("evidence", "chain"), ("max_staleness", "3600")] {
        let said = asks(&app, ISSUER).with(context.0, context.1).rest().await;
        assert_eq!(said.line(), "200 no SUSPENDED", "{context:?}");
    }
    assert_eq!(asks(&app, OTHER).rest().await.status, 503, "nobody else is touched");
    let health = app.rest().get("/readyz").await.json();
    assert!(health["details"].to_string().contains("1 emergency denials"), "{health}");
    assert_eq!(listed(&app).await["total"], 1);
    let during = Scrape::with(&app, "charter_emergency_denials", 1.0).await;
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(asks(&app, ISSUER).rest().await.status, 503, "it has lapsed");
    assert_eq!(listed(&app).await["total"], 0);
    let after = Scrape::with(&app, "charter_emergency_denials", 0.0).await;
    fires("CharterEmergencyDenial", &before, &during, &after);
    app.database.open(true).await;
}

#[tokio::test]
async fn a_file_that_is_dropped_counts_and_a_new_process_finds_it() {
    let office = Office::open();
    let app = started(&office).await;
    assert_eq!(asks(&app, ISSUER).both().await.line(), "200 yes ACTIVE");
    records(&app, false).await;
    office.drops("deny.json", &office.denies(&app.clock, AUTHORITY, ISSUER));
    says(&app, ISSUER, "200 no SUSPENDED").await;
    let files = || std::fs::read_dir(office.folder()).expect("a folder").count();
    until(LATEST, "it is kept under its number too", async || files() == 2).await;
    std::fs::remove_file(office.folder().join("deny.json")).expect("removed");
    let build = TestApp::build().registry(AUTHORITY).details(&office.settings(&[]));
    let again = crate::kept::beside(&app, build).await;
    assert_eq!(again.app.hosted.breakglass.in_force().len(), 1, "before the first question");
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(again.app.hosted.breakglass.in_force().len(), 0);
    again.stop().await;
}

/// Whether denials can be recorded; everything else goes on.
pub async fn records(app: &TestApp, can: bool) {
    let (verb, to) = if can { ("grant", "to") } else { ("revoke", "from") };
    let sql = format!("{verb} insert on emergency_denials {to} charter_runtime");
    app.database.admin(&app.database.name).await.batch_execute(&sql).await.expect("a right");
}

#[tokio::test]
async fn a_no_stays_the_no_that_it_is() {
    let office = Office::open();
    let app = started(&office).await;
    let stranger = "did:web:stranger.example";
    app.registry(AUTHORITY).revokes(OTHER).await;
    for entity in [OTHER, stranger, ISSUER] {
        assert_eq!(posts(&app, &office.denies(&app.clock, AUTHORITY, entity)).await.status, 200);
    }
    for (entity, line) in
        [(OTHER, "200 no REVOKED"), (stranger, "404 UNKNOWN_ENTITY"), (ISSUER, "200 no SUSPENDED")]
    {
        says(&app, entity, line).await;
    }
    let earlier = asks(&app, ISSUER).at(app.clock.now().minus(Duration::from_secs(60)));
    assert_ne!(earlier.rest().await.reason, "SUSPENDED", "what was before stays as it was");
}

#[tokio::test]
async fn other_names_of_the_entity_are_denied_too() {
    let office = Office::open();
    let app = started(&office).await;
    let alias = "urn:example:issuer:7";
    let two = app.registry(AUTHORITY).registers("did:web:two.example").authorized("issue", "Degree");
    let other = Identifier { r#type: "other".to_owned(), value: alias.to_owned() };
    two.with(|r| r.identifiers.push(other)).await;
    assert_eq!(asks(&app, alias).both().await.line(), "200 yes ACTIVE");
    records(&app, false).await;
    assert_eq!(posts(&app, &office.denies(&app.clock, AUTHORITY, "did:web:two.example")).await.status, 200);
    says(&app, alias, "200 no SUSPENDED").await;
    says(&app, "https://two.example", "404 UNKNOWN_ENTITY").await;
    says(&app, ISSUER, "200 yes ACTIVE").await;
}
