//! Wishes to correct and to renew. What is left out stays as it is.

use charter_domain::{
    NamingConstraints, Timestamp,
    event::{Identifier, LanguageMap},
    scope::Grant,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrectEntity {
    pub entity_id: String,
    /// An empty text removes the language.
    pub names: LanguageMap,
    pub country: String,
    pub add_identifiers: Vec<Identifier>,
    pub end_identifiers: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrectAccreditation {
    pub accreditation_id: String,
    pub body: Option<String>,
    pub legal_basis: Option<String>,
    pub evidence_uri: Option<String>,
    pub evidence_date: Option<String>,
    pub evidence_sha256: Option<String>,
    pub valid_from: Option<Timestamp>,
    pub valid_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrectDelegation {
    pub subordinate_id: String,
    pub scope: Vec<Grant>,
    pub endpoint: String,
    /// All keys from now on; none ends the pinning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_spki_sha256: Option<Vec<String>>,
    /// A JWK set, as JSON text.
    pub jwks_json: String,
    pub answers_as_own: Option<bool>,
    pub max_path_length: Option<u32>,
    /// All that there are from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub naming_constraints: Option<NamingConstraints>,
}

/// Exactly one of the first three names the target.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renew {
    pub subordinate_id: String,
    pub accreditation_id: String,
    pub statement_id: i64,
    pub valid_until: Option<Timestamp>,
}
