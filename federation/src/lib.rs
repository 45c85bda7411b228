//! Answers across registries: own records first, then the delegations whose scope covers the question.
//!
//! Invariants: this crate never sees the database (`LocalAuthority` is all it knows of it); a chain is verified
//! before its answer is believed; every question carries a budget; an error on the way is never a yes.

pub mod answer;
pub mod breaker;
pub mod budget;
pub mod local;
pub mod peers;
pub mod protocol;
pub mod resolver;
mod seen;
#[cfg(test)]
mod testing;
pub mod trace;
mod verdict;
pub mod walk;

pub use crate::{
    answer::{Answer, Basis, LogEvidence, Step},
    budget::Budget,
    local::{Accredited, Lacking, LocalAuthority, RegistryView},
    protocol::{PeerEndpoint, Polled, Protocol, native::Native},
    resolver::{Mode, Request, Resolve, Resolver},
};

/// Why a question could not be processed at all. A registry that cannot be asked is an answer (`UNVERIFIABLE`).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Invalid(#[from] charter_domain::Invalid),
    /// The instant lies before what the registry keeps.
    #[error("`context.time` is before {0}, the beginning of this registry's history")]
    TimeOutOfRange(charter_domain::Timestamp),
    #[error("registry {0} is not served here")]
    UnknownRegistry(String),
    /// Own records cannot be read; try again.
    #[error("the registry's records cannot be read now")]
    Unavailable(String),
    #[error("internal error")]
    Internal(String),
}
