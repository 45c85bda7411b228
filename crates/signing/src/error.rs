//! What can go wrong with a key or a token, by what happened.

use std::path::Path;

/// Messages name what was wrong and never carry key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a compact JWS at all, or not in the strict form.
    #[error("the token is not a strict compact JWS: {0}")]
    Malformed(String),
    /// The token is of another type than the one asked for (RFC 8725, 3.11).
    #[error("the token has typ `{found}`, expected `{expected}`")]
    WrongType { expected: String, found: String },
    /// `kid` names none of the keys given.
    #[error("the token is signed with key `{0}`, which is not among the keys of its issuer")]
    UnknownKey(String),
    /// `alg` is not the one algorithm of the key.
    #[error("the token says alg `{found}`, but the key is fixed to `{expected}`")]
    WrongAlgorithm { expected: &'static str, found: String },
    #[error("the signature does not match")]
    BadSignature,
    /// A protected header with other members than exactly `alg`, `kid`, `typ`.
    #[error("the token's header is refused: {0}")]
    UnsupportedHeader(String),
    /// A key that cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// A sealed private key that could not be made or opened.
    #[error("the sealed key cannot be used: {0}")]
    Sealed(String),
    #[error("no authentication code could be made: {0}")]
    Mac(String),
    /// The PKCS#11 token that holds keys; never with its PIN.
    #[error("the token cannot be used: {0}")]
    Token(String),
    /// A file that could not be read or written.
    #[error("`{path}`: {reason}")]
    Io { path: String, reason: String },
}

impl Error {
    pub(crate) fn mac(reason: &dyn std::fmt::Display) -> Self {
        Self::Mac(reason.to_string())
    }
    pub(crate) fn io(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Io { path: path.display().to_string(), reason: reason.to_string() }
    }
}

/// Foreign text for a message: printable ASCII and short, so a token cannot write into a log or a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
