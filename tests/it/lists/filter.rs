//! Delegations, schemas and credential types by what is known of them, asked over both doors.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{
    self as pb, propose_request::Change, registry_service_client::RegistryServiceClient,
    schema_service_client::SchemaServiceClient, set_status_request::Target,
};
use charter_tests::{AUTHORITY, TestApp, ask::error, governed::Governed};
use serde_json::{Value, json};
use tonic::Status;

use super::path_of;
use crate::{
    credential_type::define,
    life::wire,
    schema::{enact, publish},
};

const LEFT: &str = "did:web:left.example";
const RIGHT: &str = "did:web:right.example";
const VCT: &str = "https://types.example/degree";
const DOC: &str = "org.example.degree.1";

/// What a list is asked for.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    filter: &'a str,
    token: &'a str,
}

/// The names of what fits, over gRPC.
async fn listed(app: &TestApp, list: &str, asked: Asked<'_>) -> Result<Vec<String>, Status> {
    let (filter, page_token) = (asked.filter.to_owned(), asked.token.to_owned());
    let mut records = RegistryServiceClient::new(app.channel());
    Ok(match list {
        "delegations" => {
            let request = pb::ListDelegationsRequest { filter, page_token, ..Default::default() };
            let found = records.list_delegations(request).await?.into_inner().delegations;
            found.into_iter().map(|d| d.subordinate_id).collect()
        }
        "schemas" => {
            let request = pb::ListSchemasRequest { filter, page_token, ..Default::default() };
            let found = records.list_schemas(request).await?.into_inner().schemas;
            found.into_iter().map(|s| format!("{}@{}", s.resource, s.revision)).collect()
        }
        _ => {
            let request = pb::ListCredentialTypesRequest { filter, page_token, ..Default::default() };
            let found = SchemaServiceClient::new(app.channel()).list_credential_types(request).await?;
            found.into_inner().credential_types.into_iter().map(|t| t.resource).collect()
        }
    })
}

/// The same of an answer over REST.
fn shown(list: &str, body: &Value) -> Vec<String> {
    let name = |thing: &Value| match list {
        "delegations" => thing["subordinate_id"].as_str().unwrap_or_default().to_owned(),
        "schemas" => format!("{}@{}", thing["resource"].as_str().unwrap_or_default(), thing["revision"]),
        _ => thing["resource"].as_str().unwrap_or_default().to_owned(),
    };
    body[list.replace('-', "_")].as_array().expect("a list").iter().map(name).collect()
}

async fn fit(app: &TestApp, list: &str, filter: &str, expected: &[&str]) {
    let found = listed(app, list, Asked { filter, token: "" }).await.expect(filter);
    assert_eq!(found, expected, "{filter}");
    let body = app.rest().get(&path_of(list, filter)).await.json();
    assert_eq!(shown(list, &body), expected, "{filter}: {body}");
}

/// Refused at both doors as a fault of the filter; the text has these words.
async fn refused(app: &TestApp, list: &str, filter: &str, words: &[&str]) {
    let refusal = error(&listed(app, list, Asked { filter, token: "" }).await.expect_err(filter));
    assert_eq!((refusal.line().as_str(), refusal.field.as_str()), ("400 INVALID", "filter"), "{filter}");
    let reply = app.rest().get(&path_of(list, filter)).await;
    assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{filter}");
    let problem = reply.json();
    assert_eq!(problem["errors"][0]["pointer"], "/filter", "{problem}");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(words.iter().all(|word| detail.contains(word)), "{filter}: {detail}");
}

/// The first page's token is good for the next one, and for no other filter.
async fn bound(app: &TestApp, list: &str, filter: &str) {
    let first = app.rest().get(&format!("/api/v1/{list}?page_size=1")).await.json();
    let token = first["next_page_token"].as_str().expect("a token");
    let next = app.rest().get(&format!("/api/v1/{list}?page_size=1&page_token={token}")).await.json();
    let rest = listed(app, list, Asked { filter: "", token }).await.expect("the rest");
    assert_eq!(shown(list, &next), rest[..1], "{next}");
    assert!(!shown(list, &first).contains(&rest[0]));
    let other = app.rest().get(&format!("{}&page_token={token}", path_of(list, filter))).await;
    assert_eq!(other.problem(), (400, "INVALID".to_owned()));
    assert_eq!(other.json()["errors"][0]["pointer"], "/page_token");
    let other = error(&listed(app, list, Asked { filter, token }).await.expect_err("of another filter"));
    assert_eq!((other.line().as_str(), other.field.as_str()), ("400 INVALID", "page_token"));
}

