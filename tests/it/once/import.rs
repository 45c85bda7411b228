//! Chunks of records sent again: loaded once, answered the same, at both doors.

use charter_proto::charter::registry::v1 as pb;
use charter_tests::{AUTHORITY, TestApp};
use futures::future::{join, join_all};
use serde_json::{Value, json};

use super::{ID, OTHER, kept};
use crate::{governance::said, import::posts};

const ONE: &str = "did:web:one.example";
const TWO: &str = "did:web:two.example";
const NO_ID: &str = "not an id";

fn chunk(id: &str, identifiers: &[&str]) -> pb::ImportRecordsRequest {
    let record = |(line, identifier): (u32, &&str)| pb::ImportRecord {
        line,
        identifier: (*identifier).to_owned(),
        names: [("en".to_owned(), "Name".to_owned())].into(),
        country: "FI".to_owned(),
        ..Default::default()
    };
    pb::ImportRecordsRequest {
        records: (2..).zip(identifiers).map(record).collect(),
        request_id: id.to_owned(),
        ..Default::default()
    }
}

/// The same as a body.
fn body(identifiers: &[&str]) -> String {
    let record = |(line, identifier): (u32, &&str)| json!({ "line": line, "identifier": identifier, "names": { "en": "Name" }, "country": "FI" });
    json!({ "records": (2..).zip(identifiers).map(record).collect::<Vec<Value>>() }).to_string()
}

async fn epoch(app: &TestApp) -> i64 {
    let id = app.app.hosted.by_authority(AUTHORITY).expect("here");
    app.app.store.epoch(id).await.expect("an epoch")
}

async fn is_there(app: &TestApp, identifier: &str) -> bool {
    app.rest().get(&format!("/api/v1/entities/{identifier}")).await.status == 200
}

#[tokio::test]
async fn a_chunk_sent_again_is_answered_as_before_and_loaded_once() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let first = registry.imports(vec![chunk(ID, &[ONE, NO_ID])]).await.expect("loaded");
    assert_eq!((first[0].accepted, first[0].epoch), (1, epoch(&app).await));
    assert_eq!(
        first[0].errors.iter().map(|e| (e.line, e.code.as_str())).collect::<Vec<_>>(),
        [(3, "INVALID")]
    );
    assert_eq!(registry.imports(vec![chunk(ID, &[ONE, NO_ID])]).await.expect("again"), first);
    let over_rest = posts(&app, "records", ID, body(&[ONE, NO_ID])).await;
    assert_eq!(over_rest.status, 200, "{}", over_rest.text());
    let answer = over_rest.json();
    assert_eq!((&answer["accepted"], &answer["epoch"]), (&json!(1), &json!(first[0].epoch)), "{answer}");
    assert_eq!(answer["errors"][0]["line"], 3, "{answer}");
    assert_eq!((epoch(&app).await, kept(&app).await), (first[0].epoch, 1));

    let other = registry.imports(vec![chunk(ID, &[TWO])]).await.expect_err("another chunk");
    assert_eq!(said(&other), "422 REQUEST_ID_REUSED");
    let other = posts(&app, "records", ID, body(&[TWO])).await;
    assert_eq!(other.problem(), (422, "REQUEST_ID_REUSED".to_owned()));
    assert!(!is_there(&app, TWO).await);
    let dry = pb::ImportRecordsRequest { dry_run: true, ..chunk(ID, &[TWO]) };
    let dry = registry.imports(vec![dry]).await.expect("checked");
    assert_eq!((dry[0].accepted, dry[0].epoch), (1, 0), "an id is not looked at in a dry run");
    let bad = registry.imports(vec![chunk("x", &[TWO])]).await.expect_err("no UUID");
    assert_eq!(said(&bad), "400 INVALID");
    assert_eq!(posts(&app, "records", "x", body(&[TWO])).await.problem(), (400, "INVALID".to_owned()));
}

#[tokio::test]
async fn a_run_that_broke_off_is_sent_again_from_its_beginning() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let run = || vec![chunk(ID, &[ONE]), chunk(OTHER, &[ONE, TWO])];
    let begun = registry.imports(run().into_iter().take(1).collect()).await.expect("loaded");
    let whole = registry.imports(run()).await.expect("loaded");
    assert_eq!(whole[0], begun[0]);
    assert_eq!((whole[1].accepted, whole[1].errors[0].code.as_str()), (1, "DUPLICATE_ENTITY"));
    assert!(is_there(&app, TWO).await);
    assert_eq!(registry.imports(run()).await.expect("again"), whole);
    assert_eq!(epoch(&app).await, whole[1].epoch);
}

#[tokio::test]
async fn a_chunk_that_loads_nothing_uses_up_no_id() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let none = registry.imports(vec![chunk(ID, &[NO_ID])]).await.expect("judged");
    assert_eq!((none[0].accepted, none[0].errors.len(), kept(&app).await), (0, 1, 0));
    let good = registry.imports(vec![chunk(ID, &[ONE])]).await.expect("loaded");
    assert_eq!((good[0].accepted, kept(&app).await), (1, 1));
}

#[tokio::test]
async fn of_chunks_at_once_one_is_loaded_and_all_are_answered_alike() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    let before = epoch(&app).await;
    let over_grpc = join_all((0..8).map(|_| registry.imports(vec![chunk(ID, &[ONE, NO_ID, TWO])])));
    let over_rest = join_all((0..8).map(|_| posts(&app, "records", ID, body(&[ONE, NO_ID, TWO]))));
    let (over_grpc, over_rest) = join(over_grpc, over_rest).await;
    let answers: Vec<_> = over_grpc.into_iter().map(|a| a.expect("answered").remove(0)).collect();
    let first = &answers[0];
    assert_eq!((first.accepted, first.errors.len(), first.epoch), (2, 1, epoch(&app).await));
    assert_eq!(first.epoch, before + 2, "an event for each entity, once");
    assert!(answers.iter().all(|a| a == first), "{answers:?}");
    for reply in over_rest {
        let answer = reply.json();
        let said = (&answer["accepted"], &answer["epoch"], answer["errors"].as_array().map(Vec::len));
        assert_eq!(said, (&json!(2), &json!(first.epoch), Some(1)), "{answer}");
    }
    assert_eq!(kept(&app).await, 1);
}
