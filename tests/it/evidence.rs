//! Evidence: the chain that an answer brings verifies with nothing but the registry's anchor set.

use std::time::Duration;

use charter_domain::{Context, Kind, Query, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify};
use charter_tests::{AUTHORITY, Said, TestApp};

fn query(authority: &str, entity: &str, resource: &str) -> Query {
    let terms = (authority, entity, "issue", resource);
    Query::parse(Kind::Authorization, terms, Context::default()).expect("a question")
}

async fn anchors(app: &TestApp) -> AnchorSet {
    let reply = app.rest().get("/.well-known/trust-anchors").await;
    AnchorSet::parse(&reply.body).expect("an anchor set")
}

async fn asked(app: &TestApp, entity: &str) -> Said {
    app.anonymous().asks(entity, "issue", "Degree").with("evidence", "chain").both().await
}

#[tokio::test]
async fn a_yes_brings_a_chain_that_verifies_under_the_registrys_own_anchor_set() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let said = asked(&app, &issuer).await;
    assert_eq!(said.line(), "200 yes ACTIVE");
    let chain = Chain::new(said.chain).expect("a chain");
    assert_eq!(chain.links().len(), 2);
    let (anchors, now) = (anchors(&app).await, app.clock.now());
    let proven = verify(&chain, &query(AUTHORITY, &issuer, "Degree"), &anchors, now, now, None);
    assert_eq!(proven.expect("proven").decided_by.as_str(), AUTHORITY);
    for other in [
        query(AUTHORITY, "did:web:other.example", "Degree"),
        query(AUTHORITY, &issuer, "Diploma"),
        query("did:web:other.example", &issuer, "Degree"),
    ] {
        assert!(verify(&chain, &other, &anchors, now, now, None).is_err(), "{other:?}");
    }
}

#[tokio::test]
async fn a_chain_of_another_registry_does_not_verify() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let chain = Chain::new(asked(&app, &issuer).await.chain).expect("a chain");
    let now = app.clock.now();
    let query = query(AUTHORITY, &issuer, "Degree");
    assert!(verify(&chain, &query, &anchors(&other).await, now, now, None).is_err());
}

#[tokio::test]
async fn a_chain_as_served_fails_with_any_byte_flipped_and_when_cut() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let file = Chain::new(asked(&app, &issuer).await.chain).expect("a chain").to_bytes();
    let (anchors, now) = (anchors(&app).await, app.clock.now());
    let query = query(AUTHORITY, &issuer, "Degree");
    let verifies = |bytes: &[u8]| {
        let chain = Chain::parse(bytes);
        chain.is_ok_and(|c| verify(&c, &query, &anchors, now, now, None).is_ok())
    };
    assert!(verifies(&file));
    for place in 0..file.len() {
        let mut bytes = file.clone();
        bytes[place] ^= 1;
        assert!(!verifies(&bytes), "byte {place} flipped");
        assert!(!verifies(&file[..place]), "cut at {place}");
    }
}

#[tokio::test]
async fn documents_are_renewed_before_they_expire() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let anchors = anchors(&app).await;
    for _ in 0..6 {
        app.clock.advance(Duration::from_secs(13 * 3_600));
        charter_server::tasks::renewal::once(&app.app).await;
        let said = asked(&app, &issuer).await;
        let chain = Chain::new(said.chain).expect("a chain");
        let now = app.clock.now();
        verify(&chain, &query(AUTHORITY, &issuer, "Degree"), &anchors, now, now, None).expect("proven");
    }
}
