//! That a registry may move to another deployment.

use serde::{Deserialize, Serialize};

/// The registry may be exported once, to the site that has this key, within [`crate::rehome::ALLOWED_FOR`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehomeAllowed {
    /// RFC 7638 SHA-256 thumbprint of the receiving site's transport key, base64url.
    pub recipient: String,
}
