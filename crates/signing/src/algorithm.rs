//! The two signature algorithms accepted; a key has exactly one of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// A JWS algorithm by its registered name (RFC 7518, 3.1; RFC 8037, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519; no other Edwards curve is accepted.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The `kty` and `crv` that a key of this algorithm has.
    pub(crate) const fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Es256 => ("EC", "P-256"),
            Self::EdDsa => ("OKP", "Ed25519"),
        }
    }
}

/// Both algorithms sign with 64 bytes: `r || s` (RFC 7518, 3.4) and RFC 8032, 5.1.6.
pub(crate) const SIGNATURE_BYTES: usize = 64;

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "ES256" => Ok(Self::Es256),
            "EdDSA" => Ok(Self::EdDsa),
            _ => Err(Error::Key(format!("algorithm `{}` is not ES256 or EdDSA", crate::error::shown(text)))),
        }
    }
}
