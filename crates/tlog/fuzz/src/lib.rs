//! What each fuzz target calls. `tests/fuzz_corpus.rs` calls the same over the corpus, without a fuzzer.
//!
//! Each says whether the bytes were accepted, and panics if what was read is not what would be written.

use std::{fmt::Display, str::FromStr};

use charter_tlog::{
    checkpoint::SignedCheckpoint, log_proof::LogProof, note::Note, policy::Policy, tile::TilePath,
    witness::AddCheckpoint,
};

/// A target's name, which is that of its corpus, and what it calls.
pub type Entry = (&'static str, fn(&[u8]) -> bool);

pub const ENTRIES: [Entry; 6] = [
    ("add_checkpoint", add_checkpoint),
    ("checkpoint", checkpoint),
    ("log_proof", log_proof),
    ("note", note),
    ("policy", policy),
    ("tile_path", tile_path),
];

pub fn add_checkpoint(bytes: &[u8]) -> bool {
    same(AddCheckpoint::parse(bytes).ok(), bytes)
}

pub fn checkpoint(bytes: &[u8]) -> bool {
    same(SignedCheckpoint::parse(bytes).ok(), bytes)
}

pub fn log_proof(bytes: &[u8]) -> bool {
    same(text::<LogProof>(bytes), bytes)
}

pub fn note(bytes: &[u8]) -> bool {
    same(Note::parse(bytes).ok(), bytes)
}

pub fn policy(bytes: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(bytes) else { return false };
    assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    true
}

pub fn tile_path(bytes: &[u8]) -> bool {
    same(text::<TilePath>(bytes), bytes)
}

fn text<T: FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Each of these formats has one text for one value.
fn same<T: Display>(read: Option<T>, bytes: &[u8]) -> bool {
    let Some(value) = read else { return false };
    assert_eq!(value.to_string().as_bytes(), bytes);
    true
}
