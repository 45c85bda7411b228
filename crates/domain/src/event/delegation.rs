//! Events of delegations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AuthorityId, HttpsId, Interval, Scope};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationMade {
    pub subordinate: AuthorityId,
    pub entity_identifier: HttpsId,
    pub jwks: Value,
    pub endpoint: String,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    pub answers_as_own: bool,
    #[serde(flatten)]
    pub valid: Interval,
}
