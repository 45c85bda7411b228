//! TRQP: every case through both doors, compared; and what only REST has: headers, CORS, Ayra's routes.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_tests::{AUTHORITY, Registry, TestApp};
use http::{Method, header};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_revoked_issuer_is_refused_at_once() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let asking = app.anonymous().asks(&issuer, "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    registry.revokes(&issuer).await;
    assert_eq!(asking.both().await.line(), "200 no REVOKED");
}

#[tokio::test]
async fn where_nobody_is_registered_the_first_is_known_at_once() {
    let app = TestApp::start().await;
    let ask = |entity: &str| app.anonymous().asks(&format!("did:web:{entity}.example"), "issue", "Degree");
    for entity in ["one", "two", "one", "three"] {
        assert_eq!(ask(entity).both().await.line(), "404 UNKNOWN_ACTION", "nothing was said of issuing yet");
    }
    let registry = app.registry(AUTHORITY);
    registry.registers("did:web:three.example").authorized("issue", "Degree").await;
    // Kept, or remembered of strangers: neither may hide who is registered, or what is known since.
    for (entity, said) in [("three", "200 yes ACTIVE"), ("four", "404 UNKNOWN_ENTITY")] {
        assert_eq!(ask(entity).both().await.line(), said, "{entity}");
    }
    registry.registers("did:web:four.example").authorized("issue", "Degree").await;
    assert_eq!(ask("four").both().await.line(), "200 yes ACTIVE");
}

/// One entity for each thing that can be said of it.
pub async fn records(registry: &Registry<'_>) {
    let id = |name: &str| format!("did:web:{name}.example");
    registry.registers(&id("good")).authorized("issue", "Degree").await;
    registry.registers(&id("diploma")).authorized("issue", "Diploma").await;
    registry
        .registers(&id("expired"))
        .authorized("issue", "Degree")
        .valid("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")
        .await;
    registry.registers(&id("early")).authorized("issue", "Degree").valid("2100-01-01T00:00:00Z", "").await;
    for (name, state) in [("suspended", "SUSPENDED"), ("revoked", "REVOKED"), ("ended", "ENDED")] {
        let registering = registry.registers(&id(name)).authorized("issue", "Degree");
        registering.status(state, "2025-06-01T00:00:00Z").await;
    }
    registry.registers(&id("regional")).authorized("issue", "Degree").within("FI-18").await;
    registry
        .registers(&id("conditional"))
        .authorized("issue", "Degree")
        .provided("eqf_level", &["6", "7"])
        .await;
    registry.registers("did:web:peer.example").recognized("issue", "Degree").await;
}

#[tokio::test]
async fn both_doors_say_the_same_in_every_case() {
    let app = TestApp::start().await;
    records(&app.registry(AUTHORITY)).await;
    let ask = |entity: &str| app.anonymous().asks(&format!("did:web:{entity}.example"), "issue", "Degree");
    let cases = [
        (ask("good"), "200 yes ACTIVE"),
        (ask("diploma"), "200 no NOT_LISTED"),
        (ask("expired"), "200 no EXPIRED"),
        (ask("early"), "200 no NOT_YET_VALID"),
        (ask("suspended"), "200 no SUSPENDED"),
        (ask("revoked"), "200 no REVOKED"),
        (ask("ended"), "200 no ENDED"),
        (ask("stranger"), "404 UNKNOWN_ENTITY"),
        (app.anonymous().asks("did:web:good.example", "fly", "Degree"), "404 UNKNOWN_ACTION"),
        (app.anonymous().asks("did:web:good.example", "issue", "Rock"), "404 UNKNOWN_RESOURCE"),
        (ask("good").of("did:web:elsewhere.example"), "404 UNKNOWN_AUTHORITY"),
        // As of another time: what was in force then.
        (ask("expired").with("time", "2020-06-01T00:00:00Z"), "200 yes ACTIVE"),
        (ask("early").with("time", "2100-06-01T00:00:00+02:00"), "200 yes ACTIVE"),
        (ask("revoked").with("time", "2025-05-31T23:59:59Z"), "200 yes ACTIVE"),
        (ask("revoked").with("time", "2025-06-01T00:00:00Z"), "200 no REVOKED"),
        // Jurisdiction and conditions.
        (ask("regional").with("jurisdiction", "FI-18"), "200 yes ACTIVE"),
        (ask("regional").with("jurisdiction", "FI-02"), "200 no OUT_OF_JURISDICTION"),
        (ask("good").with("jurisdiction", "DE"), "200 yes ACTIVE"),
        (ask("conditional").with("eqf_level", "7"), "200 yes ACTIVE"),
        (ask("conditional").with("eqf_level", "3"), "200 no CONDITION_NOT_MET"),
        (ask("conditional"), "200 yes ACTIVE"),
        (ask("good").with("colour", "red"), "200 yes ACTIVE"),
        // Recognition is another question.
        (ask("peer").recognition(), "200 yes ACTIVE"),
        (ask("peer"), "200 no NOT_LISTED"),
        (ask("good").recognition(), "200 no NOT_LISTED"),
    ];
    for (asking, expected) in cases {
        let said = asking.both().await;
        assert_eq!(said.line(), expected, "{} {}", asking.json(), said.message);
    }
}

