//! The trust profile: a name with a key, as JWK or certificate, and a name alone.

use std::sync::Arc;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_signing::{Algorithm, PublicKey, Signer, SoftwareSigner};
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, status},
    hand_log::HandLog,
};
use charter_tlog::witness::AddCheckpoint;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use serde_json::{Value, json};

use super::{EVALUATION, line};
use crate::{
    key::{DAY, by_security, kid, rotates, stamp},
    witness::{asks, submit, time_of_by},
};

const BELOW: &str = "did:web:below.example";

fn made() -> PublicKey {
    SoftwareSigner::generate(Algorithm::EdDsa).expect("a key").key().clone()
}

fn question(name: &str, kind: &str, key: &Value) -> Value {
    json!({
        "subject": { "type": "key", "id": name },
        "resource": { "type": kind, "id": name, "key": key },
    })
}

fn jwk(name: &str, key: &PublicKey) -> Value {
    question(name, "jwk", &json!([key.to_jwk()]))
}

async fn said(app: &TestApp, body: &Value) -> String {
    line(&app.rest().post(EVALUATION, body).await)
}

fn own(app: &TestApp, authority: &str) -> PublicKey {
    let tenant = app.app.hosted.tenant(app.app.hosted.by_authority(authority).expect("served"));
    let listed = tenant.expect("served").ring().listed(app.app.store.now()).expect("keys");
    listed.keys.first().expect("a key").clone()
}

async fn adds(g: &Governed, jwk: &Value) {
    let (entity_id, jwk_json) = (ISSUER.to_owned(), jwk.to_string());
    let add = pb::AddEntityKey { entity_id, jwk_json, valid_from: None, valid_until: None };
    g.decides(Change::AddEntityKey(add)).await;
}

#[tokio::test]
async fn a_key_is_the_names_while_the_records_say_so_and_the_name_stands() {
    let g = Governed::start().await;
    let (key, other) = (made(), made());
    let mut named = key.to_jwk();
    named["kid"] = json!("did:web:university.example#1");
    adds(&g, &named).await;
    let ask = async |body: Value| said(&g.app, &body).await;
    assert_eq!(ask(jwk(ISSUER, &key)).await, "true ACTIVE");
    // Other members say nothing of the key, and one need not be in a list.
    named["x5t"] = json!("abc");
    assert_eq!(ask(question(ISSUER, "jwk", &named)).await, "true ACTIVE");
    assert_eq!(ask(jwk(ISSUER, &other)).await, "false UNKNOWN_KEY");
    assert_eq!(ask(jwk(AUTHORITY, &key)).await, "false UNKNOWN_KEY", "another's key");
    assert_eq!(ask(jwk("did:web:nobody.example", &key)).await, "false UNKNOWN_ENTITY");
    g.decides(status(ISSUER, "SUSPENDED")).await;
    assert_eq!(ask(jwk(ISSUER, &key)).await, "false SUSPENDED");
    g.decides(status(ISSUER, "ACTIVE")).await;
    assert_eq!(ask(jwk(ISSUER, &key)).await, "true ACTIVE");
    g.app.clock.advance(DAY);
    let revoke = pb::RevokeEntityKey {
        entity_id: ISSUER.to_owned(),
        kid: "did:web:university.example#1".to_owned(),
        reason: "COMPROMISED".to_owned(),
        compromised_since: stamp(&g, std::time::Duration::ZERO),
    };
    g.decides(Change::RevokeEntityKey(revoke)).await;
    assert_eq!(ask(jwk(ISSUER, &key)).await, "false COMPROMISED_UNPROVEN");
    // The same key under another name is the key that others have.
    adds(&g, &key.to_jwk()).await;
    assert_eq!(ask(jwk(ISSUER, &key)).await, "false COMPROMISED_UNPROVEN");
}

#[tokio::test]
async fn a_role_is_asked_like_any_question_and_only_for_whom_the_key_is() {
    let g = Governed::start().await;
    let (key, other) = (made(), made());
    adds(&g, &key.to_jwk()).await;
    let ask = async |key: &PublicKey, action: Value, context: Value| {
        let mut body = jwk(ISSUER, key);
        body["action"] = action;
        body["context"] = context;
        said(&g.app, &body).await
    };
    let role =
        |name: &str, types: Value| json!({ "name": name, "properties": { "credential_types": types } });
    let none = json!({ "unheard_of": [1] });
    for (action, expected) in [
        (json!({ "name": "issue" }), "true ACTIVE"),
        (role("issue", json!(["Degree"])), "true ACTIVE"),
        (json!({ "name": "issue", "parameters": { "credential_types": ["Degree"] } }), "true ACTIVE"),
        (role("issue", json!(["Degree", "Diploma"])), "false UNKNOWN_RESOURCE"),
        (role("verify", json!(["Degree"])), "false UNKNOWN_ACTION"),
        (json!({ "name": "verify" }), "false NOT_LISTED"),
        (role("issue", json!(["a b"])), "400 INVALID"),
        (role("issue", json!("Degree")), "400 INVALID"),
        (role("issue", json!(vec!["Degree"; 9])), "400 INVALID"),
        (json!({ "name": "a b" }), "400 INVALID"),
    ] {
        assert_eq!(ask(&key, action.clone(), none.clone()).await, expected, "{action}");
        let wrong = ask(&other, action.clone(), none.clone()).await;
        assert_eq!(wrong == expected, expected == "400 INVALID", "{action} {wrong}");
        assert!(!wrong.starts_with("true"), "{action}");
    }
    let early = json!({ "time": "1999-12-31T23:59:59Z" });
    assert_eq!(ask(&key, json!({ "name": "issue" }), early).await, "400 TIME_OUT_OF_RANGE");
    let elsewhere = json!({ "authority_id": "did:web:elsewhere.example" });
    assert_eq!(ask(&key, json!({ "name": "issue" }), elsewhere).await, "400 INVALID");
    let here = json!({ "authority_id": AUTHORITY });
    assert_eq!(ask(&key, json!({ "name": "issue" }), here).await, "true ACTIVE");
}

