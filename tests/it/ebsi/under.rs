//! Subordinates: what a superior accredits, what a subordinate's issuers rest on, and a walk of the whole by the judge of
//! EBSI's registries.

use std::time::Duration;

use charter_domain::{AuthorityId, time::Clock as _};
use charter_federation::protocol::ebsi::{Clause, Fetch, Fetched, Registry, judge};
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_tests::{AUTHORITY, Rest, TestApp};
use serde_json::{Value, json};

use super::{DIDR, FINLAND, TIR, UNIVERSITY, attribute, read, verified};

const TENANT: &str = "did:web:tenant.example";
/// Where the tenant is on the same listener.
const SLUG: &str = "/r/r1";

async fn started(resources: &[&str]) -> TestApp {
    let app = TestApp::build().registry(AUTHORITY).under(TENANT, AUTHORITY).reachable().start().await;
    let tenant = app.registry(TENANT);
    app.registry(AUTHORITY).delegates(&tenant, resources).await;
    tenant.registers(UNIVERSITY).authorized("issue", "Degree").await;
    app
}

/// What the tenant answers.
async fn at_tenant(app: &TestApp, path: &str) -> Value {
    read(&app.rest(), &format!("{SLUG}{path}")).await
}

#[tokio::test]
async fn a_subordinate_is_accredited_above_and_its_issuers_rest_on_that() {
    let app = started(&["Degree", "Diploma"]).await;
    let rest = app.rest();
    let list = read(&rest, &format!("{TIR}/issuers")).await;
    assert_eq!((&list["total"], &list["items"][1]["did"]), (&json!(2), &json!(TENANT)));
    let own = attribute(&rest, TENANT).await;
    let document = read(&rest, "/.well-known/did.json").await;
    let accredited = verified(&own, &document);
    assert_eq!((&own["issuerType"], &own["rootTao"]), (&json!("TAO"), &json!(AUTHORITY)));
    assert_eq!(accredited["vc"]["type"][3], "VerifiableAccreditationToAccredit");
    let lines = accredited["vc"]["credentialSubject"]["accreditedFor"].as_array().expect("lines");
    let types: Vec<&str> = lines.iter().filter_map(|line| line["types"][2].as_str()).collect();
    assert_eq!(
        (types.as_slice(), &lines[0]["limitJurisdiction"]),
        (&["Degree", "Diploma"][..], &json!(FINLAND))
    );
}

#[tokio::test]
async fn an_issuer_of_a_subordinate_names_its_root_and_the_ground_above() {
    let app = started(&["Degree"]).await;
    let listed = at_tenant(&app, &format!("{TIR}/issuers/{UNIVERSITY}/attributes")).await;
    let id = listed["items"][0]["id"].as_str().expect("an id");
    let found = at_tenant(&app, &format!("{TIR}/issuers/{UNIVERSITY}/attributes/{id}")).await;
    let claims = verified(&found["attribute"], &at_tenant(&app, "/.well-known/did.json").await);
    let parties = (&found["attribute"]["tao"], &found["attribute"]["rootTao"]);
    assert_eq!(parties, (&json!(TENANT), &json!(AUTHORITY)));
    let ground = claims["vc"]["termsOfUse"][0]["id"].as_str().expect("a link");
    let path = ground.strip_prefix(&app.url()).expect("of the superior");
    let above = read(&app.rest(), path).await;
    assert_eq!((&above["did"], &above["attribute"]["issuerType"]), (&json!(TENANT), &json!("TAO")));
    // Of itself it says nothing: who accredited it does.
    let own = at_tenant(&app, &format!("{TIR}/issuers/{TENANT}")).await;
    assert_eq!(own["hasAttributes"], false);
}

#[tokio::test]
async fn a_delegation_that_is_suspended_or_revoked_is_revoked_there() {
    let app = started(&["Degree"]).await;
    app.clock.advance(Duration::from_secs(100));
    let (rest, registry) = (app.rest(), app.registry(AUTHORITY));
    let at = app.clock.now().secs();
    registry.sets(Target::SubordinateId(TENANT.to_owned()), "SUSPENDED").await;
    let found = attribute(&rest, TENANT).await;
    let claims = verified(&found, &read(&rest, "/.well-known/did.json").await);
    assert_eq!((&found["issuerType"], &claims["exp"]), (&json!("Revoked"), &json!(at)));
    let document = read(&rest, &format!("{DIDR}/identifiers/{TENANT}")).await;
    assert_eq!(document["verificationMethod"], json!([]), "who may not speak has no keys here");
}

#[tokio::test]
async fn a_pattern_is_spelled_out_with_what_is_known_and_never_written_as_it_is() {
    let app = started(&["*"]).await;
    let rest = app.rest();
    assert_eq!(read(&rest, &format!("{TIR}/issuers/{TENANT}")).await["hasAttributes"], false);
    app.registry(AUTHORITY).registers("did:web:other.example").authorized("issue", "Diploma").await;
    let found = attribute(&rest, TENANT).await;
    let claims = verified(&found, &read(&rest, "/.well-known/did.json").await);
    let lines = claims["vc"]["credentialSubject"]["accreditedFor"].as_array().expect("lines");
    assert_eq!((lines.len(), &lines[0]["types"][2]), (1, &json!("Diploma")));
    assert!(!claims.to_string().contains("\"*\""));
}

struct Loopback(Rest, String);

#[tonic::async_trait]
impl Fetch for Loopback {
    async fn get(&self, url: &str, _: &'static str) -> Result<Fetched, String> {
        let path = url.strip_prefix(&self.1).ok_or("another host")?;
        let reply = self.0.get(path).await;
        Ok(Fetched { status: reply.status, body: reply.body.to_vec() })
    }
}

#[tokio::test]
async fn the_judge_of_ebsis_registries_walks_from_a_subordinate_to_the_root() {
    let app = started(&["Degree"]).await;
    let fetch = Loopback(app.rest(), app.url());
    let did = |text: &str| AuthorityId::parse(text).expect("a DID");
    let registry = Registry { base: app.url(), root: did(AUTHORITY) };
    let judged = judge(&fetch, &registry, &did(TENANT), app.clock.now()).await.expect("accredited");
    assert_eq!((judged.accredited.len(), judged.accredited[0].links.len()), (1, 2));
    assert!(judged.accredited[0].may_accredit);
    app.clock.advance(Duration::from_secs(10));
    app.registry(AUTHORITY).sets(Target::SubordinateId(TENANT.to_owned()), "REVOKED").await;
    let fault = judge(&fetch, &registry, &did(TENANT), app.clock.now()).await.expect_err("revoked");
    assert_eq!(fault.clause, Clause::Signature, "{fault:?}");
}
