//! The log as others read it, through both doors: as it must be by the events themselves, and nothing beyond what is
//! published.

mod bad;
mod damaged;
mod decisions;
mod held;
mod proofs;
mod receipts;
mod tiles;
