//! A registry at two sites: when the recorded endpoint is lost, whoever asks goes to the other by itself.

use std::{sync::Arc, time::Duration};

use charter_domain::AuthorityId;
use charter_federation::PeerEndpoint;
use charter_proof::EntityConfiguration;
use charter_server::{Config, tasks::superior};
use charter_signing::jws;
use charter_tests::{AUTHORITY, TestApp, TestClock, app::Build, database::Database, front::Front};

use crate::kept::until;

const ROOT: &str = "did:web:root.example";
const SECTOR: &str = "did:web:sector.example";
const ISSUER: &str = "did:web:university.example";
const LATER: &str = "did:web:later.example";
const LATEST: Duration = Duration::from_secs(60);

fn sites(front: &Front) -> String {
    format!("sites = [\"{}\"]", front.url())
}

fn recorded(front: &Front) -> PeerEndpoint {
    PeerEndpoint { url: front.url(), pins: charter_domain::SpkiPins::default() }
}

/// A root whose sector is recorded at the first front, and names `second` as another site of its.
async fn two_sites(first: &Front, second: &Front) -> (TestApp, TestApp) {
    let clock = Arc::<TestClock>::default();
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let sector = TestApp::build().clock(&clock).under(SECTOR, ROOT).details(&sites(second)).start().await;
    first.leads(sector.address);
    for entity in [ISSUER, LATER] {
        sector.registry(SECTOR).registers(entity).authorized("issue", "Degree").await;
    }
    let top = root.registry(ROOT);
    let mut request = top.delegation(&sector.registry(SECTOR), &["Degree"]);
    request.endpoint = first.url();
    top.client().put_delegation(top.signed(request)).await.expect("delegated");
    (root, sector)
}

/// Waits until the root knows of the other site, by what the sector signed.
async fn learnt(root: &TestApp, first: &Front, second: &Front) {
    let sector = AuthorityId::parse(SECTOR).expect("a DID");
    let known = async || {
        let others = root.app.protocol.others(&sector, &recorded(first));
        others.iter().any(|other| other.url == second.url())
    };
    until(LATEST, "the other site is known", known).await;
}

