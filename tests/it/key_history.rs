//! Keys of entities, and whether a signature counts that says when it was made.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{
    self as pb, key_service_client::KeyServiceClient, propose_request::Change,
    registry_service_client::RegistryServiceClient,
};
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tests::governed::{Governed, ISSUER};
use serde_json::{Value, json};

use crate::{
    governance::said,
    key::{DAY, by_security, keys, kid, rotates, stamp},
};

fn jwk(kid: Option<&str>) -> String {
    let key = SoftwareSigner::generate(Algorithm::Es256).expect("a key").key().clone();
    let mut jwk = key.to_jwk();
    match kid {
        Some(kid) => jwk["kid"] = kid.into(),
        None => drop(jwk.as_object_mut().expect("members").shift_remove("kid")),
    }
    jwk.to_string()
}

fn sha256(text: &str) -> String {
    charter_store::credential::hash(text).map(|b| format!("{b:02x}")).concat()
}

async fn two(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("olga").proposes(change).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved")
}

fn add(jwk_json: String, valid_from: Option<prost_types::Timestamp>) -> Change {
    let entity_id = ISSUER.to_owned();
    Change::AddEntityKey(pb::AddEntityKey { entity_id, jwk_json, valid_from, valid_until: None })
}

/// Asked at both doors, which say the same.
async fn verdict(
    g: &Governed,
    entity: &str,
    kid: &str,
    claimed: Option<prost_types::Timestamp>,
    sha256: &str,
) -> String {
    let request = pb::CheckKeyRequest {
        entity_id: entity.to_owned(),
        kid: kid.to_owned(),
        claimed_at: claimed,
        sha256: sha256.to_owned(),
        ..Default::default()
    };
    let reply =
        KeyServiceClient::new(g.app.channel()).check_key(request).await.expect("checked").into_inner();
    let at = claimed.map(|t| charter_domain::Timestamp::from_secs(t.seconds).to_string()).unwrap_or_default();
    let escaped = kid.replace('#', "%23");
    let path = format!("/api/v1/keys:check?kid={escaped}&entity_id={entity}&claimed_at={at}&sha256={sha256}");
    let other: Value = g.app.rest().get(&path).await.json();
    assert_eq!((&other["verdict"], &other["accepted"]), (&json!(reply.verdict), &json!(reply.accepted)));
    assert_eq!(reply.accepted, reply.verdict == "ACCEPTED");
    reply.verdict
}

/// The drill for an issuer's key: its next one is announced ahead, the present one is stolen.
#[tokio::test]
async fn a_stolen_key_of_an_issuer_counts_for_nothing_but_what_is_proven_to_be_older() {
    let g = Governed::start().await;
    two(&g, add(jwk(Some("did:web:university.example#1")), None)).await;
    two(&g, add(jwk(None), stamp(&g, 10 * DAY))).await;
    let request = pb::GetEntityRequest { entity_id: ISSUER.to_owned(), ..Default::default() };
    let shown = RegistryServiceClient::new(g.app.channel()).get_entity(request).await.expect("read");
    let shown = shown.into_inner().entity.expect("an entity").keys;
    let states: Vec<_> = shown.iter().map(|k| k.state.as_str()).collect();
    assert_eq!(
        (states, shown[0].kid.as_str()),
        (vec!["ACTIVE", "ANNOUNCED"], "did:web:university.example#1")
    );
    let (present, next) = (shown[0].kid.as_str(), shown[1].kid.as_str());
    g.app.clock.advance(DAY);
    let diploma = sha256("a diploma, signed");
    let evidence = pb::RecordEvidence { sha256: diploma.clone(), entity_id: ISSUER.to_owned() };
    let recorded = two(&g, Change::RecordEvidence(evidence)).await;
    assert_eq!(recorded.measure, "RECORD_EVIDENCE");
    let early = stamp(&g, Duration::ZERO);
    g.app.clock.advance(DAY);
    let since = stamp(&g, Duration::ZERO);
    g.app.clock.advance(DAY);
    let forged = sha256("forged and dated back");
    let evidence = pb::RecordEvidence { sha256: forged.clone(), entity_id: String::new() };
    two(&g, Change::RecordEvidence(evidence)).await;
    g.app.clock.advance(DAY);
    for (claimed, proof) in [(None, ""), (early, ""), (early, diploma.as_str()), (early, &forged)] {
        assert_eq!(verdict(&g, ISSUER, present, claimed, proof).await, "ACCEPTED");
    }
    assert_eq!(verdict(&g, ISSUER, next, None, "").await, "NOT_YET_VALID");
    let revoke = |reason: &str, compromised_since| {
        let (entity_id, kid, reason) = (ISSUER.to_owned(), present.to_owned(), reason.to_owned());
        Change::RevokeEntityKey(pb::RevokeEntityKey { entity_id, kid, reason, compromised_since })
    };
    two(&g, revoke("COMPROMISED", since)).await;
    assert_eq!(verdict(&g, ISSUER, present, None, "").await, "COMPROMISED_UNPROVEN");
    assert_eq!(verdict(&g, ISSUER, present, early, "").await, "COMPROMISED_UNPROVEN", "dated back");
    assert_eq!(verdict(&g, ISSUER, present, early, &forged).await, "COMPROMISED", "proven, but later");
    assert_eq!(verdict(&g, ISSUER, present, early, &diploma).await, "ACCEPTED", "proven to be older");
    assert_eq!(verdict(&g, ISSUER, "another", None, "").await, "UNKNOWN_KEY");
    let again = g.person("olga").proposes(revoke("SUPERSEDED", None)).await.expect_err("revoked already");
    assert_eq!(said(&again), "409 ILLEGAL_TRANSITION");
    g.app.clock.advance(7 * DAY);
    assert_eq!(verdict(&g, ISSUER, next, None, "").await, "ACCEPTED");
    let answer = g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(answer.line(), "200 yes ACTIVE", "the compromise bounds the key, not the issuer");
}

