//! OpenID Federation 1.0 as a stock client meets it: the configuration leads to the endpoints, and what they say is what is
//! recorded.

mod fetch;
mod list;
mod mark;
mod resolve;
mod resolve_below;
mod status;

use std::time::Duration;

use charter_domain::time::Clock;
use charter_federation::LocalAuthority;
use charter_proof::EntityConfiguration;
use charter_server::tasks::renewal;
use charter_signing::jws;
use charter_tests::{AUTHORITY, TestApp, rest::Reply};
use serde_json::{Value, json};

pub const BELOW: &str = "did:web:below.example";
pub const OTHER: &str = "did:web:other.example";
pub const FAR: &str = "did:web:far.example";
pub const ONE: &str = "did:web:one.example";
const STATEMENT: &str = "application/entity-statement+jwt";

/// A root with two subordinates, one of which has one of its own; all of one process.
pub async fn started() -> TestApp {
    let build = TestApp::build().registry(AUTHORITY).under(BELOW, AUTHORITY).under(OTHER, AUTHORITY);
    let app = build.under(FAR, BELOW).start().await;
    let root = app.registry(AUTHORITY);
    root.registers(ONE).authorized("issue", "Degree").await;
    root.delegates(&app.registry(BELOW), &["Degree"]).await;
    root.delegates(&app.registry(OTHER), &["Degree"]).await;
    app.registry(BELOW).delegates(&app.registry(FAR), &["Degree"]).await;
    app
}

/// The type of the root's marks.
pub fn name(resource: &str) -> String {
    format!("https://registry.example/oidf/trust-marks/{resource}")
}

/// Status and `error` of an answer in the standard's form; panics where it is none.
pub fn refused(reply: &Reply) -> (u16, String) {
    let (text, body) = (reply.text(), reply.json());
    assert_eq!(reply.header("content-type"), "application/json", "{} {text}", reply.status);
    assert!(body["error_description"].as_str().is_some_and(|why| !why.is_empty()), "{text}");
    (reply.status, body["error"].as_str().expect("a code").to_owned())
}

pub fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// What a token of the root says, verified with the keys that the root lists.
pub async fn claims(app: &TestApp, token: &str, typ: &str) -> Value {
    let id = app.app.hosted.by_authority(AUTHORITY).expect("served");
    let keys = app.app.hosted.keys(id).await.expect("keys");
    serde_json::from_slice(&jws::verify(token, typ, &keys).expect("signed by the root")).expect("JSON")
}

async fn configuration(app: &TestApp, authority: &str) -> EntityConfiguration {
    let id = app.app.hosted.by_authority(authority).expect("served");
    let view = app.app.hosted.view(id).await.expect("a view");
    EntityConfiguration::parse_verified(&view.configuration, &view.keys).expect("its own")
}

#[tokio::test]
async fn the_configuration_leads_to_each_endpoint() {
    let app = TestApp::build().reachable().start().await;
    let stated = configuration(&app, AUTHORITY).await.metadata.federation_entity;
    let stated = serde_json::to_value(stated).expect("JSON");
    let all = ["fetch", "list", "trust_mark_status", "trust_mark_list", "trust_mark", "historical_keys"];
    for endpoint in all {
        let url = stated[format!("federation_{endpoint}_endpoint")].as_str().expect(endpoint).to_owned();
        let path = url.strip_prefix(&app.url()).expect("it begins with public_url");
        let reply = app.rest().get(path).await;
        match endpoint {
            "list" | "historical_keys" => assert_eq!(reply.status, 200, "{endpoint}"),
            "trust_mark_status" => assert_eq!(reply.status, 405, "{endpoint}"),
            _ => assert_eq!(refused(&reply), code(400, "invalid_request"), "{endpoint}"),
        }
    }
    assert!(stated["federation_resolve_endpoint"].as_str().is_some_and(|url| url.ends_with("/oidf/resolve")));
}

#[tokio::test]
async fn an_anchor_names_the_issuers_of_its_marks_once_it_has_types() {
    let app = started().await;
    app.registry(BELOW).registers("did:web:two.example").authorized("issue", "Diploma").await;
    assert_eq!(renewal::once(&app.app).await.refused, 0);
    app.clock.advance(Duration::from_secs(3 * 3_600)); // As long as a configuration may be served without being read again.
    let stated = json!(configuration(&app, AUTHORITY).await.trust_mark_issuers);
    assert_eq!(stated, json!({ name("Degree"): ["https://registry.example"] }));
    let below = configuration(&app, BELOW).await;
    assert!(below.trust_mark_issuers.is_empty() && below.authority_hints.is_some(), "only an anchor says it");
    let before = configuration(&app, AUTHORITY).await;
    assert_eq!(renewal::once(&app.app).await.refused, 0);
    app.clock.advance(Duration::from_secs(3 * 3_600));
    assert_eq!(configuration(&app, AUTHORITY).await, before, "nothing new, nothing signed again");
    assert!(before.exp > app.clock.now().secs());
}
