//! Events of the registry itself.

use serde::{Deserialize, Serialize};

use crate::{AuthorityId, HttpsId, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryOpened {
    pub authority_id: AuthorityId,
    pub entity_identifier: HttpsId,
    pub name: String,
    pub jurisdiction: String,
    pub history_since: Timestamp,
}
