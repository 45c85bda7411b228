//! Receipts: how far an event has come, waited for or not.

use std::time::{Duration, Instant};

use charter_proto::charter::registry::v1::{self as pb, log_service_client::LogServiceClient};
use charter_tests::{AUTHORITY, TestApp};
use charter_tlog::{hash, log_proof::LogProof, proof::verify_inclusion};

use crate::{
    kept::{until, within},
    logged::{events, hold, id, loads, published, release, vkey},
};

async fn receipt(app: &TestApp, seq: i64, wait: &str, timeout_ms: Option<i32>) -> pb::GetReceiptResponse {
    let request = pb::GetReceiptRequest { seq, wait: wait.to_owned(), timeout_ms, ..Default::default() };
    let said = LogServiceClient::new(app.channel()).get_receipt(request).await;
    said.expect("a receipt").into_inner()
}

#[tokio::test]
async fn an_event_is_waited_for_until_it_is_published() {
    let app = TestApp::start().await;
    for n in 0..5 {
        loads(&app, AUTHORITY, n, 1).await;
        let seq = app.app.store.epoch(id(&app, AUTHORITY)).await.expect("an epoch");
        let said = receipt(&app, seq, "published", Some(10_000)).await;
        assert_eq!((said.seq, said.state.as_str()), (seq, "PUBLISHED"));
        assert!(said.published_size >= seq);
        let proof: LogProof = said.log_proof.parse().expect("a proof");
        proof.checkpoint().verify_log(&vkey(&app, AUTHORITY).await).expect("signed by the log");
        let (bytes, _) = events(&app, AUTHORITY, seq.unsigned_abs()).await;
        let leaf = hash::leaf(bytes.last().expect("an event"));
        let tree = proof.checkpoint().checkpoint();
        assert_eq!(proof.index() + 1, seq.unsigned_abs());
        verify_inclusion(leaf, proof.index(), tree.size(), proof.hashes(), tree.root()).expect("proven");
        let rest = app.rest().get(&format!("/api/v1/log/receipts/{seq}?wait=PUBLISHED")).await.json();
        assert_eq!((&rest["state"], &rest["leaf_hash"]), (&"PUBLISHED".into(), &said.leaf_hash.into()));
    }
}

#[tokio::test]
async fn a_wait_ends_when_it_was_said_to_and_the_answer_says_how_far_it_came() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 1).await;
    let size = published(&app, AUTHORITY).await.size;
    hold(&app);
    loads(&app, AUTHORITY, 1, 1).await;
    let seq = i64::try_from(size).expect("small") + 2;
    let said = receipt(&app, seq, "sequenced", Some(10_000)).await;
    assert_eq!((said.state.as_str(), said.log_proof.as_str()), ("SEQUENCED", ""));
    assert_eq!(said.published_size.unsigned_abs(), size);
    within(Duration::from_secs(2), "nobody waits for what is there, or for no time", async || {
        let begun = Instant::now();
        assert_eq!(receipt(&app, seq, "", Some(10_000)).await.state, "SEQUENCED");
        assert_eq!(receipt(&app, seq, "committed", None).await.state, "SEQUENCED");
        assert_eq!(receipt(&app, seq, "published", Some(0)).await.state, "SEQUENCED");
        begun.elapsed()
    })
    .await;
    // Longer than a question may take.
    let begun = Instant::now();
    assert_eq!(receipt(&app, seq, "published", Some(2_500)).await.state, "SEQUENCED");
    assert!(begun.elapsed() >= Duration::from_millis(2_500), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let reply = app.rest().get(&format!("/api/v1/log/receipts/{seq}?wait=published&timeout_ms=300")).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"SEQUENCED".into()));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // A caller's own deadline is kept to: the receipt is there before it, where the machine is not late itself.
    until(Duration::from_secs(30), "the receipt is there in time", async || {
        let mut request = tonic::Request::new(pb::GetReceiptRequest {
            seq,
            wait: "published".to_owned(),
            timeout_ms: Some(10_000),
            ..Default::default()
        });
        request.set_timeout(Duration::from_millis(700));
        let said = LogServiceClient::new(app.channel()).get_receipt(request).await;
        said.is_ok_and(|said| said.into_inner().state == "SEQUENCED")
    })
    .await;
    let waiting = receipt(&app, seq, "published", Some(10_000));
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        release(&app);
    };
    let (said, ()) = tokio::join!(waiting, released);
    assert_eq!(said.state, "PUBLISHED");
}
