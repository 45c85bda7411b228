//! Other servers and other registries: told within seconds, with every database dead.

use std::{net::SocketAddr, sync::Arc};

use charter_domain::time::Clock;
use charter_proof::EntityConfiguration;
use charter_server::{Config, serve};
use charter_tests::{AUTHORITY, Rest, TestApp, TestClock, program::free_address};

use super::{ISSUER, LATEST, OTHER, Office, SOON, asks, loses_its_database, posts, says, started};
use crate::kept::until;

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";

/// How a server answers TRQP's question about an entity: `true`, `false`, or the status of a problem.
async fn answer(rest: &Rest, authority: &str, entity: &str) -> String {
    let question = serde_json::json!({
        "authority_id": authority, "entity_id": entity, "action": "issue", "resource": "Degree",
    });
    let reply = rest.post("/authorization", &question).await;
    match reply.json()["authorized"].as_bool() {
        Some(yes) => yes.to_string(),
        None => reply.status.to_string(),
    }
}

#[tokio::test]
async fn another_server_of_the_registry_is_told_with_everything_dead() {
    let office = Office::open();
    let address: SocketAddr = free_address();
    let nodes = [format!("http://{address}")];
    let first = TestApp::build().registry(AUTHORITY).details(&office.settings(&nodes)).start().await;
    first.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    let folder = first.directory().join("denials of the second");
    let second = TestApp::build().registry(AUTHORITY).details(&office.settings_at(&folder, &[]));
    let toml = second.toml(&first.database, first.directory(), address);
    let config = Config::from_toml(&toml).expect("a valid configuration");
    let running = serve::start(config, Arc::clone(&first.clock) as Arc<dyn Clock>).await.expect("a server");
    let rest = Rest::new(address);
    assert_eq!(answer(&rest, AUTHORITY, ISSUER).await, "true");
    loses_its_database(&first).await;
    until(LATEST, "its lease is lost", async || !running.app.register.usable()).await;
    assert_eq!(posts(&first, &office.denies(&first.clock, AUTHORITY, ISSUER)).await.status, 200);
    until(SOON, "the other says no", async || answer(&rest, AUTHORITY, ISSUER).await == "false").await;
    let kept = async || std::fs::read_dir(&folder).is_ok_and(|files| files.count() == 1);
    until(SOON, "it keeps what it was told", kept).await;
    first.database.open(true).await;
    running.stop().await;
}

/// A root, and a nation below it with officers, each on a server and a database of its own.
struct Two {
    root: TestApp,
    nation: TestApp,
    office: Office,
}

impl Two {
    async fn start(superior: bool) -> Self {
        let (clock, office) = (Arc::new(TestClock::default()), Office::open());
        let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
        let above =
            if superior { format!("superior_endpoint = \"{}\"\n", root.url()) } else { String::new() };
        let details = format!("{above}{}", office.settings(&[]));
        let nation =
            TestApp::build().clock(&clock).reachable().under(NATION, ROOT).details(&details).start().await;
        root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
        for entity in [ISSUER, OTHER] {
            nation.registry(NATION).registers(entity).authorized("issue", "Degree").await;
        }
        Self { root, nation, office }
    }
}

#[tokio::test]
async fn a_configuration_names_the_officers() {
    let office = Office::open();
    let app = started(&office).await;
    let token = app.rest().get("/.well-known/openid-federation").await.text();
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let keys = app.app.hosted.keys(id).await.expect("keys");
    let read = EntityConfiguration::parse_verified(&token, &keys).expect("a configuration");
    let officers = read.metadata.trust_registry.officers().expect("good").expect("officers");
    let kids: Vec<&str> = officers.keys.iter().map(charter_signing::PublicKey::kid).collect();
    let own: Vec<&str> = office.officers.iter().map(|o| charter_signing::Signer::key(o).kid()).collect();
    assert_eq!(kids, own);
}

#[tokio::test]
async fn a_superior_takes_it_from_below_and_says_no_without_asking() {
    let two = Two::start(true).await;
    let (root, clock) = (&two.root, &two.root.clock);
    assert_eq!(asks(root, ISSUER).both().await.line(), "200 yes ACTIVE");
    // It knows whose signatures count below from then on.
    let probe = two.office.denies(clock, NATION, "did:web:nobody.example");
    until(LATEST, "the root knows the officers", async || posts(root, &probe).await.status == 200).await;
    let forged = two
        .office
        .signed(super::terms(clock, NATION, OTHER), &[&two.office.officers[0], &two.office.stranger]);
    assert_eq!(posts(root, &forged).await.status, 400);
    let above = two.office.denies(clock, ROOT, ISSUER);
    assert_eq!(posts(root, &above).await.status, 400, "they are no officers of the root");
    let tenant = two.nation.app.hosted.by_authority(NATION).and_then(|id| two.nation.app.hosted.tenant(id));
    assert!(tenant.expect("served").above().endpoint.is_some());
    loses_its_database(&two.nation).await;
    loses_its_database(root).await;
    assert_eq!(posts(&two.nation, &two.office.denies(clock, NATION, ISSUER)).await.status, 200);
    for app in [&two.nation, root] {
        says(app, ISSUER, "200 no SUSPENDED").await;
        assert_eq!(asks(app, OTHER).rest().await.status, 503);
    }
    root.database.open(true).await;
    two.nation.database.open(true).await;
}

#[tokio::test]
async fn a_superior_that_asks_gets_a_no_that_is_proven_without_a_database() {
    let two = Two::start(false).await;
    let asking = asks(&two.root, ISSUER);
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    loses_its_database(&two.nation).await;
    assert_eq!(posts(&two.nation, &two.office.denies(&two.nation.clock, NATION, ISSUER)).await.status, 200);
    let denied = async || {
        let said = asking.rest().await;
        (said.line().as_str(), said.decided_by.as_str()) == ("200 no SUSPENDED", NATION)
    };
    until(LATEST, "the root has a signed no", denied).await;
    two.nation.database.open(true).await;
}
