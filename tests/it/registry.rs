//! Reading what a registry holds.

use std::collections::BTreeSet;

use charter_proto::charter::registry::v1::{self as pb, registry_service_client::RegistryServiceClient};
use charter_tests::{AUTHORITY, TestApp, ask::error, terminal::Terminal};
use serde_json::Value;
use tonic::{Status, transport::Channel};

use crate::logged;

fn client(app: &TestApp) -> RegistryServiceClient<Channel> {
    RegistryServiceClient::new(app.channel())
}

async fn entities(
    app: &TestApp,
    registry: &str,
    size: i32,
    token: &str,
) -> Result<pb::ListEntitiesResponse, Status> {
    let request = pb::ListEntitiesRequest {
        registry_id: registry.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        ..Default::default()
    };
    client(app).list_entities(request).await.map(tonic::Response::into_inner)
}

fn id(n: usize) -> String {
    format!("did:web:issuer-{n}.example")
}

async fn filled(app: &TestApp, authority: &str, count: usize) {
    let registry = app.registry(authority);
    let rows = (0..count).map(|n| {
        let raw = charter_domain::record::RawRecord {
            identifier: id(n),
            names: [("en".to_owned(), format!("Issuer {n}"))].into(),
            country: "FI".to_owned(),
            accreditation: Some(charter_domain::record::RawAccreditation {
                body: format!("Body {n}"),
                ..Default::default()
            }),
            ..Default::default()
        };
        (u32::try_from(n).expect("small"), raw)
    });
    registry.loads(rows.collect(), false).await.expect("loaded");
}

#[tokio::test]
async fn pages_lead_through_all_entities_once() {
    let app = TestApp::start().await;
    filled(&app, AUTHORITY, 125).await;
    for size in [1, 7, 25, 50, 125, 2_000] {
        let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = entities(&app, "", size, &token).await.expect("a page");
            assert!(page.entities.len() <= usize::try_from(size).expect("positive"));
            seen.extend(page.entities.iter().map(|e| e.identifiers[0].value.clone()));
            pages += 1;
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (125, 125), "size {size}, {pages} pages");
    }
    assert_eq!(entities(&app, "", 0, "").await.expect("a page").entities.len(), 50, "the default");
}

