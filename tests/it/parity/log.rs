//! What the log of a registry is asked for; nobody signs in for it.

use charter_proto::charter::registry::v1 as pb;

use super::{Case, reads};

fn inclusion(seq: Option<i64>, index: Option<i64>, size: Option<i64>, query: &str) -> Case {
    let message = pb::GetInclusionProofRequest { seq, index, size, ..Default::default() };
    reads("LogService/GetInclusionProof", "", &message, format!("/api/v1/log/proof{query}"))
}

fn consistency(old: Option<i64>, new: Option<i64>, query: &str) -> Case {
    let message = pb::GetConsistencyProofRequest { old, new, ..Default::default() };
    reads("LogService/GetConsistencyProof", "", &message, format!("/api/v1/log/consistency{query}"))
}

fn entries(start: i64, limit: Option<i32>, query: &str) -> Case {
    let message = pb::GetEntriesRequest { start, limit, ..Default::default() };
    reads("LogService/GetEntries", "", &message, format!("/api/v1/log/entries{query}"))
}

fn receipt(seq: i64, wait: &str, timeout_ms: Option<i32>, path: &str) -> Case {
    let message = pb::GetReceiptRequest { seq, wait: wait.to_owned(), timeout_ms, ..Default::default() };
    reads("LogService/GetReceipt", "", &message, format!("/api/v1/log/receipts/{path}"))
}

/// Of a log that does not grow meanwhile.
pub(super) fn cases() -> Vec<Case> {
    let checkpoint = pb::GetCheckpointRequest::default();
    vec![
        reads("LogService/GetCheckpoint", "", &checkpoint, "/api/v1/log/checkpoint"),
        inclusion(Some(1), None, None, "?seq=1"),
        inclusion(None, Some(2), Some(4), "?index=2&size=4"),
        inclusion(None, None, None, ""),
        inclusion(Some(1), Some(0), None, "?seq=1&index=0"),
        inclusion(Some(1), None, Some(0), "?seq=1&size=0"),
        inclusion(Some(1), None, Some(9_999), "?seq=1&size=9999"),
        consistency(Some(1), Some(3), "?old=1&new=3"),
        consistency(Some(2), None, "?old=2"),
        consistency(None, None, ""),
        consistency(Some(3), Some(1), "?old=3&new=1"),
        consistency(Some(1), Some(9_999), "?old=1&new=9999"),
        entries(0, None, ""),
        entries(1, Some(2), "?start=1&limit=2"),
        entries(0, Some(257), "?limit=257"),
        entries(9_999, None, "?start=9999"),
        receipt(1, "", None, "1"),
        receipt(2, "published", Some(5_000), "2?wait=published&timeout_ms=5000"),
        receipt(9_999, "published", None, "9999?wait=published"),
        receipt(1, "done", None, "1?wait=done"),
    ]
}
