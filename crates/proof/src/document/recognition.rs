//! What an authority says about a peer that it recognises: its keys, for what, and whether it may be asked.

use charter_domain::{AuthorityId, HttpsId, Interval, Scope, SpkiPins};
use charter_signing::{JwkSet, Signer};
use serde::{Deserialize, Serialize};

use super::{Document, RECOGNITION_STATEMENT};
use crate::Error;

/// Shaped as a subordinate statement (OpenID Federation 1.0, 3.1.3), of a type of its own: the peer is nobody's
/// subordinate, and no client of that standard may take it for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognitionStatement {
    pub iss: HttpsId,
    /// The https identifier of the peer.
    pub sub: HttpsId,
    pub iat: i64,
    pub exp: i64,
    /// Who recognises.
    pub authority_id: AuthorityId,
    /// Who is recognised.
    pub peer_id: AuthorityId,
    /// The peer's keys: from here only, never from the peer itself.
    pub jwks: JwkSet,
    /// Where the peer answers gRPC.
    pub endpoint: String,
    /// For what the peer is recognised.
    pub scope: Scope,
    /// A question that asks for it may be passed on to the peer: one hop, never further.
    pub may_follow: bool,
    /// It is followed whether or not the peer recognises the issuer in turn; else both statements are in the chain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_sided: bool,
    /// When the recognition is in force, suspensions cut out; empty is never.
    pub valid: Vec<Interval>,
    /// Keys by which the peer is known in TLS.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    /// The event that made the recognition; the registry's log has it at leaf `seq - 1`.
    pub seq: i64,
}

impl Document for RecognitionStatement {
    const TYP: &'static str = RECOGNITION_STATEMENT;

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
        if self.iss == self.sub || self.authority_id == self.peer_id {
            return Err(Error::Document("a recognition must not be of its issuer".to_owned()));
        }
        if self.seq < 1 {
            return Err(Error::Document("seq must be 1 or more".to_owned()));
        }
        // The derived parser takes any list of grants; the bounds of a scope are checked by its own parser.
        Scope::parse(self.scope.0.clone()).map(|_| ()).map_err(|e| Error::Document(e.to_string()))
    }
}

impl RecognitionStatement {
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }
}
