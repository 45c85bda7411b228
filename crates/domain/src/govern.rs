//! How a registry changes once it is sealed: somebody proposes, others approve exactly those bytes, and only then
//! is there a permit to record the change.

pub mod correction;
pub mod hearing;
pub mod lifecycle;
pub mod proposal;
pub mod renewal;

pub use self::proposal::{Approval, Proposal, ProposalState, Step};
pub use crate::measure::Measure;
