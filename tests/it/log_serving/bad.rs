//! Bad input to the log: sizes and ranges that cannot be, paths that are no tiles.

use charter_proto::charter::registry::v1::{self as pb, log_service_client::LogServiceClient};
use charter_tests::{AUTHORITY, TestApp, ask};

use crate::logged::{loads, published};

async fn started() -> (TestApp, u64) {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 140).await;
    let size = published(&app, AUTHORITY).await.size;
    assert!((257..400).contains(&size), "{size}");
    (app, size)
}

#[tokio::test]
async fn numbers_that_cannot_be_are_named_over_rest() {
    let (app, size) = started().await;
    let (rest, beyond) = (app.rest(), size + 1);
    let huge = i64::MAX;
    for (path, status, code, pointer) in [
        ("proof".to_owned(), 400, "INVALID", "/seq"),
        ("proof?seq=1&index=0".to_owned(), 400, "INVALID", "/seq"),
        ("proof?seq=0".to_owned(), 400, "INVALID", "/seq"),
        ("proof?seq=-1".to_owned(), 400, "INVALID", "/seq"),
        ("proof?seq=one".to_owned(), 400, "INVALID", "/seq"),
        ("proof?seq=99999999999999999999".to_owned(), 400, "INVALID", "/seq"),
        ("proof?index=-1".to_owned(), 400, "INVALID", "/index"),
        ("proof?index=5&size=0".to_owned(), 400, "INVALID", "/size"),
        ("proof?index=5&size=-3".to_owned(), 400, "INVALID", "/size"),
        ("proof?index=5&size=5".to_owned(), 400, "INVALID", "/size"),
        (format!("proof?index={size}"), 404, "NOT_PUBLISHED", "/index"),
        (format!("proof?index={huge}"), 404, "NOT_PUBLISHED", "/index"),
        (format!("proof?seq={huge}"), 404, "NOT_PUBLISHED", "/index"),
        (format!("proof?index=5&size={beyond}"), 404, "NOT_PUBLISHED", "/size"),
        (format!("proof?index=5&size={huge}"), 404, "NOT_PUBLISHED", "/size"),
        ("consistency".to_owned(), 400, "INVALID", "/old"),
        ("consistency?old=0".to_owned(), 400, "INVALID", "/old"),
        ("consistency?old=-1".to_owned(), 400, "INVALID", "/old"),
        ("consistency?old=5&new=0".to_owned(), 400, "INVALID", "/new"),
        ("consistency?old=5&new=4".to_owned(), 400, "INVALID", "/old"),
        (format!("consistency?old={beyond}"), 404, "NOT_PUBLISHED", "/old"),
        (format!("consistency?old=1&new={beyond}"), 404, "NOT_PUBLISHED", "/new"),
        ("entries?start=-1".to_owned(), 400, "INVALID", "/start"),
        ("entries?limit=0".to_owned(), 400, "INVALID", "/limit"),
        ("entries?limit=-1".to_owned(), 400, "INVALID", "/limit"),
        ("entries?limit=257".to_owned(), 400, "INVALID", "/limit"),
        ("entries?limit=2147483647".to_owned(), 400, "INVALID", "/limit"),
        (format!("entries?start={size}"), 404, "NOT_PUBLISHED", "/start"),
        (format!("entries?start={huge}&limit=256"), 404, "NOT_PUBLISHED", "/start"),
        ("receipts/0".to_owned(), 400, "INVALID", "/seq"),
        ("receipts/-5".to_owned(), 400, "INVALID", "/seq"),
        ("receipts/x".to_owned(), 400, "INVALID", "/seq"),
        ("receipts/1?wait=done".to_owned(), 400, "INVALID", "/wait"),
        ("receipts/1?timeout_ms=10001".to_owned(), 400, "INVALID", "/timeout_ms"),
        ("receipts/1?timeout_ms=-1".to_owned(), 400, "INVALID", "/timeout_ms"),
    ] {
        let reply = rest.get(&format!("/api/v1/log/{path}")).await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{path} {}", reply.text());
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{path} {}", reply.text());
    }
    for path in [format!("receipts/{beyond}"), format!("receipts/{huge}?wait=published")] {
        let reply = rest.get(&format!("/api/v1/log/{path}")).await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    for path in ["/api/v1/log/proof?seqs=1", "/api/v1/log/checkpoint?a=b", "/log/checkpoint?a=b"] {
        assert_eq!(rest.get(path).await.problem(), (400, "INVALID".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn numbers_that_cannot_be_are_named_over_grpc() {
    let (app, size) = started().await;
    let mut client = LogServiceClient::new(app.channel());
    let beyond = i64::try_from(size + 1).expect("small");
    for (seq, index, wanted, line) in [
        (None, None, None, "400 INVALID seq"),
        (Some(0), None, None, "400 INVALID seq"),
        (Some(i64::MIN), None, None, "400 INVALID seq"),
        (None, Some(i64::MIN), None, "400 INVALID index"),
        (Some(1), None, Some(0), "400 INVALID size"),
        (Some(1), None, Some(i64::MIN), "400 INVALID size"),
        (Some(1), None, Some(beyond), "404 NOT_PUBLISHED size"),
        (Some(beyond), None, None, "404 NOT_PUBLISHED index"),
    ] {
        let request = pb::GetInclusionProofRequest { seq, index, size: wanted, ..Default::default() };
        let said = ask::error(&client.get_inclusion_proof(request).await.expect_err("refused"));
        assert_eq!(format!("{} {}", said.line(), said.field), line);
    }
    for (old, new, line) in [
        (None, None, "400 INVALID old"),
        (Some(0), Some(1), "400 INVALID old"),
        (Some(2), Some(1), "400 INVALID old"),
        (Some(1), Some(i64::MAX), "404 NOT_PUBLISHED new"),
    ] {
        let request = pb::GetConsistencyProofRequest { old, new, ..Default::default() };
        let said = ask::error(&client.get_consistency_proof(request).await.expect_err("refused"));
        assert_eq!(format!("{} {}", said.line(), said.field), line);
    }
    let request = pb::GetEntriesRequest { start: 0, limit: Some(257), ..Default::default() };
    assert_eq!(ask::error(&client.get_entries(request).await.expect_err("refused")).field, "limit");
    let request = pb::GetCheckpointRequest { registry_id: "did:web:nobody.example".to_owned() };
    let said = ask::error(&client.get_checkpoint(request).await.expect_err("refused"));
    assert_eq!(said.line(), "404 NOT_FOUND");
}

/// What is no path of a tile is never looked up, however it is spelled; what is one and not published is not there.
#[tokio::test]
async fn one_tile_has_one_path_and_nothing_leads_out_of_the_log() {
    let (app, size) = started().await;
    let rest = app.rest();
    let edge = size - 256;
    let wider = format!("0/001.p/{}", edge + 1);
    for path in [
        "0/002.p/1",
        &wider,
        "0/001",
        "1/000.p/2",
        "1/000",
        "2/000.p/1",
        "7/000.p/1",
        "8/000.p/1",
        "63/000.p/1",
        "0/x999/x999/999",
        "entries/001",
        "entries/002.p/1",
        &format!("entries/001.p/{}", edge + 1),
        "entries/x999/x999/x999/999",
    ] {
        let reply = rest.get(&format!("/log/tile/{path}")).await;
        assert_eq!(reply.problem(), (404, "NOT_PUBLISHED".to_owned()), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    for path in [
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "0/000/",
        "0/000.p",
        "0/000.p/",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/257",
        "0/000.p/01",
        "0/000.p/+1",
        "0/000.p/-1",
        "0/000.p/1/",
        "0/000.P/1",
        "0/x000/000",
        "0/x00/000",
        "0/000/000",
        "00/000",
        "64/000",
        "-1/000",
        "a/000",
        "0/-01",
        "0/%30%30%30",
        "%30/000",
        "0%2F000",
        "0/000%2Ep/1",
        "../checkpoint",
        "0/../0/000",
        "..%2f..%2fetc/passwd",
        "0/..%2F..%2F..%2Fkek",
        "entries/../0/000",
        "entries",
        "entries/",
        "entries/0",
        "entries/000.p/0",
        "Entries/000",
        "0/000%00",
        "0/000;a",
        "0//000",
        "/0/000",
        "0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        let reply = rest.get(&format!("/log/tile/{path}")).await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned()), "`{path}`");
    }
    let long = "x".repeat(4_000);
    assert_eq!(rest.get(&format!("/log/tile/{long}")).await.problem().0, 404);
    assert_eq!(rest.get("/log/tile/0/000?a=b").await.problem(), (400, "INVALID".to_owned()));
    for path in ["/log", "/log/", "/log/key", "/log/../log/checkpoint", "/logs/checkpoint"] {
        assert_eq!(rest.get(path).await.problem(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    let posted = rest.post_text("/log/checkpoint", "x").await;
    assert_eq!(posted.problem(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(rest.get("/log/tile/0/000").await.status, 200);
}
