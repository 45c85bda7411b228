//! What is in the tree and not published is seen by nobody; writes and answers do not wait for it.

use std::time::Duration;

use charter_proto::charter::registry::v1::{self as pb, log_service_client::LogServiceClient};
use charter_tests::{AUTHORITY, TestApp};

use crate::{
    kept::until,
    logged::{hold, id, loads, published, release},
};

#[tokio::test]
async fn nothing_beyond_the_published_size_is_seen_at_any_door() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 126).await;
    let before = published(&app, AUTHORITY).await;
    assert!(before.size < 256, "the first tile is not full yet: {}", before.size);
    hold(&app);
    loads(&app, AUTHORITY, 126, 30).await;
    let registry = id(&app, AUTHORITY);
    let grown = before.size + 60;
    let limit = Duration::from_secs(60);
    until(limit, "sequenced", async || app.app.logs.sequenced(registry) == grown).await;
    let (rest, size) = (app.rest(), before.size);
    let checkpoint = rest.get("/log/checkpoint").await;
    assert_eq!(checkpoint.text(), before.text);
    for path in [
        "tile/0/000".to_owned(),
        format!("tile/0/000.p/{}", size + 1),
        "tile/0/001.p/1".to_owned(),
        "tile/1/000.p/1".to_owned(),
        "tile/entries/000".to_owned(),
        format!("tile/entries/000.p/{}", size + 1),
        "tile/entries/001.p/1".to_owned(),
    ] {
        let reply = rest.get(&format!("/log/{path}")).await;
        assert_eq!(reply.problem(), (404, "NOT_PUBLISHED".to_owned()), "{path}");
    }
    for path in [
        format!("proof?index={size}"),
        format!("proof?index=0&size={}", size + 1),
        format!("consistency?old=1&new={grown}"),
        format!("consistency?old={grown}"),
        format!("entries?start={size}"),
    ] {
        let reply = rest.get(&format!("/api/v1/log/{path}")).await;
        assert_eq!(reply.problem(), (404, "NOT_PUBLISHED".to_owned()), "{path}");
        assert!(!reply.text().contains(&grown.to_string()) || path.contains(&grown.to_string()), "{path}");
    }
    let last = rest.get(&format!("/api/v1/log/entries?start={}&limit=256", size - 1)).await.json();
    assert_eq!((last["entries"].as_array().map(Vec::len), &last["published_size"]), (Some(1), &size.into()));
    let mut client = LogServiceClient::new(app.channel());
    let said = client.get_checkpoint(pb::GetCheckpointRequest::default()).await.expect("a checkpoint");
    assert_eq!(said.into_inner().size.unsigned_abs(), size);
    release(&app);
    let after = published(&app, AUTHORITY).await;
    assert_eq!(after.size, grown);
    for path in ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/001.p/1"] {
        assert_eq!(rest.get(&format!("/log/{path}")).await.status, 200, "{path}");
    }
}

/// A witness that is not there.
const NOBODY: &str = "nobody.example/witness+2074928b+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

/// A log that has published nothing says so; everything else works.
#[tokio::test]
async fn before_the_first_checkpoint_there_is_none() {
    let witness = format!("{{ url = \"http://127.0.0.1:9/witness\", vkey = \"{NOBODY}\" }}");
    let details = format!("log = {{ quorum = 1, witnesses = [{witness}] }}");
    let app = TestApp::build().registry(AUTHORITY).details(&details).start().await;
    loads(&app, AUTHORITY, 0, 2).await;
    let registry = id(&app, AUTHORITY);
    let limit = Duration::from_secs(60);
    until(limit, "sequenced", async || app.app.logs.sequenced(registry) >= 5).await;
    let rest = app.rest();
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/tile/entries/000.p/1",
        "/api/v1/log/checkpoint",
        "/api/v1/log/proof?seq=1",
        "/api/v1/log/consistency?old=1",
        "/api/v1/log/entries",
    ] {
        assert_eq!(rest.get(path).await.problem(), (404, "NOT_PUBLISHED".to_owned()), "{path}");
    }
    let receipt = rest.get("/api/v1/log/receipts/1?wait=published&timeout_ms=100").await.json();
    assert_eq!((&receipt["state"], &receipt["published_size"]), (&"SEQUENCED".into(), &0.into()));
    let asking = app.anonymous().asks("did:web:issuer-1.example", "issue", "Degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let meta = rest.post("/authorization", &asking.json()).await.json()["meta"].clone();
    assert_eq!((&meta["published_size"], &meta["log"]), (&0.into(), &"PENDING".into()));
}
