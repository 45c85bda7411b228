//! Transparency logs as C2SP and RFC 6962 write them down.
//!
//! In scope: the Merkle tree and its proofs, tiles, signed notes, checkpoints, cosignatures, what a witness decides,
//! policies, and proofs that can be checked offline. Out of scope: IO, clocks, randomness, private keys.

pub mod bundle;
pub mod checkpoint;
pub mod cosign;
pub mod hash;
pub mod log_proof;
pub mod note;
mod number;
pub mod policy;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

pub use crate::hash::Hash;

#[cfg(test)]
mod testing;