#[tokio::test]
async fn a_certificate_stands_for_the_key_that_it_certifies() {
    let g = Governed::start().await;
    let pair = KeyPair::generate().expect("a key");
    let certificate = |key: &KeyPair| {
        let params = CertificateParams::new(vec!["university.example".to_owned()]).expect("a name");
        STANDARD.encode(params.self_signed(key).expect("signed").der())
    };
    let (x, y) = pair.der_bytes()[1..].split_at(32);
    let [x, y] = [x, y].map(|c| URL_SAFE_NO_PAD.encode(c));
    adds(&g, &json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).await;
    let own = certificate(&pair);
    let other = certificate(&KeyPair::generate().expect("a key"));
    let ask = async |key: Value| said(&g.app, &question(ISSUER, "x5c", &key)).await;
    assert_eq!(ask(json!([own])).await, "true ACTIVE");
    assert_eq!(ask(json!([own, other])).await, "true ACTIVE");
    assert_eq!(ask(json!([other, own])).await, "false UNKNOWN_KEY", "the first is whose key is shown");
    let mut broken = STANDARD.decode(&own).expect("base64");
    broken.truncate(100);
    for bad in [
        json!([]),
        json!(""),
        json!([""]),
        json!(["%%%"]),
        json!([STANDARD.encode("text")]),
        json!([STANDARD.encode(broken)]),
        json!([own, 7]),
        json!([own, {}]),
        json!(vec![own.clone(); 9]),
        json!({ "kty": "EC" }),
        json!([{ "kty": "EC" }]),
        json!(null),
        json!([[own]]),
    ] {
        assert_eq!(ask(bad.clone()).await, "400 INVALID", "{bad:.60}");
    }
}

#[tokio::test]
async fn keys_of_registries_are_those_that_the_asked_one_has_recorded() {
    let app = TestApp::build().registry(AUTHORITY).under(BELOW, AUTHORITY).start().await;
    let (here, below) = (own(&app, AUTHORITY), own(&app, BELOW));
    let registry = app.registry(AUTHORITY);
    assert_eq!(said(&app, &jwk(AUTHORITY, &here)).await, "true ACTIVE");
    assert_eq!(said(&app, &jwk("https://registry.example", &here)).await, "true ACTIVE");
    // To be served by the same process is no relation.
    assert_eq!(said(&app, &jwk(BELOW, &below)).await, "false UNKNOWN_ENTITY");
    registry.delegates(&app.registry(BELOW), &["Degree"]).await;
    assert_eq!(said(&app, &jwk(BELOW, &below)).await, "true ACTIVE");
    assert_eq!(said(&app, &jwk(BELOW, &here)).await, "false UNKNOWN_KEY");
    let target = pb::set_status_request::Target::SubordinateId(BELOW.to_owned());
    registry.sets(target, "REVOKED").await;
    assert_eq!(said(&app, &jwk(BELOW, &below)).await, "false ANCESTOR_REVOKED");
}

#[tokio::test]
async fn of_a_subordinate_whose_log_showed_two_histories_no_key_is_believed() {
    let clock = Arc::default();
    let below = TestApp::build().clock(&clock).under(BELOW, AUTHORITY).start().await;
    let id = below.app.hosted.by_authority(BELOW).expect("served");
    let log_key = Arc::clone(below.app.hosted.tenant(id).expect("served").log_keys.log());
    let log = HandLog::of(Arc::clone(&log_key.signer), log_key.vkey.clone(), 20);
    let above = TestApp::build().clock(&clock).registry(AUTHORITY).details(&log.setting()).start().await;
    above.registry(AUTHORITY).delegates(&below.registry(BELOW), &["Degree"]).await;
    let (good, other) = (jwk(BELOW, &own(&below, BELOW)), jwk(BELOW, &made()));
    assert_eq!(said(&above, &good).await, "true ACTIVE");
    let first = log.request(0, 9);
    time_of_by(&above, AUTHORITY, &first, &asks(&above, &first).await);
    let lie = AddCheckpoint { proof: vec![], ..log.forked(3).request(9, 9) };
    assert_eq!(submit(&above, lie.to_string()).await.problem().0, 422);
    assert_eq!(said(&above, &good).await, "503 UNVERIFIABLE");
    assert_eq!(said(&above, &other).await, "false UNKNOWN_KEY");
}