async fn line(root: &TestApp, entity: &str) -> String {
    root.anonymous().asks(entity, "issue", "Degree").rest().await.line()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subordinate_whose_recorded_endpoint_is_lost_answers_at_its_other_site() {
    let (first, second) = (Front::new().await, Front::new().await);
    let (root, sector) = two_sites(&first, &second).await;
    second.leads(sector.address);
    until(LATEST, "it answers", async || line(&root, ISSUER).await == "200 yes ACTIVE").await;
    learnt(&root, &first, &second).await;
    first.falls();
    until(LATEST, "the other site answers", async || line(&root, LATER).await == "200 yes ACTIVE").await;
    // News of changes come from there, too.
    sector.registry(SECTOR).revokes(ISSUER).await;
    until(LATEST, "the change is heard", async || line(&root, ISSUER).await == "200 no REVOKED").await;
    assert_eq!(root.anonymous().asks(LATER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
    second.falls();
    until(LATEST, "nobody is left", async || line(&root, LATER).await == "503 UNVERIFIABLE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sits_at_the_other_site_with_another_key_is_not_believed() {
    let (first, second) = (Front::new().await, Front::new().await);
    let (root, _sector) = two_sites(&first, &second).await;
    // It says that it is the sector, with keys of its own, and that somebody may issue who may not.
    let liar = TestApp::build().clock(&root.clock).under(SECTOR, ROOT).start().await;
    let forged = "did:web:forged.example";
    liar.registry(SECTOR).registers(forged).authorized("issue", "Degree").await;
    second.leads(liar.address);
    until(LATEST, "it answers", async || line(&root, ISSUER).await == "200 yes ACTIVE").await;
    learnt(&root, &first, &second).await;
    first.falls();
    until(LATEST, "the sector is lost", async || line(&root, LATER).await == "503 UNVERIFIABLE").await;
    for _ in 0..5 {
        for entity in [forged, LATER] {
            let said = line(&root, entity).await;
            assert!(!said.contains("yes"), "{entity}: {said}");
        }
    }
    // Nothing that the sector itself said of its entities counts any more.
    until(LATEST, "nobody knows", async || line(&root, forged).await == "503 UNVERIFIABLE").await;
}

/// A server of the sector that asks its superior at the first front.
fn below(first: &Front, more: &str) -> Build {
    let details = format!("superior_endpoint = \"{}\"\n{more}", first.url());
    TestApp::build().under(SECTOR, ROOT).details(&details)
}

async fn hears(sector: &TestApp) -> bool {
    let id = sector.app.hosted.by_authority(SECTOR).expect("hosted");
    superior::fetch(&sector.app, sector.app.hosted.tenant(id).expect("hosted")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_up_is_had_at_the_superiors_other_site() {
    let (first, second) = (Front::new().await, Front::new().await);
    let root = TestApp::build().registry(ROOT).details(&sites(&second)).start().await;
    first.leads(root.address);
    second.leads(root.address);
    let sector = below(&first, "").clock(&root.clock).start().await;
    root.registry(ROOT).delegates(&sector.registry(SECTOR), &["Degree"]).await;
    until(LATEST, "the superior is heard", async || hears(&sector).await).await;
    let own = AuthorityId::parse(SECTOR).expect("a DID");
    let others = sector.app.protocol.others(&own, &recorded(&first));
    assert_eq!(others.iter().map(|other| other.url.clone()).collect::<Vec<_>>(), [second.url()]);
    first.falls();
    until(LATEST, "it is heard at the other site", async || hears(&sector).await).await;
    // Before anything was heard, settings say where.
    let third = Front::new().await;
    third.falls();
    let told = format!("superior_sites = [\"{}\"]", second.url());
    let late = below(&third, &told).clock(&root.clock).start().await;
    until(LATEST, "the superior is heard", async || hears(&late).await).await;
}

fn any() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn the_sites_of_a_registry_stand_in_its_configuration_and_its_did_document() {
    let site = "https://b.example";
    let app = TestApp::build().registry(AUTHORITY).details(&format!("sites = [\"{site}\"]")).start().await;
    let id = app.app.hosted.by_authority(AUTHORITY).expect("hosted");
    let document = app.app.store.document(id, "configuration").await.expect("read").expect("signed");
    let payload = jws::peek(&document).expect("a JWS");
    let claims: EntityConfiguration = serde_json::from_slice(&payload).expect("a configuration");
    assert_eq!(claims.metadata.trust_registry.endpoints, [site]);
    assert_eq!(
        claims.metadata.trust_registry.grpc_endpoint,
        app.app.hosted.tenant(id).expect("hosted").config.public_url
    );
    let did = app.rest().get("/.well-known/did.json").await.json();
    let services = did["service"].as_array().expect("services");
    let at_site = services.iter().filter(|one| one["serviceEndpoint"] == site).map(|one| &one["type"]);
    assert_eq!(at_site.collect::<Vec<_>>(), ["TRQP", "CharterGrpc"]);
}

#[tokio::test]
async fn sites_that_cannot_be_are_faults_of_the_configuration() {
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let many = "\"https://a.example\", ".repeat(5);
    for (details, words) in [
        ("sites = [\"ftp://b.example\"]".to_owned(), "begin with http"),
        ("sites = [\"b.example\"]".to_owned(), "begin with http"),
        ("sites = [\"https://b.example\", \"https://b.example\"]".to_owned(), "each URL once"),
        ("sites = [\"http://127.0.0.1:0\"]".to_owned(), "public_url not at all"),
        (format!("sites = [{many}]"), "at most 4"),
        ("superior_sites = [\"https://b.example\"]".to_owned(), "without superior_endpoint"),
        (
            "superior_endpoint = \"https://a.example\"\nsuperior_sites = [\"http://b.example\"]".to_owned(),
            "superior_sites must be",
        ),
        (
            format!("superior_endpoint = \"https://a.example\"\nsuperior_sites = [{many}]"),
            "superior_sites must be",
        ),
    ] {
        let toml = TestApp::build().registry(AUTHORITY).details(&details).toml(&database, dir.path(), any());
        let faults = Config::from_toml(&toml).expect_err("it must be refused").to_string();
        assert!(faults.contains(words), "{details}: {faults}");
    }
}
