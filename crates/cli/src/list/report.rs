//! What became of a list: what it says of itself, how much was carried, and each thing that was not.

use std::collections::BTreeMap;

use charter_domain::Timestamp;
use serde::Serialize;

/// Things that were not carried, one by one; more are counted only.
const MAX_ROWS: usize = 100_000;

/// Something of a list that no record has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// Number of the entity in the list, from 1; 0 is the list itself.
    pub entity: u32,
    /// Number of the service of the entity, from 1; 0 is the entity itself.
    pub service: u32,
    pub field: String,
    pub reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub format: &'static str,
    /// SHA-256 of the file and of the signer's certificate, in hexadecimal.
    pub sha256: String,
    pub signer_sha256: String,
    pub operator: BTreeMap<String, String>,
    pub territory: Option<String>,
    pub sequence: u64,
    pub issued: Option<Timestamp>,
    pub next_update: Option<Timestamp>,
    pub entities: usize,
    pub services: usize,
    pub records: usize,
    pub authorizations: usize,
    /// What a person should know before loading it.
    pub notes: Vec<String>,
    pub not_carried: Vec<Lacking>,
    /// How often, by field and reason; complete where the list above is cut.
    pub counts: Vec<Count>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    pub field: String,
    pub reason: &'static str,
    pub count: usize,
}

/// Why something is not carried.
pub(super) mod reason {
    pub const NO_PLACE: &str = "records have no place for it";
    pub const UNMAPPED: &str = "no --service-type says what it is here";
    pub const CRITICAL: &str = "it must be understood, and is not";
    pub const UNKNOWN_STATUS: &str = "the status is not known";
    pub const NO_TIME: &str = "it does not say since when";
    pub const NO_IDENTIFIER: &str = "nothing in it can be an identifier";
    pub const NO_SERVICE: &str = "none of its services was carried";
    pub const BAD: &str = "it is not what a record can have";
    pub const TWICE: &str = "another stands for the same";
}

impl Report {
    pub(super) fn lacks(
        &mut self,
        (entity, service): (u32, u32),
        field: &str,
        reason: &'static str,
        value: Option<String>,
    ) {
        match self.counts.iter_mut().find(|c| c.field == field && c.reason == reason) {
            Some(count) => count.count += 1,
            None => self.counts.push(Count { field: field.to_owned(), reason, count: 1 }),
        }
        if self.not_carried.len() < MAX_ROWS {
            let value = value.map(|value| value.chars().take(200).collect());
            self.not_carried.push(Lacking { entity, service, field: field.to_owned(), reason, value });
        }
    }
}
