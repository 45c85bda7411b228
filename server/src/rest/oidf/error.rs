//! Errors as OpenID Federation 1.0 has them (8.9): a code, what to do about it, and the status that goes with the code.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde_json::json;

use crate::{Error, error::Code};

/// The codes of section 8.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    InvalidRequest,
    InvalidClient,
    InvalidIssuer,
    InvalidSubject,
    InvalidTrustAnchor,
    InvalidTrustChain,
    InvalidMetadata,
    NotFound,
    ServerError,
    TemporarilyUnavailable,
    UnsupportedParameter,
}

impl Fault {
    /// `error` of the answer.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidSubject => "invalid_subject",
            Self::InvalidTrustAnchor => "invalid_trust_anchor",
            Self::InvalidTrustChain => "invalid_trust_chain",
            Self::InvalidMetadata => "invalid_metadata",
            Self::NotFound => "not_found",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnsupportedParameter => "unsupported_parameter",
        }
    }

    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::InvalidTrustChain
            | Self::InvalidMetadata
            | Self::UnsupportedParameter => StatusCode::BAD_REQUEST,
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::InvalidIssuer | Self::InvalidSubject | Self::InvalidTrustAnchor | Self::NotFound => {
                StatusCode::NOT_FOUND
            }
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What an error of ours is called there: whoever asked can mend it, come back, or neither.
    fn of(code: Code) -> Self {
        match code {
            Code::Unauthenticated | Code::Denied | Code::StepUpRequired => Self::InvalidClient,
            Code::RateLimited | Code::DeadlineExceeded => Self::TemporarilyUnavailable,
            _ if code.http() == 404 => Self::NotFound,
            _ if code.http() == 503 => Self::TemporarilyUnavailable,
            _ if code.http() < 500 => Self::InvalidRequest,
            _ => Self::ServerError,
        }
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub fault: Fault,
    /// `error_description`; never a driver's text.
    pub description: String,
}

impl Refused {
    pub fn new(fault: Fault, description: impl Into<String>) -> Self {
        Self { fault, description: description.into() }
    }

    /// The request cannot be understood.
    pub fn invalid(description: impl Into<String>) -> Self {
        Self::new(Fault::InvalidRequest, description)
    }

    /// There is nothing of the kind.
    pub fn not_found(description: impl Into<String>) -> Self {
        Self::new(Fault::NotFound, description)
    }
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        Self::new(Fault::of(e.code), e.detail)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        let body = json!({ "error": self.fault.code(), "error_description": self.description });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.fault.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.fault == Fault::TemporarilyUnavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_ours_keep_their_meaning() {
        for (code, fault) in [
            (Code::Invalid, Fault::InvalidRequest),
            (Code::TooLarge, Fault::InvalidRequest),
            (Code::UnsupportedMediaType, Fault::InvalidRequest),
            (Code::Denied, Fault::InvalidClient),
            (Code::UnknownEntity, Fault::NotFound),
            (Code::RateLimited, Fault::TemporarilyUnavailable),
            (Code::Stale, Fault::TemporarilyUnavailable),
            (Code::DeadlineExceeded, Fault::TemporarilyUnavailable),
            (Code::Internal, Fault::ServerError),
        ] {
            assert_eq!(Refused::from(Error::new(code, "why")), Refused::new(fault, "why"), "{code:?}");
        }
    }

    #[test]
    fn who_may_come_back_is_told_when() {
        let later = Refused::new(Fault::TemporarilyUnavailable, "busy").into_response();
        assert_eq!((later.status().as_u16(), &later.headers()["retry-after"]), (503, &HeaderValue::from(1)));
        let never = Refused::not_found("no").into_response();
        assert_eq!(never.status().as_u16(), 404);
        assert!(!never.headers().contains_key("retry-after"));
    }
}
