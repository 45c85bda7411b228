//! Proof without a network: a chain of signed documents is checked against pinned anchors.
//!
//! In scope: the signed documents, the chain file, the files of a snapshot, the anchor set, verification, drawing a
//! verified chain, proofs from transparency logs.
//! Out of scope: IO, fetching, clocks (`at` and `now` are arguments), how keys sign (see `charter-signing`).
//! This is what a verifier's program links.

pub mod anchor;
pub mod breakglass;
pub mod chain;
pub mod document;
pub mod fault;
pub mod issuer;
pub mod log;
pub mod render;
pub mod snapshot;
pub mod verify;

mod detached;
mod error;
mod strict;
#[cfg(test)]
mod testing;

pub use crate::{
    anchor::{Anchor, AnchorSet, Believed, Fingerprint, Refusal, SignedSet},
    chain::Chain,
    document::{
        AuthorityStatement, Denial, EntityConfiguration, RecognitionStatement, SnapshotIndex,
        SubordinateStatement,
    },
    error::Error,
    fault::{Fault, FaultCode},
    issuer::{Ancestor, Issuer},
    log::{LogEvidence, LogProven, ProofFile, verify_log},
    verify::{
        Denied, Link, LinkKind, Verified, verify, verify_anchor, verify_configuration, verify_counter,
        verify_denial, verify_denial_under, verify_snapshot, verify_subordinate, verify_under,
    },
};
