//! Every proof that is given verifies with what tlog computes from the events alone.

use charter_proto::charter::registry::v1::{self as pb, log_service_client::LogServiceClient};
use charter_server::app::log::proof;
use charter_tests::{AUTHORITY, TestApp};
use charter_tlog::{
    Hash,
    log_proof::LogProof,
    proof::{verify_consistency, verify_inclusion},
    tree::{self, Frontier},
};
use serde_json::Value;

use crate::logged::{events, id, loads, published, vkey};

/// The roots of the tree at all sizes from 0 on.
fn roots(leaves: &[Hash]) -> Vec<Hash> {
    let mut tree = Frontier::new();
    let grow = |leaf: &Hash| {
        tree.append(*leaf).expect("a small tree");
        tree.root()
    };
    let mut roots = vec![Frontier::new().root()];
    roots.extend(leaves.iter().map(grow));
    roots
}

fn hashes(list: &Value) -> Vec<Hash> {
    let text = |hash: &Value| hash.as_str().expect("text").parse().expect("a hash");
    list.as_array().expect("a list").iter().map(text).collect()
}

/// Every index of the published log over REST and gRPC, with its tlog-proof.
#[tokio::test]
async fn every_event_of_the_log_has_its_proof_at_both_doors() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 300).await;
    let now = published(&app, AUTHORITY).await;
    let (_, leaves) = events(&app, AUTHORITY, now.size).await;
    let (root, vkey, rest) = (tree::root_of(&leaves), vkey(&app, AUTHORITY).await, app.rest());
    assert!(now.size > 600);
    let mut client = LogServiceClient::new(app.channel());
    for (index, leaf) in (0..).zip(&leaves) {
        let reply = rest.get(&format!("/api/v1/log/proof?seq={}", index + 1)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let json = reply.json();
        verify_inclusion(*leaf, index, now.size, &hashes(&json["hashes"]), root).expect("proven");
        let text = json["log_proof"].as_str().expect("text");
        let parsed: LogProof = text.parse().expect("a proof");
        assert_eq!((parsed.index(), parsed.hashes()), (index, hashes(&json["hashes"]).as_slice()));
        parsed.checkpoint().verify_log(&vkey).expect("signed by the log");
        assert_eq!(parsed.checkpoint().checkpoint().root(), root);
        let hex: String = leaf.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(json["leaf_hash"], hex);
        let request = pb::GetInclusionProofRequest {
            index: Some(i64::try_from(index).expect("small")),
            ..Default::default()
        };
        let said = client.get_inclusion_proof(request).await.expect("a proof").into_inner();
        assert_eq!((said.log_proof.as_str(), said.leaf_hash), (text, hex), "{index}");
    }
}

/// All sizes: the first, the last and some event between; and that each size grew from the one before.
#[tokio::test]
async fn proofs_hold_at_every_size_that_the_log_has_had() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 300).await;
    let now = published(&app, AUTHORITY).await;
    let (_, leaves) = events(&app, AUTHORITY, now.size).await;
    let (roots, registry) = (roots(&leaves), id(&app, AUTHORITY));
    let at = |size: u64| roots[usize::try_from(size).expect("small")];
    let leaf = |index: u64| leaves[usize::try_from(index).expect("small")];
    for size in 1..=now.size {
        let wanted = Some(i64::try_from(size).expect("small"));
        let mut indexes = vec![0, size / 3, size / 2, size - 1];
        if (255..=258).contains(&size) || size < 20 {
            indexes = (0..size).collect();
        }
        indexes.dedup();
        for index in indexes {
            let found = proof::inclusion(&app.app, registry, index, wanted).await.expect("a proof");
            assert_eq!((found.root, found.leaf), (at(size), leaf(index)));
            verify_inclusion(leaf(index), index, size, &found.hashes, at(size)).expect("proven");
            assert_eq!(found.text.is_some(), size == now.size, "only the newest has a checkpoint");
        }
        for old in [1, size / 2, size - 1, size].into_iter().filter(|old| *old > 0) {
            let old_wanted = Some(i64::try_from(old).expect("small"));
            let found = proof::consistency(&app.app, registry, old_wanted, wanted).await.expect("a proof");
            assert_eq!((found.old_root, found.new_root), (at(old), at(size)));
            verify_consistency(old, at(old), size, at(size), &found.hashes).expect("proven");
        }
    }
}

#[tokio::test]
async fn consistency_and_entries_are_the_same_at_both_doors() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 150).await;
    let now = published(&app, AUTHORITY).await;
    let (events, leaves) = events(&app, AUTHORITY, now.size).await;
    let (roots, rest) = (roots(&leaves), app.rest());
    let mut client = LogServiceClient::new(app.channel());
    for old in [1_usize, 2, 255, 256, 257, 300] {
        let json = rest.get(&format!("/api/v1/log/consistency?old={old}")).await.json();
        let proof = hashes(&json["hashes"]);
        verify_consistency(old as u64, roots[old], now.size, now.root, &proof).expect("proven");
        assert_eq!(json["old_root"], roots[old].to_string());
        let request = pb::GetConsistencyProofRequest { old: i64::try_from(old).ok(), ..Default::default() };
        let said = client.get_consistency_proof(request).await.expect("a proof").into_inner();
        let texts: Vec<String> = proof.iter().map(Hash::to_string).collect();
        assert_eq!((said.hashes, said.new), (texts, i64::try_from(now.size).expect("small")));
    }
    let mut read: Vec<Vec<u8>> = Vec::new();
    while read.len() < events.len() {
        let start = i64::try_from(read.len()).expect("small");
        let request = pb::GetEntriesRequest { start, limit: Some(100), ..Default::default() };
        let page = client.get_entries(request).await.expect("a page").into_inner();
        assert_eq!((page.start, page.published_size.unsigned_abs()), (start, now.size));
        let json = rest.get(&format!("/api/v1/log/entries?start={start}&limit=100")).await.json();
        let shown: Vec<Value> =
            page.entries.iter().map(|entry| serde_json::from_slice(entry).expect("JSON")).collect();
        assert_eq!(json["entries"], Value::Array(shown));
        read.extend(page.entries);
    }
    assert_eq!(read, events);
}
