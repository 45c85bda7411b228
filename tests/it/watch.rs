//! Watching: every event once and in order, soon after its commit, and on from where one stopped.

use std::time::{Duration, Instant};

use charter_proto::charter::registry::v1::{self as pb, event_service_client::EventServiceClient};
use charter_tests::{AUTHORITY, TestApp, ask::error};
use http_body_util::BodyExt;
use tonic::Streaming;

use crate::kept::{beside, until};

/// From commit to subscriber.
const SOON: Duration = Duration::from_secs(2);
/// For what comes at all, on a busy machine.
const LATEST: Duration = Duration::from_secs(30);

async fn watches(app: &TestApp, after: i64) -> Streaming<pb::WatchResponse> {
    let request = pb::WatchRequest { registry_id: AUTHORITY.to_owned(), after, ..Default::default() };
    EventServiceClient::new(app.channel()).watch(request).await.expect("watched").into_inner()
}

async fn next(stream: &mut Streaming<pb::WatchResponse>) -> (i64, serde_json::Value) {
    let next = tokio::time::timeout(LATEST, stream.message()).await.expect("in time");
    let item = next.expect("an item").expect("not the end");
    (item.seq, serde_json::from_slice(&item.event).expect("JSON"))
}

#[tokio::test]
async fn every_event_arrives_once_in_order_at_every_server_and_a_revocation_soon() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let other = beside(&app, TestApp::build().registry(AUTHORITY)).await;
    let url = format!("http://{}", other.addresses[0]);
    let channel = tonic::transport::Endpoint::from_shared(url).expect("a URL").connect_lazy();
    let request = pb::WatchRequest { registry_id: AUTHORITY.to_owned(), ..Default::default() };
    let there = EventServiceClient::new(channel).watch(request).await.expect("watched").into_inner();
    let mut streams = [watches(&app, 0).await, there];
    for stream in &mut streams {
        for seq in 1..=2 {
            assert_eq!(next(stream).await.0, seq, "what had happened before");
        }
    }
    // The best of three: a busy machine may be late for one.
    let mut best = Duration::MAX;
    for (first, entity) in
        (3..).step_by(3).zip(["did:web:a.example", "did:web:b.example", "did:web:c.example"])
    {
        registry.registers(entity).authorized("issue", "Degree").await;
        let called = Instant::now();
        registry.revokes(entity).await;
        for stream in &mut streams {
            for (seq, kind) in (first..).zip(["EntityRegistered", "StatementMade", "StatusChanged"]) {
                let (number, event) = next(stream).await;
                assert_eq!((number, event["kind"].as_str()), (seq, Some(kind)));
            }
        }
        println!("the revocation was seen {:?} after it was called for", called.elapsed());
        best = best.min(called.elapsed());
    }
    assert!(best < SOON, "{best:?}");
    other.stop().await;
}

#[tokio::test]
async fn a_watcher_goes_on_after_the_number_it_has() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    for n in 0..3 {
        registry.registers(&format!("did:web:e{n}.example")).authorized("issue", "Degree").await;
    }
    let mut all = watches(&app, 0).await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(next(&mut all).await);
    }
    for after in [0, 1, 5, 7] {
        let mut rest = watches(&app, after).await;
        for known in &seen[usize::try_from(after).expect("small")..] {
            assert_eq!(&next(&mut rest).await, known);
        }
    }
    for after in [-1, 9, i64::MAX] {
        let request = pb::WatchRequest { registry_id: AUTHORITY.to_owned(), after, ..Default::default() };
        let refused = EventServiceClient::new(app.channel()).watch(request).await.expect_err("refused");
        assert_eq!(error(&refused).line(), "400 INVALID", "{after}");
    }
}

#[tokio::test]
async fn server_sent_events_have_the_number_as_id_and_resume_by_it() {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers("did:web:a.example").authorized("issue", "Degree").await;
    let rest = app.rest();
    let request = rest.request(http::Method::GET, "/api/v1/watch").header("last-event-id", "2");
    let request = request.body(http_body_util::Full::<bytes::Bytes>::default()).expect("a request");
    let response = rest.open(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains("id: 4") {
        let frame = tokio::time::timeout(LATEST, body.frame()).await.expect("in time").expect("a frame");
        text += std::str::from_utf8(frame.expect("read").data_ref().expect("data")).expect("UTF-8");
    }
    assert!(text.contains("id: 3") && text.contains("event: change") && !text.contains("id: 2"), "{text}");
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_its_watchers() {
    let app = TestApp::start().await;
    let mut stream = watches(&app, 2).await;
    let start = Instant::now();
    app.stop().await;
    let end = stream.message().await.expect_err("the end");
    assert_eq!(error(&end).line(), "503 UNAVAILABLE");
    // Untold, it would be waited for until the drain is over, after 30 s.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn only_what_was_asked_for_is_sent() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    for entity in ["did:web:a.example", "did:web:b.example"] {
        registry.registers(entity).authorized("issue", "Degree").await;
    }
    let wish = |kind: &str, entity: &str| pb::WatchRequest {
        kinds: vec![kind.to_owned()],
        entity_id: entity.to_owned(),
        ..Default::default()
    };
    let client = || EventServiceClient::new(app.channel());
    let stream = client().watch(wish("StatusChanged", "did:web:a.example")).await;
    let mut stream = stream.expect("watched").into_inner();
    registry.revokes("did:web:b.example").await;
    registry.revokes("did:web:a.example").await;
    let (_, event) = next(&mut stream).await;
    let entity = client().watch(wish("EntityRegistered", "did:web:a.example")).await;
    let (_, registered) = next(&mut entity.expect("watched").into_inner()).await;
    assert_eq!((&event["kind"], &event["subject"]), (&"StatusChanged".into(), &registered["subject"]));
    for (kind, entity, line) in
        [("Nothing", "", "400 INVALID"), ("StatusChanged", "did:web:nobody.example", "404 UNKNOWN_ENTITY")]
    {
        let refused = client().watch(wish(kind, entity)).await.expect_err("refused");
        assert_eq!(error(&refused).line(), line);
        let path = format!("/api/v1/watch?kinds={kind}&entity_id={entity}");
        assert_eq!(app.rest().get(&path).await.problem().0.to_string(), line[..3]);
    }
}

#[tokio::test]
async fn an_address_watches_so_often_and_no_more() {
    let settings = "cache = { lease_ms = 200, poll_ms = 50 }\nlimits = { max_watchers_per_address = 2, deadline_ms = 10000 }";
    let app = TestApp::build().settings(settings).start().await;
    let first = watches(&app, 0).await;
    let _second = watches(&app, 0).await;
    let request = || pb::WatchRequest::default();
    let client = || EventServiceClient::new(app.channel());
    let refused = client().watch(request()).await.expect_err("refused");
    assert_eq!(error(&refused).line(), "429 RATE_LIMITED");
    assert_eq!(app.rest().get("/api/v1/watch").await.problem(), (429, "RATE_LIMITED".to_owned()));
    drop(first);
    until(LATEST, "the seat is free again", || async { client().watch(request()).await.is_ok() }).await;
}
