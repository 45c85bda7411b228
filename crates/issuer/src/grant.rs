//! What was granted to a client, and the errors of the token endpoint.

use charter_domain::Timestamp;

/// Somebody signed in at a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub client_id: String,
    pub subject: String,
    pub scope: String,
    pub stepped_up: bool,
    /// When they signed in; a refreshed token keeps it.
    pub auth_time: Timestamp,
}

impl Session {
    pub fn may_refresh(&self) -> bool {
        self.scope.split(' ').any(|scope| scope == "offline_access")
    }
}

/// RFC 6749, 5.2 and RFC 8628, 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    ServerError,
}

impl Refusal {
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::ServerError => "server_error",
        }
    }
}
