//! The public bytes of an event, and their hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Change;
use crate::{AuthorityId, Invalid, Timestamp, json, staff::Role};

/// Somebody's yes to what an event records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The `StaffId`, as text like `actor`.
    pub by: String,
    pub role: Role,
    /// Hash of the proposal's bytes that they approved, lower-case hex.
    pub over: String,
}

/// An event before it is canonical: what the transaction adds to a change.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    pub registry: &'a AuthorityId,
    pub seq: i64,
    /// A number that stands for the actor; names and accounts are restricted.
    pub actor: &'a str,
    pub origin: &'a str,
    pub recorded_at: Timestamp,
    /// Empty for what needed none.
    pub approvals: &'a [Approved],
    /// Leaf hash of the event before, lower-case hex; absent for the first.
    pub prev: Option<&'a str>,
    pub restricted: Option<&'a str>,
}

#[derive(Serialize)]
struct Public<'a> {
    v: u8,
    registry: &'a AuthorityId,
    seq: i64,
    #[serde(flatten)]
    change: &'a Change,
    subject: &'a str,
    actor: &'a str,
    origin: &'a str,
    recorded_at: Timestamp,
    approvals: &'a [Approved],
    prev: Option<&'a str>,
    restricted: Option<&'a str>,
}

/// Longest event, in bytes: what an entry bundle of the log can hold (C2SP tlog-tiles, Log entries). A longer one could
/// never be shown to an auditor.
pub const MAX_BODY: usize = 65_535;

/// The public bytes of an event: RFC 8785, strings and integers only. A change that makes more than [`MAX_BODY`] is
/// refused: `schema_json` where that is what is too long, else `change`.
pub fn body(header: &Header<'_>, change: &Change) -> Result<Vec<u8>, Invalid> {
    let bytes = json::canonical(&Public {
        v: 1,
        registry: header.registry,
        seq: header.seq,
        change,
        subject: &change.subject(),
        actor: header.actor,
        origin: header.origin,
        recorded_at: header.recorded_at,
        approvals: header.approvals,
        prev: header.prev,
        restricted: header.restricted,
    })?;
    if bytes.len() > MAX_BODY {
        let why =
            format!("makes an event of {} bytes, and one has at most {MAX_BODY}: say less", bytes.len());
        return Err(Invalid::new(longest(change), why));
    }
    Ok(bytes)
}

/// What of a change to make shorter, as callers know it.
const fn longest(change: &Change) -> &'static str {
    match change {
        Change::SchemaPublished(_) => "schema_json",
        _ => "change",
    }
}

/// RFC 6962 leaf hash: SHA-256 over 0x00 and the bytes. Leaf index = seq - 1.
pub fn leaf_hash(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0u8]).chain_update(body).finalize().into()
}
