//! What Charter knows and how it decides.
//!
//! In scope: identifiers, time, scope, statements, events, permits and the pure decision.
//! Out of scope: IO, SQL, protobuf, keys. Time and randomness come in as arguments.

#[cfg(feature = "records")]
pub mod application;
pub mod atu;
pub mod base58;
pub mod composition;
pub mod constraints;
pub mod credential;
pub mod decide;
pub mod decision;
pub mod delegation;
pub mod did_ebsi;
#[cfg(feature = "records")]
pub mod event;
pub mod fact;
pub mod failing_link;
#[cfg(feature = "records")]
pub mod govern;
pub mod id;
pub mod json;
#[cfg(feature = "records")]
pub mod key;
pub mod measure;
pub mod metadata_policy;
pub mod naming;
pub mod policy;
#[cfg(feature = "records")]
pub mod privacy;
#[cfg(feature = "records")]
pub mod procedure;
pub mod query;
pub mod reason;
#[cfg(feature = "records")]
pub mod recognition;
#[cfg(feature = "records")]
pub mod record;
pub mod registry;
#[cfg(feature = "records")]
pub mod registry_policy;
pub mod rehome;
#[cfg(feature = "records")]
pub mod replay;
#[cfg(feature = "records")]
pub mod schema;
pub mod scope;
pub mod spki;
pub mod staff;
pub mod status;
pub mod time;

pub use crate::{
    decide::decide,
    decision::{Decision, Outcome},
    delegation::Delegation,
    failing_link::FailingLink,
    id::{Action, AuthorityId, EntityId, HttpsId, Resource},
    naming::NamingConstraints,
    query::{Context, EvidenceLevel, Kind, Query},
    reason::Reason,
    registry::{Registry, RegistryId},
    scope::Scope,
    spki::SpkiPins,
    time::{Interval, Timestamp},
};

/// A value that the caller sent and that cannot be accepted; `field` names it, `reason` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct Invalid {
    pub field: String,
    pub reason: String,
}

impl Invalid {
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same fault, reported under another field name (the door's own name for the value).
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = field.to_owned();
        self
    }
}
