//! What somebody wants of keys, in their own terms.

use charter_domain::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotateKey {
    pub active_from: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetireKey {
    pub kid: String,
    #[serde(default)]
    pub from: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    pub kid: String,
    pub reason: String,
    #[serde(default)]
    pub compromised_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddEntityKey {
    pub entity_id: String,
    /// A public JWK, as JSON text.
    pub jwk_json: String,
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    #[serde(default)]
    pub valid_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeEntityKey {
    pub entity_id: String,
    pub kid: String,
    pub reason: String,
    #[serde(default)]
    pub compromised_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordEvidence {
    pub sha256: String,
    #[serde(default)]
    pub entity_id: String,
}
