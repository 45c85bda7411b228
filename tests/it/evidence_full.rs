//! Evidence `full`: the event of the leaf statement, its proof in the log, and the configuration that names the log's
//! key; across the federation too.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use charter_proto::{
    charter::federation::v1::{self as fed, federation_service_client::FederationServiceClient},
    trqp::v2::{self as trqp, trust_registry_query_service_client::TrustRegistryQueryServiceClient},
};
use charter_tests::{AUTHORITY, Asking, TestApp, TestClock, ask};
use charter_tlog::{hash, log_proof::LogProof, note::Vkey, proof::verify_inclusion};
use serde_json::{Value, json};

use crate::{
    kept::until,
    logged::{hold, published, release},
};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const SECTOR: &str = "did:web:sector.example";
const ISSUER: &str = "did:web:university.example";

fn payload(jws: &str) -> Value {
    let bytes = charter_signing::jws::peek(jws).expect("a JWS");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The same evidence over REST and gRPC, TRQP and native.
async fn evidence(asking: &Asking<'_>) -> Value {
    let asking = asking.clone().with("evidence", "full");
    let reply = asking.app.rest().post("/authorization", &asking.json()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rest = reply.json()["evidence"].clone();
    let mut client = TrustRegistryQueryServiceClient::new(asking.app.channel());
    let said = client.authorization(ask::request(&asking)).await.expect("answered").into_inner();
    let trqp::Evidence { event, log_proof, pending, configuration, .. } = said.evidence.expect("evidence");
    let text = |name: &str| rest[name].as_str().unwrap_or_default().to_owned();
    assert_eq!([event, log_proof, configuration], ["event", "log_proof", "configuration"].map(text));
    assert_eq!(pending, rest["pending"] == true);
    let question = json!({
        "authority_id": asking.authority, "entity_id": asking.entity, "action": asking.action,
        "resource": asking.resource, "context": asking.context,
    });
    let native = asking.app.rest().post("/api/v1/resolve", &question).await.json();
    let native = native["log_evidence"].clone();
    let request = fed::ResolveRequest {
        authority_id: asking.authority.clone(),
        entity_id: asking.entity.clone(),
        action: asking.action.clone(),
        resource: asking.resource.clone(),
        context: asking.context.clone().into_iter().collect(),
        ..Default::default()
    };
    let mut client = FederationServiceClient::new(asking.app.channel());
    let said = client.resolve(request).await.expect("answered").into_inner();
    let over_grpc =
        said.log_evidence.map(|e| (URL_SAFE_NO_PAD.encode(e.event), e.log_proof, e.configuration));
    // A no has a chain too, to its denial; an event only a statement has.
    if rest["event"].is_string() {
        assert_eq!(native["event"], rest["event"]);
        assert_eq!(native["log_proof"], rest["log_proof"]);
        assert_eq!(over_grpc, Some((text("event"), text("log_proof"), text("configuration"))));
    } else {
        assert_eq!((native, over_grpc), (Value::Null, None));
    }
    rest
}

/// The event is the one that the leaf statement names, and it is in the log that the configuration names.
fn proven(evidence: &Value) -> u64 {
    let event = URL_SAFE_NO_PAD.decode(evidence["event"].as_str().expect("an event")).expect("base64url");
    let body: Value = serde_json::from_slice(&event).expect("JSON");
    let leaf = payload(evidence["chain"][0].as_str().expect("a leaf"));
    assert_eq!((&body["kind"], &body["seq"]), (&"StatementMade".into(), &leaf["seq"]));
    let configuration = payload(evidence["configuration"].as_str().expect("a configuration"));
    assert_eq!(configuration["iss"], leaf["iss"]);
    let log = &configuration["metadata"]["trust_registry"]["log"];
    let vkey: Vkey = log["vkey"].as_str().expect("a key").parse().expect("a verifier key");
    let proof: LogProof = evidence["log_proof"].as_str().expect("a proof").parse().expect("a proof");
    proof.checkpoint().verify_log(&vkey).expect("signed by the log");
    let tree = proof.checkpoint().checkpoint();
    assert_eq!(log["origin"], tree.origin());
    assert_eq!(leaf["seq"], proof.index() + 1);
    let hashed = hash::leaf(&event);
    verify_inclusion(hashed, proof.index(), tree.size(), proof.hashes(), tree.root()).expect("proven");
    tree.size()
}

#[tokio::test]
async fn a_yes_brings_the_event_of_its_statement_and_the_proof_of_it() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    published(&app, AUTHORITY).await;
    hold(&app);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let asking = app.anonymous().asks(ISSUER, "issue", "Degree");
    let early = evidence(&asking).await;
    assert_eq!((&early["pending"], early.get("log_proof")), (&true.into(), None));
    assert!(early["event"].is_string() && early["configuration"].is_string(), "{early}");
    release(&app);
    let size = published(&app, AUTHORITY).await.size;
    let proof = evidence(&asking).await;
    assert_eq!(proof.get("pending"), None);
    assert_eq!(proven(&proof), size);
    assert_eq!(proof["event"], early["event"]);
    let served = app.rest().get("/.well-known/openid-federation").await.text();
    assert_eq!(proof["configuration"], served);
    // Newer proofs follow the log, though the answer is kept.
    registry.registers("did:web:other.example").authorized("issue", "Degree").await;
    let later = published(&app, AUTHORITY).await.size;
    assert_eq!(proven(&evidence(&asking).await), later);
    let chain = asking.clone().with("evidence", "chain").json();
    let short = app.rest().post("/authorization", &chain).await.json();
    for member in ["event", "log_proof", "pending", "configuration"] {
        assert_eq!(short["evidence"].get(member), None, "only with `full`");
    }
    registry.revokes(ISSUER).await;
    let negative = evidence(&asking).await;
    assert_eq!((negative.get("event"), negative.get("pending")), (None, None), "a no rests on no statement");
}

#[tokio::test]
async fn evidence_travels_up_the_federation() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let nation = TestApp::build().clock(&clock).under(NATION, ROOT).start().await;
    let sector = TestApp::build().clock(&clock).under(SECTOR, NATION).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    nation.registry(NATION).delegates(&sector.registry(SECTOR), &["Degree"]).await;
    published(&sector, SECTOR).await;
    hold(&sector);
    sector.registry(SECTOR).registers(ISSUER).authorized("issue", "Degree").await;
    let asking = root.anonymous().asks(ISSUER, "issue", "Degree");
    let early = evidence(&asking).await;
    assert_eq!((&early["pending"], early.get("log_proof")), (&true.into(), None), "{early}");
    let log = async || root.rest().post("/authorization", &asking.json()).await.json()["meta"]["log"].clone();
    assert_eq!(log().await, "PENDING");
    release(&sector);
    let size = published(&sector, SECTOR).await.size;
    assert_eq!(proven(&evidence(&asking).await), size);
    let served = sector.rest().get("/.well-known/openid-federation").await.text();
    assert_eq!(evidence(&asking).await["configuration"], served);
    // The root learns with the next poll of epochs, though its answer is kept.
    until(Duration::from_secs(60), "published", async || log().await == "PUBLISHED").await;
    let question = json!({ "entity_id": ISSUER, "action": "issue", "resource": "Degree" });
    let native = root.rest().post("/api/v1/resolve", &question).await.json();
    let own = published(&root, ROOT).await.size;
    assert_eq!(native["published_size"], own, "the asked registry's own");
    let steps = native["path"].as_array().expect("a path");
    let of = |authority: &str| steps.iter().find(|s| s["authority_id"] == authority).expect("a step");
    assert_eq!(of(SECTOR)["published_size"], size);
    // Who is gone takes nothing away from the answer but its proof.
    sector.stop().await;
    let reply = root.rest().post("/authorization", &asking.clone().with("evidence", "full").json()).await;
    if reply.status == 200 {
        assert_eq!(reply.json()["evidence"]["pending"], true, "{}", reply.text());
    } else {
        assert_eq!(reply.problem().1, "UNVERIFIABLE", "no longer kept");
    }
}

