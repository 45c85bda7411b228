//! The status of a trust mark: right after a change is acknowledged, and whatever is sent for a mark.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_signing::{Algorithm, Signer, SoftwareSigner};
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER},
    rest::Reply,
};
use http::{Method, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{ONE, claims, code, mark::issued, name, refused, started};
use crate::key::{DAY, by_security, kid, rotates, stamp};

const FORM: &str = "application/x-www-form-urlencoded";

async fn posted(app: &TestApp, path: &str, kind: &str, body: String) -> Reply {
    let rest = app.rest();
    let request = rest.request(Method::POST, path).header(header::CONTENT_TYPE, kind);
    rest.send(request.body(Full::new(Bytes::from(body))).expect("a request")).await
}

async fn asked(app: &TestApp, token: &str) -> Reply {
    posted(app, "/oidf/trust-mark-status", FORM, format!("trust_mark={token}")).await
}

async fn status(app: &TestApp, token: &str) -> String {
    let reply = asked(app, token).await;
    let kind = reply.header("content-type");
    assert_eq!((reply.status, kind), (200, "application/trust-mark-status-response+jwt"), "{}", reply.text());
    let said = claims(app, &reply.text(), "trust-mark-status-response+jwt").await;
    assert_eq!((&said["iss"], &said["trust_mark"]), (&json!("https://registry.example"), &json!(token)));
    let age = app.clock.now().secs() - said["iat"].as_i64().expect("a time");
    assert!((0..60).contains(&age), "{age}");
    said["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn a_revocation_shows_as_soon_as_it_is_acknowledged() {
    let app = started().await;
    let root = app.registry(AUTHORITY);
    let mark = issued(&app, "Degree", ONE).await;
    for _ in 0..2 {
        assert_eq!(status(&app, &mark).await, "active");
    }
    root.suspends(ONE).await;
    assert_eq!(status(&app, &mark).await, "revoked");
    root.reinstates(ONE).await;
    assert_eq!(status(&app, &mark).await, "active");
    root.revokes(ONE).await;
    for _ in 0..2 {
        assert_eq!(status(&app, &mark).await, "revoked");
    }
}

#[tokio::test]
async fn a_mark_ends_with_its_time() {
    let app = started().await;
    let mark = issued(&app, "Degree", ONE).await;
    assert_eq!(status(&app, &mark).await, "active");
    app.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(status(&app, &mark).await, "active");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&app, &mark).await, "expired");
}

#[tokio::test]
async fn what_this_registry_did_not_sign_as_a_mark_is_invalid() {
    let app = started().await;
    let now = app.clock.now().secs();
    let claims = |iss: &str, kind: &str| {
        json!({ "iss": iss, "sub": ONE, "trust_mark_type": kind, "iat": now, "exp": now + 600 }).to_string()
    };
    let liar = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let sign = |typ: &str, text: &str| liar.sign(typ, text.as_bytes()).expect("signed");
    let own = "https://registry.example";
    let forged = sign("trust-mark+jwt", &claims(own, &name("Degree")));
    let genuine = issued(&app, "Degree", ONE).await;
    let parts: Vec<&str> = genuine.split('.').collect();
    let moved = URL_SAFE_NO_PAD.encode(claims(own, &name("Diploma")));
    let changed = format!("{}.{moved}.{}", parts[0], parts[2]);
    let other_type = app.rest().get("/.well-known/openid-federation").await.text();
    for bad in [&forged, &changed, &other_type] {
        assert_eq!(status(&app, bad).await, "invalid");
    }
    assert_eq!(status(&app, &genuine).await, "active");
    let elsewhere = sign("trust-mark+jwt", &claims("https://below.example", &name("Degree")));
    assert_eq!(refused(&asked(&app, &elsewhere).await), code(404, "not_found"));
    let of_another =
        posted(&app, "/r/r1/oidf/trust-mark-status", FORM, format!("trust_mark={genuine}")).await;
    assert_eq!(
        refused(&of_another),
        code(404, "not_found"),
        "another registry of the process did not issue it"
    );
}

#[tokio::test]
async fn what_is_no_mark_at_all_is_refused() {
    let app = started().await;
    let deep = "[".repeat(2_000);
    let token = |payload: &str| format!("trust_mark=e30.{}.AA", URL_SAFE_NO_PAD.encode(payload));
    let genuine = format!("trust_mark={}", issued(&app, "Degree", ONE).await);
    for bad in [
        String::new(),
        "trust_mark=".to_owned(),
        "trust_mark=a".to_owned(),
        "trust_mark=a.b.c".to_owned(),
        "trust_mark=...".to_owned(),
        "mark=a".to_owned(),
        format!("{genuine}&{genuine}"),
        format!("trust_mark={}", "a".repeat(20_000)),
        format!("trust_mark={}", "a".repeat(100 * 1024)),
        token(&deep),
        token(&format!("{{\"iss\":\"https://registry.example\",\"x\":{deep}}}")),
        token("[\"https://registry.example\"]"),
        token(r#"{"iss":1}"#),
        token(r#"{"iss":"https://registry.example","iss":"https://registry.example"}"#),
        token("{}"),
    ] {
        let reply = posted(&app, "/oidf/trust-mark-status", FORM, bad.clone()).await;
        assert_eq!(refused(&reply), code(400, "invalid_request"), "{bad:.80}");
    }
    // The server may answer and close before it was sent everything.
    let large = Full::new(Bytes::from(format!("trust_mark={}", "a".repeat(1024 * 1024))));
    let rest = app.rest();
    let request = rest.request(Method::POST, "/oidf/trust-mark-status").header(header::CONTENT_TYPE, FORM);
    if let Ok(reply) = rest.try_send(request.body(large).expect("a request")).await {
        assert_eq!(refused(&reply), code(400, "invalid_request"));
    }
    let json = posted(&app, "/oidf/trust-mark-status", "application/json", genuine.clone()).await;
    assert_eq!(refused(&json), code(400, "invalid_request"));
    let noted =
        posted(&app, "/oidf/trust-mark-status", &format!("{FORM}; charset=utf-8"), genuine + "&x=1&x=2")
            .await;
    assert_eq!(noted.status, 200, "{}", noted.text());
    let read = app.rest().get("/oidf/trust-mark-status").await;
    assert_eq!(read.status, 405, "a mark is not for logs of addresses");
}

/// What a thief could have signed counts no more; what the next key signs does.
#[tokio::test]
async fn a_compromised_key_takes_its_marks_with_it() {
    let g = Governed::start().await;
    let stolen = kid(&g, "ACTIVE").await;
    rotates(&g, 30 * DAY).await;
    let since = stamp(&g, Duration::ZERO);
    let mark = issued(&g.app, "Degree", ISSUER).await;
    assert_eq!(status(&g.app, &mark).await, "active");
    g.app.clock.advance(Duration::from_secs(60));
    let revoke = pb::RevokeKey { kid: stolen, reason: "COMPROMISED".to_owned(), compromised_since: since };
    by_security(&g, Change::RevokeKey(revoke)).await;
    assert_eq!(status(&g.app, &mark).await, "invalid");
    let again = issued(&g.app, "Degree", ISSUER).await;
    assert_ne!(again, mark);
    assert_eq!(status(&g.app, &again).await, "active");
    let said: Value = claims(&g.app, &again, "trust-mark+jwt").await;
    assert_eq!(said["sub"], ISSUER);
}
