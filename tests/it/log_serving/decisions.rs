//! Decisions say how much is published and whether what they rest on is, in kept answers too.

use charter_proto::{
    charter::federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    trqp::v2::{
        self as trqp, batch_item::Result as Item,
        trust_registry_query_service_client::TrustRegistryQueryServiceClient,
    },
};
use charter_tests::{AUTHORITY, Asking, TestApp, ask};
use serde_json::json;

use crate::logged::{hold, loads, published, release};

const ISSUER: &str = "did:web:issuer-1.example";

/// Published size and state of the log, of every door and form.
async fn said(asking: &Asking<'_>) -> Vec<(i64, String)> {
    let rest = asking.app.rest();
    let of = |value: &serde_json::Value| {
        let log = value["log"].as_str().unwrap_or_default().to_owned();
        (value["published_size"].as_i64().expect("a size"), log)
    };
    let mut all = vec![of(&rest.post("/authorization", &asking.json()).await.json()["meta"])];
    // A question with a context is not answered from prepared bytes.
    let long = asking.clone().with("evidence", "chain").json();
    all.push(of(&rest.post("/authorization", &long).await.json()["meta"]));
    let question =
        json!({ "entity_id": asking.entity, "action": asking.action, "resource": asking.resource });
    let native = rest.post("/api/v1/resolve", &question).await.json();
    all.push(of(&native));
    assert_eq!(native["path"][0]["published_size"], native["published_size"]);
    let meta = |meta: trqp::Meta| (meta.published_size, meta.log);
    let mut client = TrustRegistryQueryServiceClient::new(asking.app.channel());
    let one = client.authorization(ask::request(asking)).await.expect("answered").into_inner();
    all.push(meta(one.meta.expect("meta")));
    let requests = vec![ask::request(asking)];
    let batch = client.batch_authorization(trqp::BatchAuthorizationRequest { requests }).await;
    let Some(Item::Response(item)) = batch.expect("answered").into_inner().items.remove(0).result else {
        unreachable!("one answer")
    };
    all.push(meta(item.meta.expect("meta")));
    let request = fed::ResolveRequest {
        authority_id: asking.authority.clone(),
        entity_id: asking.entity.clone(),
        action: asking.action.clone(),
        resource: asking.resource.clone(),
        ..Default::default()
    };
    let mut client = FederationServiceClient::new(asking.app.channel());
    let reply = client.resolve(request).await.expect("answered").into_inner();
    assert_eq!(reply.path[0].published_size, reply.published_size);
    all.push((reply.published_size, reply.log));
    all
}

#[tokio::test]
async fn a_yes_is_pending_until_its_event_is_published() {
    let app = TestApp::start().await;
    let before = published(&app, AUTHORITY).await.size;
    let before = i64::try_from(before).expect("small");
    hold(&app);
    loads(&app, AUTHORITY, 1, 1).await;
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    for _ in 0..2 {
        assert_eq!(said(&asking).await, vec![(before, "PENDING".to_owned()); 6], "kept or not");
    }
    release(&app);
    let after = i64::try_from(published(&app, AUTHORITY).await.size).expect("small");
    assert_eq!(after, before + 2);
    assert_eq!(said(&asking).await, vec![(after, "PUBLISHED".to_owned()); 6], "though it was kept before");
    // Something else is written: this statement stays published, and the size does not go back.
    hold(&app);
    loads(&app, AUTHORITY, 2, 1).await;
    assert_eq!(said(&asking).await, vec![(after, "PUBLISHED".to_owned()); 6]);
}

/// A revocation takes effect at once; that its event is not published yet is said.
#[tokio::test]
async fn a_revocation_does_not_wait_for_the_log() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 1, 1).await;
    let size = i64::try_from(published(&app, AUTHORITY).await.size).expect("small");
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    assert_eq!(said(&asking).await, vec![(size, "PUBLISHED".to_owned()); 6]);
    hold(&app);
    app.registry(AUTHORITY).revokes(ISSUER).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
    assert_eq!(said(&asking).await, vec![(size, "PENDING".to_owned()); 6]);
    release(&app);
    published(&app, AUTHORITY).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
    assert_eq!(said(&asking).await, vec![(size + 1, "PUBLISHED".to_owned()); 6]);
}
