//! EBSI's reads of us: envelopes, pages and texts as EBSI has them, accreditations that verify with the published keys, and
//! nothing that says more than what is recorded now.

mod issuers;
mod revoked;
mod schemas;
mod under;

use charter_domain::{Timestamp, time::Clock as _};
use charter_signing::{PublicKey, credential};
use charter_tests::{AUTHORITY, Rest, TestApp, app::SETTINGS, rest::Reply};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const TIR: &str = "/trusted-issuers-registry/v5";
pub(crate) const TSR: &str = "/trusted-schemas-registry/v3";
pub(crate) const DIDR: &str = "/did-registry/v5";
pub(crate) const UNIVERSITY: &str = "did:web:university.example";
pub(crate) const FINLAND: &str = "https://publications.europa.eu/resource/authority/atu/FIN";

/// A server that keeps what it has signed: a busy machine is no reason to lose its lease.
pub(crate) async fn keeping() -> TestApp {
    let settings = SETTINGS.replace("lease_ms = 200, poll_ms = 50", "lease_ms = 20000, poll_ms = 100");
    assert_ne!(settings, SETTINGS);
    TestApp::build().settings(&settings).start().await
}

/// Where links of the registry begin.
pub(crate) fn base(app: &TestApp) -> String {
    app.app.config.registries[0].public_url.clone()
}

/// A document that is there.
pub(crate) async fn read(rest: &Rest, path: &str) -> Value {
    let reply = rest.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

/// Status, title and detail of a problem in EBSI's words.
pub(crate) fn problem(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    assert_eq!(reply.header("content-type"), "application/problem+json", "{}", reply.text());
    assert_eq!((&body["type"], &body["status"]), (&json!("about:blank"), &json!(reply.status)));
    let text = |name: &str| body[name].as_str().expect(name).to_owned();
    (reply.status, text("title"), text("detail"))
}

pub(crate) fn refused(status: u16, title: &str, detail: &str) -> (u16, String, String) {
    (status, title.to_owned(), detail.to_owned())
}

/// The ids of an issuer's attributes.
pub(crate) async fn ids(rest: &Rest, did: &str) -> Vec<String> {
    let list = read(rest, &format!("{TIR}/issuers/{did}/attributes")).await;
    let items = list["items"].as_array().expect("items").iter();
    items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// The only attribute of an issuer.
pub(crate) async fn attribute(rest: &Rest, did: &str) -> Value {
    let all = ids(rest, did).await;
    assert_eq!(all.len(), 1, "{did}: {all:?}");
    let found = read(rest, &format!("{TIR}/issuers/{did}/attributes/{}", all[0])).await;
    assert_eq!(found["did"], did);
    found["attribute"].clone()
}

/// The claims of an attribute's body: its hash, its signature by a key of the document, our schema, and what the JWT
/// repeats of the credential.
pub(crate) fn verified(attribute: &Value, document: &Value) -> Value {
    let body = attribute["body"].as_str().expect("a body");
    assert_eq!(attribute["hash"], format!("{:x}", Sha256::digest(body)));
    let opened = credential::open(body).expect("a credential");
    let methods = document["verificationMethod"].as_array().expect("methods");
    let named = methods.iter().find(|m| m["id"] == opened.kid.as_str()).expect("the key is published");
    assert!(document["assertionMethod"].as_array().expect("a list").contains(&json!(opened.kid)));
    let key = PublicKey::from_jwk(&named["publicKeyJwk"]).expect("a key");
    assert_eq!(opened.kid, format!("{}#{}", document["id"].as_str().expect("a DID"), key.thumbprint()));
    credential::verify(body, &key).expect("its signature");
    let claims: Value = serde_json::from_slice(&opened.payload).expect("JSON");
    let text = include_str!("../../schemas/ebsi-accreditation.schema.json");
    let schema: Value = serde_json::from_str(text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(&claims["vc"]).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?} {claims}");
    let at = |name: &str| Timestamp::parse(claims["vc"][name].as_str().expect(name)).expect(name).secs();
    let times = [at("issued"), at("validFrom"), at("issuanceDate"), at("expirationDate")];
    let [iat, nbf, exp] = ["iat", "nbf", "exp"].map(|name| claims[name].as_i64().expect(name));
    assert_eq!(times, [iat, nbf, nbf, exp]);
    let vc = &claims["vc"];
    assert_eq!(
        (&claims["jti"], &claims["sub"], &claims["iss"]),
        (&vc["id"], &vc["credentialSubject"]["id"], &vc["issuer"])
    );
    assert_eq!((&claims["iss"], &attribute["tao"]), (&document["id"], &document["id"]));
    claims
}

/// The same, where the registry itself accredited.
pub(crate) async fn claims(rest: &Rest, did: &str) -> (Value, Value) {
    let (attribute, document) = (attribute(rest, did).await, read(rest, "/.well-known/did.json").await);
    let claims = verified(&attribute, &document);
    (attribute, claims)
}

#[tokio::test]
async fn an_accreditation_to_attest_verifies_with_the_published_keys_up_to_the_root() {
    let app = keeping().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(UNIVERSITY).authorized("issue", "Degree").valid("2020-01-01T00:00:00Z", "").await;
    let (rest, base) = (app.rest(), base(&app));
    let (attribute, claims) = claims(&rest, UNIVERSITY).await;
    let parties = (&attribute["issuerType"], &attribute["tao"], &attribute["rootTao"]);
    assert_eq!(parties, (&json!("TI"), &json!(AUTHORITY), &json!(AUTHORITY)));
    let types = ["VerifiableCredential", "VerifiableAttestation", "Degree"];
    let line = json!([{ "schemaId": "Degree", "types": types, "limitJurisdiction": FINLAND }]);
    assert_eq!(claims["vc"]["credentialSubject"]["accreditedFor"], line);
    assert_eq!(claims["vc"]["type"][3], "VerifiableAccreditationToAttest");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(AUTHORITY), &json!(UNIVERSITY)));
    assert_eq!(claims["nbf"], Timestamp::parse("2020-01-01T00:00:00Z").expect("a time").secs());
    let (now, exp) = (app.clock.now().secs(), claims["exp"].as_i64().expect("exp"));
    assert!(now < exp && exp <= now + 86_400, "it lives as long as other documents: {}", exp - now);
    let follow = |url: &Value| {
        url.as_str().and_then(|url| url.strip_prefix(&base)).expect("a link of this registry").to_owned()
    };
    let status = follow(&claims["vc"]["credentialStatus"]["id"]);
    assert_eq!(read(&rest, &status).await["attribute"], attribute);
    let root = read(&rest, &follow(&claims["vc"]["termsOfUse"][0]["id"])).await;
    let root_claims = verified(&root["attribute"], &read(&rest, "/.well-known/did.json").await);
    assert_eq!((&root["did"], &root["attribute"]["issuerType"]), (&json!(AUTHORITY), &json!("RootTAO")));
    assert_eq!(root_claims["vc"]["type"][2], "VerifiableAuthorisationForTrustChain");
    let accredited = &root_claims["vc"]["credentialSubject"]["accreditedFor"];
    assert!(accredited.as_array().expect("a list").contains(&line[0]), "{accredited}");
    let schema = read(&rest, &follow(&claims["vc"]["credentialSchema"][0]["id"])).await;
    assert_eq!(schema["$id"], "urn:charter:schema:ebsi-accreditation:1");
}

