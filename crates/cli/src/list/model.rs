//! A list as both formats have it, after its signature was verified.

use std::collections::BTreeMap;

use charter_domain::Timestamp;

/// A list with what it says of itself.
#[derive(Debug)]
pub(super) struct List {
    /// By language.
    pub operator: BTreeMap<String, String>,
    pub territory: Option<String>,
    pub sequence: u64,
    pub issued: Timestamp,
    /// Absent of a list that is closed.
    pub next_update: Option<Timestamp>,
    /// Where it is published.
    pub location: Option<String>,
    pub entities: Vec<Entity>,
    /// Members that no record has a place for.
    pub left: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Entity {
    /// Language and name, as they stand.
    pub names: Vec<(String, String)>,
    /// Trade names, among which official registration identifiers are.
    pub registered: Vec<String>,
    pub country: Option<String>,
    pub services: Vec<Service>,
    pub left: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Service {
    pub kind: Option<String>,
    pub name: Option<String>,
    /// Identifiers that are no certificates.
    pub others: Vec<String>,
    /// DER.
    pub certificates: Vec<Vec<u8>>,
    /// The newest first. A list without states lists what is in force.
    pub states: Vec<State>,
    /// The end of what is in force, where the list says it.
    pub valid_until: Option<Timestamp>,
    /// Where it holds, where the list says it.
    pub jurisdictions: Vec<String>,
    /// Something must be understood that is not.
    pub critical: Option<String>,
    pub left: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Absent where it is that of the service.
    pub kind: Option<String>,
    pub status: Option<String>,
    pub since: Option<Timestamp>,
}
