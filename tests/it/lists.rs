//! Lists through both doors: filters, fields, pages that outlive a process, links.

mod filter;

use std::{net::SocketAddr, sync::Arc};

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, registry_service_client::RegistryServiceClient};
use charter_server::{Config, serve};
use charter_tests::{AUTHORITY, Rest, TestApp, ask::error};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

const FINNISH: &str = "did:web:one.example";
const SWEDISH: &str = "did:web:two.example";

async fn started() -> TestApp {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(FINNISH).authorized("issue", "Degree").await;
    registry
        .registers(SWEDISH)
        .authorized("verify", "Diploma")
        .with(|r| "SE".clone_into(&mut r.country))
        .await;
    app
}

fn path(filter: &str) -> String {
    path_of("entities", filter)
}

/// Of a list, with a filter.
fn path_of(list: &str, filter: &str) -> String {
    format!("/api/v1/{list}?filter={}", utf8_percent_encode(filter, NON_ALPHANUMERIC))
}

/// Who fits, asked over both doors.
async fn fitting(app: &TestApp, filter: &str) -> Vec<String> {
    let request = pb::ListEntitiesRequest { filter: filter.to_owned(), ..Default::default() };
    let reply = RegistryServiceClient::new(app.channel()).list_entities(request).await.expect(filter);
    let list = reply.into_inner().entities.into_iter().map(|e| e.identifiers[0].value.clone());
    let list: Vec<String> = list.collect();
    let rest = app.rest().get(&path(filter)).await.json();
    let rest: Vec<&Value> =
        rest["entities"].as_array().expect("a list").iter().map(|e| &e["identifiers"][0]["value"]).collect();
    assert_eq!(rest, list.iter().collect::<Vec<_>>(), "{filter}");
    list
}

#[tokio::test]
async fn entities_are_filtered_by_what_is_known_of_them() {
    let app = started().await;
    app.registry(AUTHORITY).suspends(SWEDISH).await;
    let now = app.clock.now();
    for (filter, expected) in [
        ("", &[FINNISH, SWEDISH][..]),
        ("country = FI", &[FINNISH]),
        ("country = \"SE\"", &[SWEDISH]),
        ("status.state = SUSPENDED", &[SWEDISH]),
        ("status.state = ACTIVE", &[FINNISH]),
        ("status.state = ACTIVE AND country = SE", &[]),
        ("identifiers:\"did:web:two.example\"", &[SWEDISH]),
        ("statements.resource:Degree", &[FINNISH]),
        ("statements.action:issue AND statements.resource:Diploma", &[]),
        (&format!("registered_at <= {now}"), &[FINNISH, SWEDISH]),
        (&format!("registered_at > {now}"), &[]),
    ] {
        assert_eq!(fitting(&app, filter).await, expected, "{filter}");
    }
    for (filter, place) in [
        ("name = x", "1"),
        ("country < FI", "1"),
        ("country = FI OR country = SE", "14"),
        ("status.state = GONE", "1"),
        ("registered_at > yesterday", "1"),
        ("country = FI AND country = SE", "18"),
    ] {
        let request = pb::ListEntitiesRequest { filter: filter.to_owned(), ..Default::default() };
        let refused = RegistryServiceClient::new(app.channel()).list_entities(request).await;
        let said = error(&refused.expect_err(filter));
        assert_eq!((said.line().as_str(), said.field.as_str()), ("400 INVALID", "filter"), "{filter}");
        let problem = app.rest().get(&path(filter)).await.json();
        assert_eq!(problem["errors"][0]["pointer"], "/filter", "{problem}");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(&format!("at character {place}:")), "{filter}: {detail}");
    }
}

#[tokio::test]
async fn fields_are_chosen_and_what_is_held_is_not_sent_again() {
    let app = started().await;
    let rest = app.rest();
    let masked = rest.get(&format!("/api/v1/entities/{FINNISH}?fields=country,status.state")).await.json();
    assert_eq!(masked, serde_json::json!({ "country": "FI", "status": { "state": "ACTIVE", "reason": "" } }));
    let list = rest.get("/api/v1/entities?fields=country").await.json();
    assert_eq!(list["entities"], serde_json::json!([{ "country": "FI" }, { "country": "SE" }]));
    let bad = rest.get("/api/v1/entities?fields=nothing").await;
    assert_eq!(bad.problem(), (400, "INVALID".to_owned()));
    for unknown in ["guess=1", "read_mask=names", "registry_id=x", "page_size=1&page_size=2"] {
        let reply = rest.get(&format!("/api/v1/entities?{unknown}")).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{unknown}");
    }
    let whole = rest.get(&format!("/api/v1/entities/{FINNISH}")).await;
    let etag = whole.header("etag").to_owned();
    assert_eq!(whole.json()["etag"], etag.as_str());
    let again = rest.request(http::Method::GET, &format!("/api/v1/entities/{FINNISH}"));
    let again =
        rest.send(again.header("if-none-match", &etag).body(Default::default()).expect("a request")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn pages_lead_on_in_another_process_too_and_are_bound_to_their_filter() {
    let app = started().await;
    let first = app.rest().get("/api/v1/entities?page_size=1").await;
    let token = first.json()["next_page_token"].as_str().expect("a token").to_owned();
    let link = first.header("link").to_owned();
    assert_eq!(link, format!("<?page_size=1&page_token={token}>; rel=\"next\""));
    let toml = TestApp::build().registry(AUTHORITY).toml(
        &app.database,
        app.directory(),
        SocketAddr::from(([127, 0, 0, 1], 0)),
    );
    let config = Config::from_toml(&toml).expect("a configuration");
    let other = serve::start(config, Arc::clone(&app.clock) as Arc<dyn Clock>).await.expect("a server");
    let rest = Rest::new(other.addresses[0]);
    let second = rest.get(&format!("/api/v1/entities?page_size=1&page_token={token}")).await;
    assert_eq!(second.json()["entities"][0]["country"], "SE", "{}", second.text());
    let last = second.json()["next_page_token"].as_str().expect("a token").to_owned();
    let end = rest.get(&format!("/api/v1/entities?page_size=1&page_token={last}")).await;
    assert_eq!((end.json()["entities"].clone(), end.header("link")), (serde_json::json!([]), ""));
    let filtered = rest.get(&format!("{}&page_token={token}", path("country = SE"))).await;
    assert_eq!(filtered.problem(), (400, "INVALID".to_owned()), "a token of another filter");
    other.stop().await;
}