#[tokio::test]
async fn evidence_is_had_of_events_that_there_are() {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    published(&app, AUTHORITY).await;
    let mut client = FederationServiceClient::new(app.channel());
    let mut asked = async |via: &[&str], seq: i64| {
        let via = via.iter().map(|a| (*a).to_owned()).collect();
        let said = client.get_log_evidence(fed::GetLogEvidenceRequest { via, seq }).await;
        said.map(|r| r.into_inner().log_evidence.expect("evidence")).map_err(|s| ask::error(&s).line())
    };
    let first = asked(&[], 1).await.expect("the first event");
    let proof: LogProof = first.log_proof.parse().expect("a proof");
    assert_eq!((proof.index(), first.pending), (0, false));
    let long = ["did:web:a.example"; 20];
    for (via, seq, line) in [
        (&[][..], 0, "400 INVALID"),
        (&[][..], -1, "400 INVALID"),
        (&[][..], 9_999, "404 NOT_FOUND"),
        (&["did:web:nobody.example"][..], 1, "404 NOT_FOUND"),
        (&["no DID"][..], 1, "400 INVALID"),
        (&long[..], 1, "400 INVALID"),
    ] {
        assert_eq!(asked(via, seq).await.expect_err("refused"), line, "{via:?} {seq}");
    }
}
