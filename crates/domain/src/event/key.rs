//! Events of keys: a registry's own, those of entities, and what is known to have existed when.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Timestamp, key::RevocationReason};

/// A key of the registry. The first has no `active_from`: it signs at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAdded {
    pub kid: String,
    pub jwk: Value,
    /// Signs from then on, and not before it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<Timestamp>,
}

/// A key of the registry in good standing that is used no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRetired {
    pub kid: String,
    /// From when on; from its recording on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    pub kid: String,
    pub reason: RevocationReason,
    /// What it signed from then on may be another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Timestamp>,
}

/// A key that an entity signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityKeyAdded {
    pub entity_id: Uuid,
    /// As the entity names it in what it signs.
    pub kid: String,
    pub jwk: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityKeyRevoked {
    pub entity_id: Uuid,
    pub kid: String,
    pub reason: RevocationReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Timestamp>,
}

/// What has this hash existed when this was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRecorded {
    /// Of the signed object, lower-case hex.
    pub sha256: String,
    /// The entity that signed it; absent for the registry itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Uuid>,
}