#[tokio::test]
async fn page_tokens_that_this_list_did_not_give_are_refused() {
    const OTHER: &str = "did:web:other.example";
    let app = TestApp::build().registry(AUTHORITY).registry(OTHER).start().await;
    filled(&app, AUTHORITY, 10).await;
    let token = entities(&app, AUTHORITY, 5, "").await.expect("a page").next_page_token;
    let mut flipped = token.clone().into_bytes();
    flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    for (registry, bad) in [
        (AUTHORITY, "x"),
        (AUTHORITY, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        (AUTHORITY, flipped.as_str()),
        (AUTHORITY, &token[..token.len() - 1]),
        (AUTHORITY, &"A".repeat(2_000)),
        (OTHER, token.as_str()),
    ] {
        let said = error(&entities(&app, registry, 5, bad).await.expect_err("refused"));
        assert_eq!((said.line().as_str(), said.field.as_str()), ("400 INVALID", "page_token"), "{bad}");
    }
    let request = pb::ListAccreditationsRequest { page_size: 5, page_token: token, ..Default::default() };
    assert!(client(&app).list_accreditations(request).await.is_err(), "a token of another list");
    let said = error(&entities(&app, "", -1, "").await.expect_err("refused"));
    assert_eq!((said.line().as_str(), said.field.as_str()), ("400 INVALID", "page_size"));
}

#[tokio::test]
async fn what_was_loaded_is_read_back() {
    let app = TestApp::start().await;
    filled(&app, AUTHORITY, 3).await;
    let mut client = client(&app);
    let registry = client.get_registry(pb::GetRegistryRequest::default()).await.expect("one");
    let registry = registry.into_inner().registry.expect("one");
    assert_eq!((registry.authority_id.as_str(), registry.phase.as_str()), (AUTHORITY, "BOOTSTRAP"));
    assert!(registry.epoch > 0);
    let request = pb::GetEntityRequest { entity_id: id(1), ..Default::default() };
    let entity = client.get_entity(request).await.expect("one").into_inner().entity.expect("one");
    assert_eq!(entity.names.get("en").map(String::as_str), Some("Issuer 1"));
    assert_eq!(entity.status.expect("a status").state, "ACTIVE");
    let accreditation_id = entity.accreditations[0].accreditation_id.clone();
    let request = pb::GetAccreditationRequest { registry_id: String::new(), accreditation_id };
    let found = client.get_accreditation(request).await.expect("one").into_inner().accreditation;
    assert_eq!(found.expect("one").body, "Body 1");
    let list = client.list_accreditations(pb::ListAccreditationsRequest::default()).await.expect("a page");
    assert_eq!(list.into_inner().accreditations.len(), 3);
}

#[tokio::test]
async fn how_much_of_its_log_is_published_is_seen_at_every_door() {
    let app = TestApp::start().await;
    logged::loads(&app, AUTHORITY, 0, 3).await;
    let size = logged::published(&app, AUTHORITY).await.size;
    logged::hold(&app);
    logged::loads(&app, AUTHORITY, 3, 1).await;
    let epoch = size + 2;
    let reply = client(&app).get_registry(pb::GetRegistryRequest::default()).await.expect("one");
    let found = reply.into_inner().registry.expect("one");
    assert_eq!((found.epoch.unsigned_abs(), found.published_size.unsigned_abs()), (epoch, size));
    let rest = app.rest().get("/api/v1/registry").await.json();
    let args = ["registry", "show", "-o", "json", "--server", &app.url()];
    let said = Terminal::default().charter(&args).await;
    assert_eq!(said.code, 0, "{said:?}");
    let shown: Value = serde_json::from_str(&said.out).expect("JSON");
    for door in [&rest, &shown] {
        assert_eq!((&door["epoch"], &door["published_size"]), (&epoch.into(), &size.into()), "{door}");
    }
    let list = app.rest().get("/api/v1/registries").await.json();
    assert_eq!(list["registries"][0]["published_size"], size);
}

#[tokio::test]
async fn schemas_are_published_under_their_hash_and_make_their_type_known() {
    let app = TestApp::start().await;
    filled(&app, AUTHORITY, 1).await;
    let registry = app.registry(AUTHORITY);
    let put = |schema_json: &str| {
        registry.signed(pb::PutSchemaRequest {
            registry_id: String::new(),
            resource: "Degree".to_owned(),
            uri: "https://schemas.example/degree".to_owned(),
            schema_json: schema_json.to_owned(),
            ..Default::default()
        })
    };
    let spaced = registry.client().put_schema(put("{ \"type\" :\"object\", \"a\":1}")).await;
    let dense = registry.client().put_schema(put("{\"a\":1,\"type\":\"object\"}")).await;
    let (spaced, dense) = (spaced.expect("put").into_inner(), dense.expect("put").into_inner());
    assert_eq!(spaced.sha256, dense.sha256, "the canonical bytes are hashed");
    for bad in ["", "[]", "{\"a\":1,\"a\":2}", "{"] {
        let status = registry.client().put_schema(put(bad)).await.expect_err("refused");
        assert_eq!(error(&status).line(), "400 INVALID", "{bad}");
    }
    let request = pb::GetSchemaRequest { resource: "Degree".to_owned(), ..Default::default() };
    let found = client(&app).get_schema(request).await.expect("one").into_inner().schema.expect("one");
    assert_eq!(found.sha256, spaced.sha256);
    let list = client(&app).list_schemas(pb::ListSchemasRequest::default()).await.expect("a page");
    assert!(!list.into_inner().schemas.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_no_id_is_invalid() {
    let app = TestApp::start().await;
    let get = async |registry: &str, entity: &str| {
        let (registry_id, entity_id) = (registry.to_owned(), entity.to_owned());
        let request = pb::GetEntityRequest { registry_id, entity_id, ..Default::default() };
        error(&client(&app).get_entity(request).await.expect_err("refused")).line()
    };
    assert_eq!(get("", "did:web:nobody.example").await, "404 UNKNOWN_ENTITY");
    assert_eq!(get("did:web:nowhere.example", "did:web:a.example").await, "404 NOT_FOUND");
    assert_eq!(get("", "").await, "400 INVALID");
    assert_eq!(get("", &"a".repeat(2_049)).await, "400 INVALID");
    let accreditation = async |id: &str| {
        let request =
            pb::GetAccreditationRequest { registry_id: String::new(), accreditation_id: id.to_owned() };
        error(&client(&app).get_accreditation(request).await.expect_err("refused")).line()
    };
    assert_eq!(accreditation("7").await, "400 INVALID");
    assert_eq!(accreditation("00000000-0000-0000-0000-000000000000").await, "404 NOT_FOUND");
    let request = pb::GetSchemaRequest { resource: "Nothing".to_owned(), ..Default::default() };
    let status = client(&app).get_schema(request).await.expect_err("refused");
    assert_eq!(error(&status).line(), "404 NOT_FOUND");
}

#[tokio::test]
async fn pages_of_registries_lead_through_all_of_them() {
    let mut build = TestApp::build();
    for n in 0..5 {
        build = build.registry(&format!("did:web:r{n}.example"));
    }
    let app = build.start().await;
    let (mut token, mut seen) = (String::new(), BTreeSet::new());
    loop {
        let request = pb::ListRegistriesRequest { page_size: 2, page_token: token };
        let page = client(&app).list_registries(request).await.expect("a page").into_inner();
        seen.extend(page.registries.into_iter().map(|r| r.authority_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
}
