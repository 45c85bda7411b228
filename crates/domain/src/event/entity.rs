//! Events of entities and of what they may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Action, Interval, Kind, Resource,
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
}
