//! Transparency logs as C2SP and RFC 6962 write them down.
//!
//! In scope: the Merkle tree and its proofs, tiles, signed notes, checkpoints, cosignatures, what a witness decides,
//! policies, and proofs that can be checked offline. Out of scope: IO, clocks, randomness, private keys.

pub mod checkpoint;
pub mod cosign;
pub mod hash;
pub mod note;
mod number;
pub mod proof;
pub mod tile;
pub mod tree;

pub use crate::hash::Hash;

#[cfg(test)]
mod testing;