#[tokio::test]
async fn a_key_of_the_registry_counts_from_its_time_to_its_revocation() {
    let g = Governed::start().await;
    let key = own(&g.app, AUTHORITY);
    assert_eq!(said(&g.app, &jwk(AUTHORITY, &key)).await, "true ACTIVE");
    rotates(&g, 30 * DAY).await;
    let next = kid(&g, "ANNOUNCED").await;
    let listed = g.app.rest().get("/api/v1/keys").await.json();
    let listed = listed["keys"].as_array().expect("keys");
    let next = listed.iter().find(|k| k["kid"] == next.as_str()).expect("the next")["jwk"].clone();
    let next = question(AUTHORITY, "jwk", &next);
    assert_eq!(said(&g.app, &next).await, "false NOT_YET_VALID");
    g.app.clock.advance(31 * DAY);
    assert_eq!(said(&g.app, &next).await, "true ACTIVE");
    let (kid, reason) = (key.kid().to_owned(), "SUPERSEDED".to_owned());
    by_security(&g, Change::RevokeKey(pb::RevokeKey { kid, reason, compromised_since: None })).await;
    assert_eq!(said(&g.app, &jwk(AUTHORITY, &key)).await, "false REVOKED");
}

#[tokio::test]
async fn a_name_alone_is_answered_with_what_is_known_of_it() {
    let app = TestApp::build().registry(AUTHORITY).under(BELOW, AUTHORITY).start().await;
    let registry = app.registry(AUTHORITY);
    registry.delegates(&app.registry(BELOW), &["Degree"]).await;
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let ask = async |name: &str| {
        let body = json!({ "subject": { "type": "key", "id": name }, "resource": { "id": name } });
        let reply = app.rest().post(EVALUATION, &body).await;
        (line(&reply), reply.json()["context"].clone())
    };
    for (name, https) in [(AUTHORITY, "https://registry.example"), (BELOW, "https://below.example")] {
        let (said, context) = ask(name).await;
        assert_eq!((said.as_str(), &context["trust_metadata"]["sub"]), ("true ACTIVE", &json!(https)));
        let signed = context["trust_metadata_jwt"].as_str().expect("signed");
        assert!(charter_signing::jws::peek(signed).is_ok());
    }
    let (said, context) = ask(&issuer).await;
    assert_eq!((said.as_str(), &context["known_as"]), ("true ACTIVE", &json!("entity")));
    assert_eq!(context["trust_metadata"]["issuerDID"], issuer);
    registry.revokes(&issuer).await;
    let (said, context) = ask(&issuer).await;
    assert_eq!(said, "false REVOKED");
    assert!(context.get("trust_metadata").is_none(), "{context}");
    assert_eq!(ask("did:web:nobody.example").await.0, "false UNKNOWN_ENTITY");
}

#[tokio::test]
async fn what_is_no_public_key_of_the_name_is_refused_and_a_private_one_is_not_repeated() {
    let app = TestApp::start().await;
    let key = made();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = jwk(AUTHORITY, &key);
        change(&mut body);
        body
    };
    let private = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    for (n, body) in [
        with(&|b| b["resource"]["key"][0]["d"] = json!(private)),
        with(&|b| b["resource"]["key"][0] = json!({ "kty": "oct", "k": private })),
        with(&|b| b["resource"]["key"][0] = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "p": private })),
        with(&|b| b["resource"]["key"][0] = json!({})),
        with(&|b| b["resource"]["key"][0]["kty"] = json!(7)),
        with(&|b| b["resource"]["key"][0]["x"] = json!("short")),
        with(&|b| b["resource"]["key"][0]["use"] = json!("enc")),
        with(&|b| b["resource"]["key"] = json!([])),
        with(&|b| b["resource"]["key"] = json!([key.to_jwk(), key.to_jwk()])),
        with(&|b| b["resource"]["key"] = json!("text")),
        with(&|b| b["resource"]["key"] = json!(null)),
        with(&|b| b["resource"]["type"] = json!("pem")),
        with(&|b| b["resource"]["type"] = json!(null)),
        with(&|b| b["resource"]["id"] = json!("did:web:another.example")),
        with(&|b| b["subject"]["id"] = json!("a b")),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = app.rest().post(EVALUATION, &body).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{n} {body}");
        assert!(!reply.text().contains("nWGx"), "{n} repeats it");
    }
    let twice = jwk(AUTHORITY, &key).to_string().replace("\"kty\":", "\"kty\":\"EC\",\"kty\":");
    assert_eq!(app.rest().post_text(EVALUATION, twice).await.problem().0, 400);
    // Of kinds that are never recorded nobody has one here; that is no fault of the question.
    for other in [json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }), json!({ "kty": "EC", "crv": "P-384" })] {
        assert_eq!(said(&app, &question(AUTHORITY, "jwk", &other)).await, "false UNKNOWN_KEY");
    }
    assert_eq!(said(&app, &jwk(AUTHORITY, &own(&app, AUTHORITY))).await, "true ACTIVE");
}