#[tokio::test]
async fn delegations_are_found_by_subordinate_state_and_end() {
    let app = TestApp::build().registry(AUTHORITY).under(LEFT, AUTHORITY).under(RIGHT, AUTHORITY);
    let app = app.start().await;
    let registry = app.registry(AUTHORITY);
    registry.delegates(&app.registry(LEFT), &["Degree"]).await;
    let until = app.clock.now().plus(Duration::from_secs(3_600));
    let mut request = registry.delegation(&app.registry(RIGHT), &["Diploma"]);
    request.valid_until = Some(wire(until));
    registry.client().put_delegation(registry.signed(request)).await.expect("made");
    registry.sets(Target::SubordinateId(RIGHT.to_owned()), "SUSPENDED").await;
    for (filter, expected) in [
        ("", &[LEFT, RIGHT][..]),
        ("subordinate_id = \"did:web:left.example\"", &[LEFT]),
        ("subordinate_id = did:web:nobody.example", &[]),
        ("status.state = SUSPENDED", &[RIGHT]),
        ("status.state = ACTIVE", &[LEFT]),
        ("status.state = ACTIVE AND subordinate_id = did:web:right.example", &[]),
        (&format!("valid_until <= {until}"), &[RIGHT]),
        (&format!("valid_until > {until}"), &[]),
    ] {
        fit(&app, "delegations", filter, expected).await;
    }
    let known = ["at character 1:", "`subordinate_id =`", "`status.state =`", "`valid_until <`"];
    refused(&app, "delegations", "country = FI", &known).await;
    refused(&app, "delegations", "valid_until = 1", &known).await;
    refused(&app, "delegations", "subordinate_id = nobody", &["`subordinate_id` must be a DID"]).await;
    refused(&app, "delegations", "status.state = GONE", &["at character 1:", "status.state"]).await;
    bound(&app, "delegations", "status.state = SUSPENDED").await;
}

#[tokio::test]
async fn schemas_are_found_by_resource_deprecation_and_time() {
    let g = Governed::start().await;
    let uri = |name: &str| format!("https://schemas.example/{name}");
    let first = g.app.clock.now();
    enact(&g, publish("Degree", &uri("degree"), &json!({ "required": ["name"] }))).await.expect("published");
    g.app.clock.advance(Duration::from_secs(60));
    enact(&g, publish("Diploma", &uri("diploma"), &json!({ "type": "object" }))).await.expect("published");
    enact(&g, publish("Degree", &uri("degree"), &json!({ "type": "object" }))).await.expect("published");
    let deprecate = Change::DeprecateSchema(pb::DeprecateSchema {
        resource: "Degree".to_owned(),
        revision: 1,
        code: "SUPERSEDED".to_owned(),
        ..Default::default()
    });
    enact(&g, deprecate).await.expect("deprecated");
    for (filter, expected) in [
        ("", &["Degree@1", "Diploma@1", "Degree@2"][..]),
        ("resource = Degree", &["Degree@1", "Degree@2"]),
        ("resource = Nothing", &[]),
        ("deprecated = true", &["Degree@1"]),
        ("deprecated = false", &["Diploma@1", "Degree@2"]),
        ("deprecated = false AND resource = Degree", &["Degree@2"]),
        (&format!("published_at <= {first}"), &["Degree@1"]),
        (&format!("published_at > {first} AND resource = Degree"), &["Degree@2"]),
    ] {
        fit(&g.app, "schemas", filter, expected).await;
    }
    let known = ["`resource =`", "`deprecated =`", "`published_at >=`"];
    refused(&g.app, "schemas", "uri = x", &known).await;
    refused(&g.app, "schemas", "deprecated = maybe", &["`deprecated` must be `true` or `false`"]).await;
    bound(&g.app, "schemas", "deprecated = false").await;
    // What stands beside the filter joins it, once.
    let beside =
        g.app.rest().get(&format!("{}&resource=Degree", path_of("schemas", "deprecated = false"))).await;
    assert_eq!(shown("schemas", &beside.json()), ["Degree@2"]);
    let twice =
        g.app.rest().get(&format!("{}&resource=Degree", path_of("schemas", "resource = Degree"))).await;
    assert_eq!(twice.problem(), (400, "INVALID".to_owned()));
    assert_eq!(twice.json()["errors"][0]["pointer"], "/resource");
}

#[tokio::test]
async fn credential_types_are_found_by_their_names_in_each_format() {
    let g = Governed::start().await;
    let first = g.app.clock.now();
    enact(&g, define("Degree", VCT, DOC, &["urn:degree", "urn:grade"])).await.expect("defined");
    g.app.clock.advance(Duration::from_secs(60));
    enact(&g, define("Diploma", "https://types.example/diploma", "", &[])).await.expect("defined");
    for (filter, expected) in [
        ("", &["Degree", "Diploma"][..]),
        ("resource = Diploma", &["Diploma"]),
        ("vct = \"https://types.example/degree\"", &["Degree"]),
        ("doc_type = org.example.degree.1", &["Degree"]),
        ("vc_type = org.example.degree.1", &[]),
        ("schema_id = org.example.degree.1", &[]),
        ("equivalents:\"urn:grade\"", &["Degree"]),
        ("equivalents:\"urn:grad\"", &[]),
        ("equivalents:\"urn:grade\" AND resource = Diploma", &[]),
        (&format!("defined_at <= {first}"), &["Degree"]),
        (&format!("defined_at > {first}"), &["Diploma"]),
    ] {
        fit(&g.app, "credential-types", filter, expected).await;
    }
    let known =
        ["`resource =`", "`vc_type =`", "`vct =`", "`doc_type =`", "`equivalents :`", "`defined_at <`"];
    refused(&g.app, "credential-types", "name = x", &known).await;
    refused(&g.app, "credential-types", "equivalents = x", &known).await;
    bound(&g.app, "credential-types", "resource = Diploma").await;
}
