//! What a superior says about a subordinate: its keys, and what it may speak for, when.

use charter_domain::{AuthorityId, HttpsId, Interval, NamingConstraints, Scope, SpkiPins};
use charter_signing::{JwkSet, Signer};
use serde::{Deserialize, Serialize};

use super::{Document, ENTITY_STATEMENT};
use crate::Error;

/// A subordinate statement (OpenID Federation 1.0, 3.1.3) with our delegation in its metadata. It carries no
/// `crit`, so stock clients can read it; this verifier requires what they may ignore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubordinateStatement {
    pub iss: HttpsId,
    pub sub: HttpsId,
    pub iat: i64,
    pub exp: i64,
    /// The subordinate's keys: from here only, never from the subordinate itself.
    pub jwks: JwkSet,
    pub constraints: Constraints,
    pub metadata: DelegatedMetadata,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraints {
    /// How many subordinate statements may follow below this one; absent is unrestricted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_path_length: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming_constraints: Option<NamingConstraints>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegatedMetadata {
    pub trust_registry: Delegated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegated {
    /// The subordinate's DID.
    pub authority_id: AuthorityId,
    pub scope: Scope,
    /// When the delegation is in force, suspensions cut out; empty is never.
    pub valid: Vec<Interval>,
    /// For people; `valid` decides.
    pub status: String,
    /// Keys by which the subordinate is known in TLS, as in its configuration; the superior believes these.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
}

impl Document for SubordinateStatement {
    const TYP: &'static str = ENTITY_STATEMENT;

    fn iss(&self) -> &HttpsId {
        &self.iss
    }
    fn iat(&self) -> i64 {
        self.iat
    }
    fn exp(&self) -> i64 {
        self.exp
    }
    fn check(&self) -> Result<(), Error> {
        if self.iss == self.sub {
            return Err(Error::Document("a subordinate statement must not be about its issuer".to_owned()));
        }
        // The derived parser takes any list of grants; the bounds of a scope are checked by its own parser.
        let scope = self.metadata.trust_registry.scope.clone();
        Scope::parse(scope.0).map(|_| ()).map_err(|e| Error::Document(e.to_string()))
    }
}

impl SubordinateStatement {
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }
}
