//! The list of subordinates, by each filter and by all of them.

use charter_tests::{AUTHORITY, TestApp};
use serde_json::json;

use super::{code, name, refused, started};

const BOTH: [&str; 2] = ["https://below.example", "https://other.example"];

async fn listed(app: &TestApp, query: &str) -> Vec<String> {
    let reply = app.rest().get(&format!("/oidf/list?{query}")).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json"),
        "{query} {}",
        reply.text()
    );
    serde_json::from_value(reply.json()).expect("an array of texts")
}

#[tokio::test]
async fn each_filter_leaves_those_that_fit() {
    let app = started().await;
    app.registry(AUTHORITY).registers("https://other.example").authorized("issue", "Degree").await;
    app.registry(AUTHORITY).registers("did:web:below.example").authorized("verify", "Degree").await;
    assert_eq!(app.rest().get("/oidf/list").await.json(), json!(BOTH));
    for (query, found) in [
        ("", BOTH.as_slice()),
        ("entity_type=trust_registry", &BOTH),
        ("entity_type=openid_provider&entity_type=federation_entity", &BOTH),
        ("entity_type=openid_credential_issuer", &[]),
        ("intermediate=true", &BOTH[..1]),
        ("intermediate=false", &BOTH),
        ("trust_marked=true", &BOTH[1..]),
        ("trust_marked=false", &BOTH),
        ("intermediate=true&trust_marked=true", &[]),
        ("guess=1&guess=2", &BOTH),
    ] {
        assert_eq!(listed(&app, query).await, found, "{query}");
    }
    let typed = format!("trust_mark_type={}", name("Degree"));
    assert_eq!(listed(&app, &typed).await, BOTH[1..]);
    assert_eq!(
        listed(&app, &format!("{typed}&entity_type=trust_registry&trust_marked=true")).await,
        BOTH[1..]
    );
    for none in [name("Diploma"), "https://elsewhere.example/mark".to_owned()] {
        assert!(listed(&app, &format!("trust_mark_type={none}")).await.is_empty(), "{none}");
    }
    app.registry(AUTHORITY).suspends("https://other.example").await;
    assert!(listed(&app, &typed).await.is_empty(), "its mark is none any more");
    assert!(listed(&app, "trust_marked=true").await.is_empty());
    assert_eq!(listed(&app, "").await, BOTH, "it is a subordinate still");
}

#[tokio::test]
async fn another_registry_has_its_own_and_nobody_has_none() {
    let app = started().await;
    assert_eq!(app.rest().get("/r/r1/oidf/list").await.json(), json!(["https://far.example"]));
    assert_eq!(app.rest().get("/r/r3/oidf/list").await.json(), json!([]));
}

#[tokio::test]
async fn filters_that_stand_twice_or_are_neither_true_nor_false_are_refused() {
    let app = TestApp::start().await;
    for bad in [
        "intermediate=true&intermediate=true",
        "trust_marked=true&trust_marked=false",
        "trust_mark_type=a&trust_mark_type=b",
        "intermediate=yes",
        "trust_marked=1",
        "entity_type=%ff",
    ] {
        let reply = app.rest().get(&format!("/oidf/list?{bad}")).await;
        assert_eq!(refused(&reply), code(400, "invalid_request"), "{bad}");
    }
}
