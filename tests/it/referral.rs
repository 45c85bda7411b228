//! Mode `REFER`: whom to ask, with the signed statement about each, and nobody is asked.

use charter_proof::SubordinateStatement;
use charter_proto::charter::{
    federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    registry::v1::set_status_request::Target,
};
use charter_tests::TestApp;
use serde_json::json;

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const ISSUER: &str = "did:web:university.example";

fn question(entity: &str, mode: fed::ResolveMode) -> fed::ResolveRequest {
    fed::ResolveRequest {
        entity_id: entity.to_owned(),
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        mode: mode.into(),
        ..Default::default()
    }
}

async fn refers(app: &TestApp, entity: &str) -> fed::ResolveResponse {
    let mut client = FederationServiceClient::new(app.channel());
    let request = question(entity, fed::ResolveMode::Refer);
    client.resolve(request).await.expect("a decision").into_inner()
}

#[tokio::test]
async fn a_referral_is_signed_and_nobody_is_asked_for_it() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().under(NATION, ROOT).start().await;
    let (top, below) = (root.registry(ROOT), nation.registry(NATION));
    top.delegates(&below, &["Degree"]).await;
    below.registers(ISSUER).authorized("issue", "Degree").await;
    let url = nation.url();
    nation.stop().await;
    let said = refers(&root, ISSUER).await;
    assert_eq!((said.outcome(), said.reason.as_str()), (fed::Outcome::Indeterminate, "UNVERIFIABLE"));
    assert_eq!(said.detail, format!("ask {NATION}"));
    let [referral] = &said.referrals[..] else { panic!("{:?}", said.referrals) };
    assert_eq!((referral.authority_id.as_str(), &referral.endpoint), (NATION, &url));
    let hosted = &root.app.hosted;
    let tenant = hosted.tenant(hosted.by_authority(ROOT).expect("served")).expect("served");
    let keys = tenant.ring().listed(root.app.store.now()).expect("keys");
    let statement = SubordinateStatement::parse_verified(&referral.subordinate_statement, &keys)
        .expect("signed by the root");
    assert_eq!(statement.iss, tenant.registry.entity_identifier);
    assert_eq!(statement.metadata.trust_registry.authority_id.as_str(), NATION);
    // The same over REST.
    let asked = json!({ "entity_id": ISSUER, "action": "issue", "resource": "Degree", "mode": "refer" });
    let body = root.rest().post("/api/v1/resolve", &asked).await.json();
    assert_eq!((&body["outcome"], &body["reason"]), (&"indeterminate".into(), &"UNVERIFIABLE".into()));
    assert_eq!(body["referrals"][0]["subordinate_statement"], referral.subordinate_statement);
    // Nobody else can know of this.
    let mut unknown = question(ISSUER, fed::ResolveMode::Refer);
    "Licence".clone_into(&mut unknown.resource);
    let said = FederationServiceClient::new(root.channel()).resolve(unknown).await.expect("a decision");
    let said = said.into_inner();
    assert_eq!((said.outcome(), said.referrals.len()), (fed::Outcome::No, 0), "{said:?}");
}

#[tokio::test]
async fn own_records_decide_where_they_can_and_a_suspended_subordinate_is_nobody_to_ask() {
    let root = TestApp::build().registry(ROOT).start().await;
    let nation = TestApp::build().under(NATION, ROOT).start().await;
    let top = root.registry(ROOT);
    top.delegates(&nation.registry(NATION), &["Degree"]).await;
    top.registers(ISSUER).authorized("issue", "Degree").await;
    let said = refers(&root, ISSUER).await;
    assert_eq!((said.outcome(), said.reason.as_str()), (fed::Outcome::Yes, "ACTIVE"));
    assert_eq!((said.chain.len(), said.referrals.len()), (2, 1), "proven, and who else may know");
    top.revokes(ISSUER).await;
    assert_eq!(refers(&root, ISSUER).await.reason, "REVOKED", "a denial overrides whatever is said below");
    top.sets(Target::SubordinateId(NATION.to_owned()), "SUSPENDED").await;
    let said = refers(&root, "did:web:other.example").await;
    assert_eq!((said.reason.as_str(), said.referrals.len()), ("ANCESTOR_SUSPENDED", 0));
}