#[tokio::test]
async fn what_was_left_open_and_what_was_understood_is_said() {
    let app = TestApp::start().await;
    records(&app.registry(AUTHORITY)).await;
    let ask = app.anonymous().asks("did:web:conditional.example", "issue", "Degree");
    assert_eq!(ask.both().await.unstated, ["eqf_level"]);
    let time = "2026-01-01T00:00:00Z";
    let said = ask.with("time", time).with("eqf_level", "6").with("mood", "good").both().await;
    assert_eq!(said.requested.as_deref(), Some(time));
    assert_eq!(said.evaluated, app.clock.now().to_string());
    assert_eq!(said.context.get("time").map(String::as_str), Some(time));
    assert!(!said.context.contains_key("mood"), "unknown members are not reflected");
    assert!(said.unstated.is_empty());
}

#[tokio::test]
async fn a_revocation_leaves_earlier_times_as_they_were() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let issuer = registry.registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let ask = app.anonymous().asks(&issuer, "issue", "Degree");
    let before = app.clock.now();
    app.clock.advance(DAY / 24);
    registry.suspends(&issuer).await;
    assert_eq!(ask.both().await.line(), "200 no SUSPENDED");
    app.clock.advance(DAY / 24);
    registry.reinstates(&issuer).await;
    assert_eq!(ask.both().await.line(), "200 yes ACTIVE");
    app.clock.advance(DAY / 24);
    let after = app.clock.now();
    registry.revokes(&issuer).await;
    for (at, expected) in [
        (before, "200 yes ACTIVE"),
        (before.plus(DAY / 24), "200 no SUSPENDED"),
        (before.plus(DAY / 12), "200 yes ACTIVE"),
        (after, "200 no REVOKED"),
    ] {
        assert_eq!(ask.clone().at(at).both().await.line(), expected, "at {at}");
    }
}

#[tokio::test]
async fn an_answer_kept_in_a_cache_ends_when_a_fact_ends() {
    for app in [TestApp::build(), TestApp::build().redis()] {
        let app = app.start().await;
        let until = app.clock.now().plus(DAY);
        let registering = app.registry(AUTHORITY).registers("did:web:issuer.example");
        let issuer = registering.authorized("issue", "Degree").valid("", &until.to_string()).await;
        let ask = app.anonymous().asks(&issuer, "issue", "Degree");
        assert_eq!(ask.both().await.line(), "200 yes ACTIVE");
        app.clock.set(until);
        assert_eq!(ask.both().await.line(), "200 no EXPIRED");
    }
}

#[tokio::test]
async fn unknown_terms_are_false_where_the_site_says_so() {
    let settings = "answers = { unknown = \"false\" }\nlimits = { deadline_ms = 10000 }";
    let app = TestApp::build().settings(settings).start().await;
    records(&app.registry(AUTHORITY)).await;
    let said = app.anonymous().asks("did:web:stranger.example", "issue", "Degree").both().await;
    assert_eq!(said.line(), "200 no UNKNOWN_ENTITY");
}

#[tokio::test]
async fn request_ids_come_back_and_any_origin_may_read() {
    let app = TestApp::start().await;
    let rest = app.rest();
    let id = "5b1c1fd4-6a25-4d0c-9c6c-000000000001";
    let request = rest.request(Method::POST, "/authorization").header("x-request-id", id);
    let reply = rest.send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(reply.status, 415);
    assert_eq!(reply.header("x-request-id"), id);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let request = rest.request(Method::OPTIONS, "/authorization").header(header::ORIGIN, "https://a.example");
    let reply = rest.send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("access-control-allow-methods").contains("POST"));
    assert!(reply.header("access-control-allow-headers").contains("content-type"));
}

#[tokio::test]
async fn header_names_are_in_title_case_on_the_wire() {
    let app = TestApp::start().await;
    let mut socket = tokio::net::TcpStream::connect(app.address).await.expect("a connection");
    let request = b"GET /livez HTTP/1.1\r\nHost: a.example\r\nX-Request-Id: 7\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).await.expect("a reply");
    for name in ["Content-Type: ", "Content-Length: ", "X-Request-Id: 7", "Access-Control-Allow-Origin: *"] {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[tokio::test]
async fn metadata_is_ayras_and_nothing_is_nowhere() {
    let app = TestApp::start().await;
    let rest = app.rest();
    let metadata = rest.get("/metadata").await.json();
    assert_eq!(metadata["id"], AUTHORITY);
    assert_eq!(metadata["controllers"][0], AUTHORITY);
    let trqp = rest.get("/.well-known/trqp-metadata").await.json();
    assert_eq!(trqp["trqp_version"], "2.0");
    assert_eq!(trqp["authority_id"], AUTHORITY);
    assert_eq!(rest.get("/nowhere").await.problem(), (404, "NOT_FOUND".to_owned()));
}
