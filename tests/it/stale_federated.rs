//! Answers beyond their time: for who accepts them, only a yes, never over what is known.

use std::{sync::Arc, time::Duration};

use charter_proto::charter::{
    federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    registry::v1::set_status_request::Target,
};
use charter_tests::{TestApp, TestClock};
use serde_json::json;

use crate::kept::until;

const ROOT: &str = "did:web:root.example";
const SECTOR: &str = "did:web:sector.example";
const ISSUER: &str = "did:web:university.example";
const REVOKED: &str = "did:web:mill.example";

async fn asks(app: &TestApp, entity: &str, max_staleness_secs: u32) -> fed::ResolveResponse {
    let request = fed::ResolveRequest {
        entity_id: entity.to_owned(),
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        max_staleness_secs,
        ..Default::default()
    };
    let mut client = FederationServiceClient::new(app.channel());
    client.resolve(request).await.expect("a decision").into_inner()
}

#[tokio::test]
async fn a_yes_that_cannot_be_confirmed_is_given_to_who_accepts_it_and_says_so() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let sector = TestApp::build().clock(&clock).under(SECTOR, ROOT).start().await;
    let top = root.registry(ROOT);
    top.delegates(&sector.registry(SECTOR), &["Degree"]).await;
    for entity in [ISSUER, REVOKED] {
        sector.registry(SECTOR).registers(entity).authorized("issue", "Degree").await;
    }
    sector.registry(SECTOR).revokes(REVOKED).await;
    let fresh = asks(&root, ISSUER, 60).await;
    assert_eq!((fresh.reason.as_str(), fresh.stale), ("ACTIVE", false));
    assert_eq!(asks(&root, REVOKED, 60).await.reason, "REVOKED");
    sector.stop().await;
    // Each answer is confirmed alone, the one that was given last for the longest.
    let unverifiable = async |entity| asks(&root, entity, 0).await.reason == "UNVERIFIABLE";
    let lost = async || unverifiable(ISSUER).await && unverifiable(REVOKED).await;
    until(Duration::from_secs(30), "the lease on what the sector said is over", lost).await;
    let stale = asks(&root, ISSUER, 60).await;
    assert_eq!((stale.reason.as_str(), stale.stale), ("ACTIVE", true), "{}", stale.detail);
    assert!(stale.detail.contains("last confirmed"), "{}", stale.detail);
    assert_eq!(stale.chain, fresh.chain, "with its proof");
    let ends = |said: &fed::ResolveResponse| said.expires_at.map(|t| t.seconds);
    assert!(ends(&stale) < ends(&fresh), "for nobody to keep");
    // The lease of two seconds was over, so it is older than one.
    let refused = asks(&root, ISSUER, 1).await;
    assert_eq!((refused.reason.as_str(), refused.stale), ("UNVERIFIABLE", false));
    let denied = asks(&root, REVOKED, 60).await;
    assert_eq!((denied.reason.as_str(), denied.stale), ("UNVERIFIABLE", false), "only a yes");
    let body =
        json!({ "entity_id": ISSUER, "action": "issue", "resource": "Degree", "max_staleness_secs": 60 });
    let said = root.rest().post("/api/v1/resolve", &body).await.json();
    assert_eq!((&said["outcome"], &said["stale"]), (&"yes".into(), &true.into()), "{said}");
    let asking = || root.anonymous().asks(ISSUER, "issue", "Degree");
    let refused = asking().rest().await;
    assert_eq!((refused.line().as_str(), refused.age), ("503 UNVERIFIABLE", None));
    assert_eq!(refused.failing, Some((1, SECTOR.to_owned())));
    for said in
        [asking().with("max_staleness", "60").rest().await, asking().with("max_staleness", "60").grpc().await]
    {
        assert_eq!((said.line().as_str(), said.decided_by.as_str()), ("200 yes ACTIVE", SECTOR));
        assert!(said.age.is_some_and(|age| (1..60).contains(&age)), "{said:?}");
        assert!(said.message.contains("last confirmed"), "{}", said.message);
        assert_eq!(said.context.get("max_staleness").map(String::as_str), Some("60"));
    }
    for said in
        [asking().with("max_staleness", "1").rest().await, asking().with("max_staleness", "0").grpc().await]
    {
        assert_eq!((said.line().as_str(), said.age), ("503 UNVERIFIABLE", None));
    }
    let denied = root.anonymous().asks(REVOKED, "issue", "Degree").with("max_staleness", "60").rest().await;
    assert_eq!(denied.line(), "503 UNVERIFIABLE", "only a yes");
    for bad in ["-1", "+1", "1.5", "", "01", "4294967296"] {
        let said = asking().with("max_staleness", bad).both().await;
        assert_eq!((said.status, said.field.as_str()), (400, "context.max_staleness"), "{bad}");
    }
    // Past the end of its statement it is none: documents live 24 h at most.
    clock.advance(Duration::from_secs(25 * 3_600));
    assert_eq!(asks(&root, ISSUER, 3_600).await.reason, "UNVERIFIABLE");
}

#[tokio::test]
async fn what_is_known_to_have_changed_is_never_served_stale() {
    let root = TestApp::build().registry(ROOT).start().await;
    let sector = TestApp::build().clock(&root.clock).under(SECTOR, ROOT).start().await;
    let top = root.registry(ROOT);
    top.delegates(&sector.registry(SECTOR), &["Degree"]).await;
    sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
    assert_eq!(asks(&root, ISSUER, 0).await.reason, "ACTIVE");
    sector.stop().await;
    let stale = async || asks(&root, ISSUER, 60).await.stale;
    until(Duration::from_secs(30), "it is stale", stale).await;
    top.sets(Target::SubordinateId(SECTOR.to_owned()), "SUSPENDED").await;
    let said = asks(&root, ISSUER, 60).await;
    assert_eq!((said.reason.as_str(), said.stale), ("ANCESTOR_SUSPENDED", false));
    // Nor is it afterwards: the registry has seen a change since.
    top.sets(Target::SubordinateId(SECTOR.to_owned()), "ACTIVE").await;
    let said = asks(&root, ISSUER, 60).await;
    assert_eq!((said.reason.as_str(), said.stale), ("UNVERIFIABLE", false));
}
