//! Batches: one to a hundred questions, each with an outcome of its own.

use charter_proto::trqp::v2::{
    self as pb, batch_item::Result as Item,
    trust_registry_query_service_client::TrustRegistryQueryServiceClient,
};
use charter_tests::{AUTHORITY, TestApp, ask};

async fn batch(app: &TestApp, requests: Vec<pb::AuthorizationRequest>) -> Result<Vec<pb::BatchItem>, String> {
    let mut client = TrustRegistryQueryServiceClient::new(app.channel());
    let reply = client.batch_authorization(pb::BatchAuthorizationRequest { requests }).await;
    reply.map(|r| r.into_inner().items).map_err(|s| ask::error(&s).line())
}

#[tokio::test]
async fn each_question_of_a_batch_has_its_own_outcome_in_order() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let one = |entity: &str| ask::request(&app.anonymous().asks(entity, "issue", "Degree"));
    let mut requests = vec![one(&issuer), one("did:web:stranger.example"), one("not a uri"), one("")];
    requests.extend(std::iter::repeat_n(one(&issuer), 96));
    let items = batch(&app, requests).await.expect("a hundred are accepted");
    assert_eq!(items.len(), 100);
    let outcome = |item: &pb::BatchItem| match &item.result {
        Some(Item::Response(r)) => ask::authorized(r.clone()).line(),
        Some(Item::Error(e)) => format!("{} {}", e.code, e.field),
        None => String::new(),
    };
    let first: Vec<String> = items.iter().take(4).map(outcome).collect();
    assert_eq!(
        first,
        ["200 yes ACTIVE", "UNKNOWN_ENTITY entity_id", "INVALID entity_id", "INVALID entity_id"]
    );
    assert!(items.iter().skip(4).all(|i| outcome(i) == "200 yes ACTIVE"));
}

#[tokio::test]
async fn an_empty_batch_and_one_of_a_hundred_and_one_are_refused() {
    let app = TestApp::start().await;
    let one = ask::request(&app.anonymous().asks("did:web:a.example", "issue", "Degree"));
    for size in [0, 101] {
        let refused = batch(&app, vec![one.clone(); size]).await.expect_err("refused");
        assert_eq!(refused, "400 INVALID", "{size}");
    }
}
