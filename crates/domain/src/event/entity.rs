//! Events of entities and of what they may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Action, Interval, Kind, Resource, Timestamp,
    recognition::Peer,
    scope::{Conditions, Jurisdiction},
};

/// Names by BCP 47 language tag.
pub type LanguageMap = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    pub r#type: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRegistered {
    pub entity_id: Uuid,
    pub names: LanguageMap,
    pub country: String,
    /// The first is the canonical one.
    pub identifiers: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccreditationGranted {
    pub accreditation_id: Uuid,
    pub entity_id: Uuid,
    pub body: String,
    pub legal_basis: String,
    pub evidence_uri: String,
    pub evidence_date: String,
    pub evidence_sha256: String,
    #[serde(flatten)]
    pub valid: Interval,
    /// It begins at the instant of its event; else an absent `from` is without a beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins_when_recorded: bool,
}

impl AccreditationGranted {
    pub fn valid(&self, recorded_at: Timestamp) -> Interval {
        self.valid.begun(self.begins_when_recorded, recorded_at)
    }
}

/// What was always so is recorded otherwise from now on; members that are absent stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityCorrected {
    pub entity_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<LanguageMap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// All of them, the canonical one first as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifiers: Option<Vec<Identifier>>,
}

/// The same of an accreditation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccreditationCorrected {
    pub accreditation_id: Uuid,
    /// Whose it is.
    pub entity_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl AccreditationCorrected {
    /// Answers about the past may become others.
    pub const fn changes_validity(&self) -> bool {
        self.valid_from.is_some() || self.valid_until.is_some()
    }

    pub fn valid(&self, was: Interval) -> Interval {
        Interval { from: self.valid_from.or(was.from), until: self.valid_until.or(was.until) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementMade {
    pub statement: Kind,
    pub entity_id: Uuid,
    pub action: Action,
    pub resource: Resource,
    pub accreditation_id: Option<Uuid>,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    #[serde(flatten)]
    pub valid: Interval,
    /// It begins at the instant of its event; else an absent `from` is without a beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins_when_recorded: bool,
    /// Of a recognition: who the peer is, where it answers, and whether it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
}

impl StatementMade {
    pub fn valid(&self, recorded_at: Timestamp) -> Interval {
        self.valid.begun(self.begins_when_recorded, recorded_at)
    }
}
