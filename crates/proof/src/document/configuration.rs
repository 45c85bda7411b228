//! What an authority says about itself: its keys and where it answers.

use std::collections::BTreeMap;

use charter_domain::{AuthorityId, HttpsId, SpkiPins};
use charter_signing::{JwkSet, PublicKey, Signer};
use serde::{Deserialize, Serialize};

use super::{Document, ENTITY_STATEMENT};
use crate::Error;

/// Most superiors a configuration may name; more are a way to make a walker work.
const MAX_HINTS: usize = 8;
/// Most trust mark types that it may name, and issuers of each: it comes with every chain.
pub const MAX_TRUST_MARK_TYPES: usize = 100;

/// An entity configuration: `iss` equals `sub` (OpenID Federation 1.0, 3.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityConfiguration {
    pub iss: HttpsId,
    pub sub: HttpsId,
    pub iat: i64,
    pub exp: i64,
    pub jwks: JwkSet,
    /// Absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_hints: Option<Vec<HttpsId>>,
    /// Of an anchor: trust mark types, and who may issue marks of each. For other programs; nothing here is decided by it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trust_mark_issuers: BTreeMap<String, Vec<HttpsId>>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    pub federation_entity: FederationEntity,
    pub trust_registry: TrustRegistry,
}

/// OpenID Federation 1.0, 5.1.1 and 5.2.2.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederationEntity {
    pub organization_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_fetch_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_list_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_resolve_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_trust_mark_status_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_trust_mark_list_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_trust_mark_endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_historical_keys_endpoint: Option<String>,
}

/// Our own entity type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRegistry {
    pub authority_id: AuthorityId,
    pub trqp_endpoint: String,
    pub grpc_endpoint: String,
    /// Where it answers besides, at other sites, in the order in which they are tried: base URLs of TRQP and gRPC. Absent
    /// where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governance_framework: Option<String>,
    /// Keys by which it is known in TLS, to its superior and to those below it: SHA-256 of each SubjectPublicKeyInfo
    /// (RFC 7469, 2.4). While they rotate both stand here.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    /// Absent where the registry keeps no transparency log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// Keys of the security officers two of whom may deny in an emergency (`crate::breakglass`): none, or 2 to 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emergency_officers: Vec<PublicKey>,
}

impl TrustRegistry {
    /// The same as a set; `None` where there are none.
    pub fn officers(&self) -> Result<Option<JwkSet>, Error> {
        match self.emergency_officers.len() {
            0 => Ok(None),
            1 => Err(Error::Document("emergency_officers must have 2 members or more".to_owned())),
            _ => Ok(Some(JwkSet::new(self.emergency_officers.clone())?)),
        }
    }
}

/// Most further endpoints of a registry, and the longest of them.
const MAX_ENDPOINTS: usize = 8;
const MAX_ENDPOINT: usize = 2_048;

impl TrustRegistry {
    fn check(&self) -> Result<(), Error> {
        let fits = |url: &String| (1..=MAX_ENDPOINT).contains(&url.len()) && is_text(url);
        if self.endpoints.len() > MAX_ENDPOINTS || !self.endpoints.iter().all(fits) {
            return Err(Error::Document(format!(
                "endpoints must be at most {MAX_ENDPOINTS} URLs of 1 to {MAX_ENDPOINT} visible ASCII characters"
            )));
        }
        self.officers()?;
        self.log.as_ref().map_or(Ok(()), Log::check)
    }
}

/// The registry's transparency log: what its checkpoints are signed with, and where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// First line of each checkpoint (C2SP tlog-checkpoint, Note text); the name of the key too.
    pub origin: String,
    /// Verifier key of type 0x01 (C2SP signed-note, Verifier keys).
    pub vkey: String,
    /// Prefix of `/checkpoint` and `/tile/..` (C2SP tlog-tiles, Parameters).
    pub url: String,
    /// The witness that the same registry runs for others; absent where it runs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

/// Cosigns checkpoints of other logs (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    pub name: String,
    /// Verifier key of type 0x04 (C2SP tlog-cosignature, Format).
    pub vkey: String,
    /// Prefix of `/add-checkpoint`.
    pub url: String,
}

/// Longest member of `log`: a key is its name, which is an https identifier, and at most 64 characters.
const MAX_LOG_TEXT: usize = 2_048 + 64;

impl Log {
    fn check(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::Document(why.to_owned()));
        let key = |name: &str, vkey: &str| vkey.strip_prefix(name).is_some_and(|rest| rest.starts_with('+'));
        let witness = self.witness.iter().flat_map(|w| [&w.name, &w.vkey, &w.url]);
        if [&self.origin, &self.vkey, &self.url].into_iter().chain(witness).any(|t| !is_text(t)) {
            return refused("members of log must be 1 to 2112 visible ASCII characters");
        }
        if !key(&self.origin, &self.vkey) {
            return refused("the name of log.vkey must be log.origin");
        }
        match &self.witness {
            Some(w) if !key(&w.name, &w.vkey) => {
                refused("the name of log.witness.vkey must be log.witness.name")
            }
            _ => Ok(()),
        }
    }
}

fn is_text(text: &str) -> bool {
    (1..=MAX_LOG_TEXT).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl Document for EntityConfiguration {
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
        if self.iss != self.sub {
            return Err(Error::Document("a configuration must have equal iss and sub".to_owned()));
        }
        self.metadata.trust_registry.check()?;
        let issuers = &self.trust_mark_issuers;
        if issuers.len() > MAX_TRUST_MARK_TYPES
            || issuers.values().any(|ids| ids.len() > MAX_TRUST_MARK_TYPES)
        {
            return Err(Error::Document(format!(
                "trust_mark_issuers must have at most {MAX_TRUST_MARK_TYPES} types, and each as many issuers"
            )));
        }
        // An empty list is forbidden (OpenID Federation 1.0, 3.1.2): the root leaves the member out.
        match &self.authority_hints {
            Some(hints) if hints.is_empty() || hints.len() > MAX_HINTS => Err(Error::Document(format!(
                "authority_hints must be absent or have 1 to {MAX_HINTS} members"
            ))),
            _ => Ok(()),
        }
    }
}

impl EntityConfiguration {
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }
}
