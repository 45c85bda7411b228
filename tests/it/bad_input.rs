//! Bad input, through both doors where it has a meaning; afterwards the server answers as before.

use bytes::Bytes;
use charter_proto::trqp::v2 as pb;
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    ask::error,
    raw::{call, framed},
};
use http::{Method, header};
use http_body_util::Full;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

const AUTHORIZATION: &str = "trqp.v2.TrustRegistryQueryService/Authorization";
const BATCH: &str = "trqp.v2.TrustRegistryQueryService/BatchAuthorization";
const ISSUER: &str = "did:web:issuer.example";

async fn started() -> TestApp {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(ISSUER).authorized("issue", "Degree").await;
    app
}

/// The last word of every test here: nothing was lost.
async fn still_answers(app: &TestApp) {
    let said = app.anonymous().asks(ISSUER, "issue", "Degree").both().await;
    assert_eq!(said.line(), "200 yes ACTIVE");
}

async fn refused(rest: &Rest, body: impl Into<Bytes>) -> String {
    let (status, code) = rest.post_text("/authorization", body).await.problem();
    format!("{status} {code}")
}

#[tokio::test]
async fn values_that_are_no_identifiers_or_times_name_their_field_at_both_doors() {
    let app = started().await;
    let long = "a".repeat(2_049);
    let mut cases = Vec::new();
    for bad in ["", "a b", "%zz", "<x>", "did:web:\u{e4}", "a\nb", "did:web:a#b#c", &long] {
        cases.push((app.anonymous().asks(bad, "issue", "Degree"), "entity_id"));
        cases.push((app.anonymous().asks(ISSUER, bad, "Degree"), "action"));
        cases.push((app.anonymous().asks(ISSUER, "issue", bad), "resource"));
        cases.push((app.anonymous().asks(ISSUER, "issue", "Degree").of(bad), "authority_id"));
    }
    let good = app.anonymous().asks(ISSUER, "issue", "Degree");
    cases.push((good.clone().of("https://a.example"), "authority_id"));
    for bad in [
        "",
        "yesterday",
        "2026-11-20",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "1e9",
        "0000-00-00T00:00:00Z",
    ] {
        cases.push((good.clone().with("time", bad), "context.time"));
    }
    cases.push((good.clone().with("known_at", "-1"), "context.known_at"));
    cases.push((good.clone().with("known_at", "99999999999999999999"), "context.known_at"));
    cases.push((good.clone().with("locator", "nowhere"), "context.locator"));
    cases.push((good.clone().with("jurisdiction", "Finland"), "context.jurisdiction"));
    cases.push((good.clone().with("evidence", "all"), "context.evidence"));
    cases.push((good.clone().with("colour", &"r".repeat(3_000)), "context"));
    let many = (0..33).fold(good.clone(), |q, n| q.with(&format!("c{n}"), "x"));
    cases.push((many, "context"));
    for (asking, field) in cases {
        let said = asking.both().await;
        assert_eq!((said.line().as_str(), said.field.as_str()), ("400 INVALID", field), "{}", asking.json());
    }
    let early = good.with("time", "1999-12-31T23:59:59Z").both().await;
    assert_eq!((early.line().as_str(), early.field.as_str()), ("400 TIME_OUT_OF_RANGE", "context.time"));
    still_answers(&app).await;
}

#[tokio::test]
async fn bodies_that_are_not_the_json_asked_for_are_400() {
    let app = started().await;
    let rest = app.rest();
    let good = app.anonymous().asks(ISSUER, "issue", "Degree").json();
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let mut bodies = vec![
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        "{}".to_owned(),
        format!("{good}{good}"),
        format!("{good} trailing"),
        json!([ISSUER, AUTHORITY, "issue", "Degree"]).to_string(),
        json!([ISSUER, AUTHORITY, "issue", "Degree", {}]).to_string(),
        with("entity_id", Value::Null),
        with("entity_id", json!(7)),
        with("action", json!(["issue"])),
        with("resource", json!({ "a": 1 })),
        with("context", Value::Null),
        with("context", json!("text")),
        with("context", json!({ "time": 7 })),
        with("context", json!({ "time": null })),
        with("context", json!({ "deep": { "er": 1 } })),
        format!("{{\"context\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000)),
        format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)),
    ];
    for name in ["authority_id", "entity_id", "action", "resource"] {
        let mut body = good.clone();
        body.as_object_mut().expect("an object").shift_remove(name);
        bodies.push(body.to_string());
        let text = good.to_string();
        bodies.push(format!("{},\"{name}\":\"again\"}}", text.trim_end_matches('}')));
    }
    let context = "\"context\":{\"colour\":\"red\",\"colour\":\"blue\"}}";
    bodies.push(format!("{},{context}", good.to_string().trim_end_matches('}')));
    for body in bodies {
        let short: String = body.chars().take(80).collect();
        assert_eq!(refused(&rest, body).await, "400 INVALID", "{short}");
    }
    let bytes = [good.to_string().as_bytes(), b"\xff\xfe"].concat();
    assert_eq!(refused(&rest, bytes).await, "400 INVALID");
    let surrogate = good.to_string().replace("issue", "\\ud800");
    assert_eq!(refused(&rest, surrogate).await, "400 INVALID");
    still_answers(&app).await;
}