#[tokio::test]
async fn an_old_time_of_a_retired_key_needs_a_proof() {
    let g = Governed::start().await;
    let old = kid(&g, "ACTIVE").await;
    let early = stamp(&g, Duration::ZERO);
    let document = sha256("signed by the registry");
    let evidence = pb::RecordEvidence { sha256: document.clone(), entity_id: String::new() };
    two(&g, Change::RecordEvidence(evidence)).await;
    g.app.clock.advance(DAY); // Two keys of one instant have no order.
    rotates(&g, Duration::ZERO).await;
    g.app.clock.advance(DAY);
    by_security(&g, Change::RetireKey(pb::RetireKey { kid: old.clone(), from: None })).await;
    g.app.clock.advance(DAY);
    assert_eq!(verdict(&g, "", &old, None, "").await, "EXPIRED");
    assert_eq!(verdict(&g, "", &old, early, "").await, "EXPIRED_UNPROVEN");
    assert_eq!(verdict(&g, "", &old, early, &document).await, "ACCEPTED");
    let listed = keys(&g, "").await;
    assert_eq!(listed.iter().map(|k| k.signs).collect::<Vec<_>>(), [false, true]);
    let rest = g.app.rest().get("/api/v1/keys").await.json();
    assert_eq!((&rest["keys"][0]["kid"], &rest["keys"][0]["state"]), (&json!(old), &json!("RETIRED")));
    assert!(g.app.clock.now().secs() > 0);
}

#[tokio::test]
async fn what_is_no_key_and_no_question_is_refused() {
    let g = Governed::start().await;
    let private = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
    for bad in ["", "[]", "{}", private, r#"{"kty":"oct","k":"AAAA"}"#, &jwk(Some("a b")), &jwk(Some(""))] {
        let refused = g.person("olga").proposes(add(bad.to_owned(), None)).await.expect_err(bad);
        assert_eq!(said(&refused), "400 INVALID", "{bad}");
        assert!(!refused.message().contains("nWGxne"), "a private key is not repeated");
    }
    let past = Some(prost_types::Timestamp { seconds: 1_000, nanos: 0 });
    let refused = g.person("olga").proposes(add(jwk(None), past)).await.expect_err("in the past");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    let twice = jwk(Some("k"));
    two(&g, add(twice.clone(), None)).await;
    let refused = g.person("olga").proposes(add(twice, None)).await.expect_err("again");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
    for bad in ["sha256=ABC&kid=k", "kid=", "kid=k&claimed_at=yesterday", "kid=k&guess=1"] {
        let path = format!("/api/v1/keys:check?{bad}");
        assert_eq!(g.app.rest().get(&path).await.problem().0, 400, "{bad}");
    }
    let path = "/api/v1/keys?entity_id=did:web:nobody.example";
    assert_eq!(g.app.rest().get(path).await.problem(), (404, "UNKNOWN_ENTITY".to_owned()));
}
