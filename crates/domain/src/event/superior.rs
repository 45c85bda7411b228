//! Events of a registry's own superiors: its log says whom it joined and left, as theirs say whom they delegated to.

use serde::{Deserialize, Serialize};

use crate::{AuthorityId, HttpsId, SpkiPins};

/// The superior has delegated to this registry, and is named in its entity configuration from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperiorJoined {
    pub entity_identifier: HttpsId,
    pub authority_id: AuthorityId,
    /// Where it answers gRPC.
    pub endpoint: String,
    /// Absent where its certificate is checked by who issued it.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    /// Lower-case hex SHA-256 of its statement about this registry, a compact JWS.
    pub statement_sha256: String,
}

/// The registry speaks under it no longer, and does not name it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperiorLeft {
    pub entity_identifier: HttpsId,
    /// Reason code.
    pub reason: String,
}