#[tokio::test]
async fn large_bodies_are_413_other_media_415_and_other_methods_405() {
    let app = started().await;
    let rest = app.rest();
    let large = format!("{{\"entity_id\":\"{}\"", "a".repeat(10 * 1024 * 1024));
    for path in ["/authorization", "/recognition", "/api/v1/resolve", "/api/v1/issuers:batchCheck"] {
        // The server may answer and close before it was sent everything.
        let request = rest.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(Bytes::from(large.clone()))).expect("a request");
        if let Ok(reply) = rest.try_send(request).await {
            assert_eq!(reply.problem(), (413, "TOO_LARGE".to_owned()), "{path}");
        }
        let little_too_large = " ".repeat(300 * 1024);
        let reply = rest.post_text(path, little_too_large).await;
        assert_eq!(reply.problem(), (413, "TOO_LARGE".to_owned()), "{path}");
        for media in ["text/plain", "application/xml", "application/jsonp", ""] {
            let request = rest.request(Method::POST, path).header(header::CONTENT_TYPE, media);
            let reply = rest.send(request.body(Full::from("{}")).expect("a request")).await;
            assert_eq!(reply.problem(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()), "{path} {media}");
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = rest.request(method.clone(), path).body(Full::default());
            let reply = rest.send(request.expect("a request")).await;
            assert_eq!(reply.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()), "{method} {path}");
            assert_eq!(reply.header("allow"), "POST", "{method} {path}");
        }
    }
    let post = rest.post("/metadata", &json!({})).await;
    assert_eq!(post.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    let request =
        rest.request(Method::POST, "/authorization").header(header::CONTENT_TYPE, "application/json");
    let zipped = request.header(header::CONTENT_ENCODING, "gzip").body(Full::from("{}"));
    assert_eq!(rest.send(zipped.expect("a request")).await.problem().0, 415);
    still_answers(&app).await;
}

#[tokio::test]
async fn messages_that_grpc_cannot_take_are_refused_with_a_status() {
    let app = started().await;
    let sized =
        |kib: usize| pb::AuthorizationRequest { entity_id: "a".repeat(kib << 10), ..Default::default() };
    for (kib, line) in [(63, "400 INVALID"), (65, "413 TOO_LARGE"), (10_240, "413 TOO_LARGE")] {
        let status = call(&app, AUTHORIZATION, &[], framed(&sized(kib).encode_to_vec())).await;
        assert_eq!(error(&status).line(), line, "{kib} KiB");
    }
    let batch = |kib| pb::BatchAuthorizationRequest { requests: vec![sized(kib)] };
    let status = call(&app, BATCH, &[], framed(&batch(257).encode_to_vec())).await;
    assert_eq!(error(&status).line(), "413 TOO_LARGE");
    let status = call(&app, BATCH, &[], framed(&batch(250).encode_to_vec())).await;
    assert_eq!(status.code(), Code::Ok, "a large batch is read, and its item refused");
    let garbage = call(&app, AUTHORIZATION, &[], framed(b"\xff\xff\xff\xff")).await;
    assert_eq!(garbage.code(), Code::Internal, "gRPC's own rule for what cannot be decoded");
    let cut = call(&app, AUTHORIZATION, &[], framed(&[0; 64]).slice(..20)).await;
    assert_ne!(cut.code(), Code::Ok);
    let compressed = Bytes::from_static(b"\x01\x00\x00\x00\x01\x00");
    assert_ne!(call(&app, AUTHORIZATION, &[], compressed).await.code(), Code::Ok);
    let nobody = call(&app, "trqp.v2.TrustRegistryQueryService/Guess", &[], framed(b"")).await;
    assert_eq!(nobody.code(), Code::Unimplemented);
    let empty = call(&app, AUTHORIZATION, &[], framed(b"")).await;
    assert_eq!(error(&empty).line(), "400 INVALID");
    still_answers(&app).await;
}

#[tokio::test]
async fn a_deadline_of_nothing_is_passed_and_a_strange_one_is_ignored() {
    let app = started().await;
    let question = pb::AuthorizationRequest {
        entity_id: ISSUER.to_owned(),
        authority_id: AUTHORITY.to_owned(),
        action: "issue".to_owned(),
        resource: "Degree".to_owned(),
        ..Default::default()
    };
    let body = framed(&question.encode_to_vec());
    for (timeout, code) in [
        ("0m", Code::DeadlineExceeded),
        ("0H", Code::DeadlineExceeded),
        ("1S", Code::Ok),
        ("99999999H", Code::Ok),
        ("soon", Code::Ok),
    ] {
        let status = call(&app, AUTHORIZATION, &[("grpc-timeout", timeout)], body.clone()).await;
        assert_eq!(status.code(), code, "{timeout} {status:?}");
    }
    let rest = app.rest();
    let request = rest.request(Method::POST, "/authorization").header("grpc-timeout", "0m");
    let reply = rest.send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(reply.problem(), (504, "DEADLINE_EXCEEDED".to_owned()));
    still_answers(&app).await;
}

#[tokio::test]
async fn registries_that_are_not_here_are_not_found() {
    let app = started().await;
    let rest = app.rest();
    let body = app.anonymous().asks(ISSUER, "issue", "Degree").json().to_string();
    for (path, header) in
        [("/r/nowhere/authorization", None), ("/authorization", Some("did:web:nowhere.example"))]
    {
        let mut request = rest.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        if let Some(named) = header {
            request = request.header("charter-registry", named);
        }
        let reply = rest.send(request.body(Full::from(body.clone())).expect("a request")).await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    let own = rest.post_text("/r/r0/authorization", body).await;
    assert_eq!(own.json()["authorized"], true);
    still_answers(&app).await;
}