#[tokio::test]
async fn documents_of_dids_have_the_keys_of_an_instant() {
    let app = TestApp::start().await;
    let rest = app.rest();
    let one = |query: &str| format!("{DIDR}/identifiers/{AUTHORITY}{query}");
    let reply = rest.get(&one("")).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/did+ld+json"));
    assert_eq!(reply.json(), read(&rest, "/.well-known/did.json").await);
    let now = app.clock.now();
    assert_eq!(read(&rest, &one(&format!("?valid-at={now}"))).await, reply.json());
    let before = read(&rest, &one("?valid-at=2001-01-01T00:00:00Z")).await;
    assert_eq!((&before["id"], &before["verificationMethod"]), (&json!(AUTHORITY), &json!([])));
    assert_eq!(before["assertionMethod"], json!([]));
    let bad = "[\"valid-at must be a valid ISO 8601 date string\"]";
    assert_eq!(problem(&rest.get(&one("?valid-at=yesterday")).await), refused(400, "Bad Request", bad));
    let other = rest.get(&format!("{DIDR}/identifiers/did:web:other.example")).await;
    let detail = "Identifier did:web:other.example not found";
    assert_eq!(problem(&other), refused(404, "Identifier Not Found", detail));
    let wrong = rest.get(&format!("{DIDR}/identifiers/did:key:z6Mk")).await;
    assert_eq!(problem(&wrong), refused(400, "Bad Request", "[\"did must be a valid DID v1\"]"));
    let list = read(&rest, &format!("{DIDR}/identifiers?controller={AUTHORITY}")).await;
    let href = format!("{}{}", base(&app), one(""));
    assert_eq!((&list["items"], &list["total"]), (&json!([{ "did": AUTHORITY, "href": href }]), &json!(1)));
    let none = read(&rest, &format!("{DIDR}/identifiers?controller=did:web:other.example")).await;
    assert_eq!((&none["items"], &none["total"]), (&json!([]), &json!(0)));
    assert!(!none.to_string().contains("other.example"));
}
