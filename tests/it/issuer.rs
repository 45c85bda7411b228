//! The issuer check: one object, ETag and 304, batches, and earlier instants.

use charter_domain::time::Clock;
use charter_tests::{AUTHORITY, TestApp, rest::Reply};
use http::{Method, header};
use http_body_util::Full;
use serde_json::json;

const ISSUER: &str = "did:web:issuer.example";

async fn started() -> TestApp {
    let app = TestApp::start().await;
    let registering = app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree");
    registering
        .authorized("issue", "Diploma")
        .with(|record| {
            record.accreditation = Some(charter_domain::record::RawAccreditation {
                body: "Accreditation Body".to_owned(),
                legal_basis: "Act 558/2009".to_owned(),
                valid_until: "2099-12-31T00:00:00Z".to_owned(),
                ..Default::default()
            });
        })
        .await;
    app
}

async fn known(app: &TestApp, path: &str, etag: &str) -> Reply {
    let rest = app.rest();
    let request = rest.request(Method::GET, path).header(header::IF_NONE_MATCH, etag);
    rest.send(request.body(Full::default()).expect("a request")).await
}

#[tokio::test]
async fn the_check_has_both_field_sets_in_one_object() {
    let app = started().await;
    for path in [format!("/api/v1/issuers/{ISSUER}"), "/api/v1/issuers/did%3Aweb%3Aissuer.example".to_owned()]
    {
        let reply = app.rest().get(&path).await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{body}");
        assert_eq!(reply.header("cache-control"), "no-cache");
        assert_eq!(body["issuerDID"], ISSUER);
        assert_eq!(body["status"], "active");
        assert_eq!(body["authorized"], true);
        assert_eq!(body["accreditationValid"], true);
        assert_eq!(body["authorizedCredentials"], json!(["Degree", "Diploma"]));
        assert_eq!(body["credentialTypes"], body["authorizedCredentials"]);
        assert_eq!(body["accreditation"]["body"], "Accreditation Body");
        assert_eq!(body["legalName"], format!("Name of {ISSUER}"));
    }
}

#[tokio::test]
async fn an_unchanged_issuer_is_304_and_a_changed_one_is_not() {
    let app = started().await;
    let path = format!("/api/v1/issuers/{ISSUER}");
    let etag = app.rest().get(&path).await.header("etag").to_owned();
    assert!(etag.starts_with('"'));
    let same = known(&app, &path, &format!("\"other\", W/{etag}")).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), etag);
    app.registry(AUTHORITY).revokes(ISSUER).await;
    let changed = known(&app, &path, &etag).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["status"], "revoked");
    assert_eq!(changed.json()["authorized"], false);
    assert_eq!(changed.json()["authorizedCredentials"], json!([]));
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test]
async fn an_earlier_instant_is_answered_as_it_was() {
    let app = started().await;
    let before = app.clock.now();
    app.clock.advance(std::time::Duration::from_secs(3_600));
    app.registry(AUTHORITY).revokes(ISSUER).await;
    let status = async |query: &str| {
        let reply = app.rest().get(&format!("/api/v1/issuers/{ISSUER}{query}")).await;
        reply.json()["status"].as_str().map_or_else(|| reply.problem().1, str::to_owned)
    };
    assert_eq!(status("").await, "revoked");
    assert_eq!(status(&format!("?at={before}")).await, "active");
    for (query, code) in [
        ("?at=yesterday", "INVALID"),
        ("?at=", "INVALID"),
        ("?when=now", "INVALID"),
        ("?at=2026-01-01T00:00:00Z&at=2026-01-01T00:00:00Z", "INVALID"),
        ("?at=1999-01-01T00:00:00Z", "TIME_OUT_OF_RANGE"),
    ] {
        let reply = app.rest().get(&format!("/api/v1/issuers/{ISSUER}{query}")).await;
        assert_eq!(reply.problem(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_batch_of_issuers_has_an_outcome_for_each() {
    let app = started().await;
    let rest = app.rest();
    let path = "/api/v1/issuers:batchCheck";
    let reply = rest.post(path, &json!({ "issuers": [ISSUER, "did:web:nobody.example", "no uri"] })).await;
    let items = reply.json()["items"].clone();
    assert_eq!(items[0]["authorized"], true);
    assert_eq!(items[1]["error"]["code"], "UNKNOWN_ENTITY");
    assert_eq!(items[2]["error"]["code"], "INVALID");
    assert_eq!(items[2]["issuerDID"], "no uri");
    for size in [0, 101] {
        let reply = rest.post(path, &json!({ "issuers": vec![ISSUER; size] })).await;
        assert_eq!(reply.problem(), (400, "INVALID".to_owned()), "{size}");
    }
    let hundred = rest.post(path, &json!({ "issuers": vec![ISSUER; 100] })).await;
    assert_eq!(hundred.json()["items"].as_array().map(Vec::len), Some(100));
    let unknown = rest.get("/api/v1/issuers/did:web:nobody.example").await;
    assert_eq!(unknown.problem(), (404, "UNKNOWN_ENTITY".to_owned()));
}

#[tokio::test]
async fn resolve_gives_a_decision_whatever_the_outcome() {
    let app = started().await;
    let ask = async |entity: &str| {
        let body = json!({ "entity_id": entity, "action": "issue", "resource": "Degree" });
        app.rest().post("/api/v1/resolve", &body).await
    };
    let yes = ask(ISSUER).await.json();
    assert_eq!(yes["outcome"], "yes");
    assert_eq!(yes["decided_by"], AUTHORITY);
    assert_eq!(yes["chain"].as_array().map(Vec::len), Some(2));
    assert_eq!(yes["path"][0]["authority_id"], AUTHORITY);
    let no = ask("did:web:nobody.example").await;
    assert_eq!((no.status, no.json()["reason"].as_str()), (200, Some("UNKNOWN_ENTITY")));
    assert_eq!(no.json()["outcome"], "no");
}
