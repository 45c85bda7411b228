//! Why a DID has no document, by what W3C DID Resolution calls it.

/// No text of a server or of a library is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `INVALID_DID`
    #[error("the DID {0}")]
    InvalidDid(&'static str),
    /// `METHOD_NOT_SUPPORTED`
    #[error("DIDs of this method are not resolved here: use did:web, did:key, did:jwk or did:ebsi")]
    MethodNotSupported,
    /// `NOT_FOUND`
    #[error("there is no such DID")]
    NotFound,
    /// Not an error in the standard: the document is gone for good.
    #[error("the DID was deactivated")]
    Deactivated,
    /// `INVALID_DID_DOCUMENT`
    #[error("the DID document {0}")]
    InvalidDocument(&'static str),
    /// `FEATURE_NOT_SUPPORTED`
    #[error("{0}")]
    FeatureNotSupported(&'static str),
    /// `INTERNAL_ERROR`: whether there is a document is not known.
    #[error("the DID document could not be fetched now; try again later")]
    Unreachable,
}

impl Fault {
    /// The name under <https://www.w3.org/ns/did#>.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidDid(_) => "INVALID_DID",
            Self::MethodNotSupported => "METHOD_NOT_SUPPORTED",
            Self::NotFound => "NOT_FOUND",
            Self::Deactivated => "DEACTIVATED",
            Self::InvalidDocument(_) => "INVALID_DID_DOCUMENT",
            Self::FeatureNotSupported(_) => "FEATURE_NOT_SUPPORTED",
            Self::Unreachable => "INTERNAL_ERROR",
        }
    }
}
