//! Events of delegations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AuthorityId, HttpsId, Interval, NamingConstraints, Scope, SpkiPins};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationMade {
    pub subordinate: AuthorityId,
    pub entity_identifier: HttpsId,
    pub jwks: Value,
    pub endpoint: String,
    /// Absent where certificates are checked by who issued them.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    /// Absent where any name will do.
    #[serde(default, skip_serializing_if = "NamingConstraints::is_empty")]
    pub naming_constraints: NamingConstraints,
    pub answers_as_own: bool,
    #[serde(flatten)]
    pub valid: Interval,
    /// It begins at the instant of its event; else an absent `from` is without a beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins_when_recorded: bool,
}

/// The delegation goes on with less, or as it should have read; members that are absent stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationCorrected {
    pub delegation_id: i64,
    pub subordinate: AuthorityId,
    /// Inside the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// All keys that it has from now on; an empty list ends the pinning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_spki_sha256: Option<SpkiPins>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_as_own: Option<bool>,
    /// No longer than the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_path_length: Option<u8>,
    /// Permits no name that the ones before did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming_constraints: Option<NamingConstraints>,
}
