//! Events of the keys and certificates by which services sign in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, credential::CredentialKind, policy::Power, staff::StaffId};

/// A service signs in with this from now on. Nothing here lets anybody make the credential again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialBound {
    pub credential_id: Uuid,
    pub staff_id: StaffId,
    pub credential: CredentialKind,
    /// Lower-case hex: of the key's text, or of the certificate's SubjectPublicKeyInfo (RFC 7469, 2.4).
    pub sha256: String,
    pub scopes: BTreeSet<Power>,
    pub valid_until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRevoked {
    pub credential_id: Uuid,
    /// Reason code.
    pub reason: String,
}
