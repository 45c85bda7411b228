//! Events: one accepted change each, canonical and hashed. Tables are projections of them.
//!
//! `Change` is append-only: its variants are log leaves. Every field is public; restricted parts are stored
//! beside the event and enter it only as a commitment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Action, AuthorityId, HttpsId, Interval, Invalid, Kind, Resource, Scope, Timestamp, json,
    scope::{Conditions, Jurisdiction},
    status::{State, TargetKind},
};

/// Names by BCP 47 language tag.
pub type LanguageMap = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    pub r#type: String,
    pub value: String,
}

/// What happened. The serialised form (`kind`, `data`) is what the projection in SQL reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Change {
    RegistryOpened(RegistryOpened),
    KeyAdded(KeyAdded),
    EntityRegistered(EntityRegistered),
    AccreditationGranted(AccreditationGranted),
    StatementMade(StatementMade),
    DelegationMade(DelegationMade),
    StatusChanged(StatusChanged),
    SchemaPublished(SchemaPublished),
    /// BOOTSTRAP has ended.
    RegistrySealed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryOpened {
    pub authority_id: AuthorityId,
    pub entity_identifier: HttpsId,
    pub name: String,
    pub jurisdiction: String,
    pub history_since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAdded {
    pub kid: String,
    pub jwk: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRegistered {
    pub entity_id: Uuid,
    pub names: LanguageMap,
    pub country: String,
    /// The first is the canonical one.
    pub identifiers: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccreditationGranted {
    pub accreditation_id: Uuid,
    pub entity_id: Uuid,
    pub body: String,
    pub legal_basis: String,
    pub evidence_uri: String,
    pub evidence_date: String,
    pub evidence_sha256: String,
    #[serde(flatten)]
    pub valid: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementMade {
    pub statement: Kind,
    pub entity_id: Uuid,
    pub action: Action,
    pub resource: Resource,
    pub accreditation_id: Option<Uuid>,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    #[serde(flatten)]
    pub valid: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationMade {
    pub subordinate: AuthorityId,
    pub entity_identifier: HttpsId,
    pub jwks: Value,
    pub endpoint: String,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    pub answers_as_own: bool,
    #[serde(flatten)]
    pub valid: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChanged {
    pub target: TargetKind,
    /// An entity's or accreditation's UUID, else the number of a statement or delegation.
    pub target_id: String,
    pub state: State,
    /// From when on. `ACTIVE` ends whatever state was in force then.
    pub effective_from: Timestamp,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPublished {
    /// The resource that the schema describes.
    pub resource: Resource,
    pub uri: String,
    pub sha256: String,
    pub schema: Value,
}

impl Change {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RegistryOpened(_) => "RegistryOpened",
            Self::KeyAdded(_) => "KeyAdded",
            Self::EntityRegistered(_) => "EntityRegistered",
            Self::AccreditationGranted(_) => "AccreditationGranted",
            Self::StatementMade(_) => "StatementMade",
            Self::DelegationMade(_) => "DelegationMade",
            Self::StatusChanged(_) => "StatusChanged",
            Self::SchemaPublished(_) => "SchemaPublished",
            Self::RegistrySealed => "RegistrySealed",
        }
    }

    /// The entity concerned, or `*` when every answer of the registry may change.
    /// This is what caches are emptied by.
    pub fn subject(&self) -> String {
        match self {
            Self::EntityRegistered(e) => e.entity_id.to_string(),
            Self::AccreditationGranted(a) => a.entity_id.to_string(),
            Self::StatementMade(s) => s.entity_id.to_string(),
            Self::StatusChanged(s) if s.target == TargetKind::Entity => s.target_id.clone(),
            _ => "*".to_owned(),
        }
    }
}

/// An event before it is canonical: what the transaction adds to a change.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    pub registry: &'a AuthorityId,
    pub seq: i64,
    /// A number that stands for the actor; names and accounts are restricted.
    pub actor: &'a str,
    pub origin: &'a str,
    pub recorded_at: Timestamp,
    /// Leaf hash of the event before, lower-case hex; absent for the first.
    pub prev: Option<&'a str>,
    pub restricted: Option<&'a str>,
}

#[derive(Serialize)]
struct Public<'a> {
    v: u8,
    registry: &'a AuthorityId,
    seq: i64,
    #[serde(flatten)]
    change: &'a Change,
    subject: &'a str,
    actor: &'a str,
    origin: &'a str,
    recorded_at: Timestamp,
    approvals: [Value; 0],
    prev: Option<&'a str>,
    restricted: Option<&'a str>,
}

/// The public bytes of an event: RFC 8785, strings and integers only.
pub fn body(header: &Header<'_>, change: &Change) -> Result<Vec<u8>, Invalid> {
    json::canonical(&Public {
        v: 1,
        registry: header.registry,
        seq: header.seq,
        change,
        subject: &change.subject(),
        actor: header.actor,
        origin: header.origin,
        recorded_at: header.recorded_at,
        approvals: [],
        prev: header.prev,
        restricted: header.restricted,
    })
}

/// RFC 6962 leaf hash: SHA-256 over 0x00 and the bytes. Leaf index = seq - 1.
pub fn leaf_hash(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0u8]).chain_update(body).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_bytes_are_canonical_and_bound_to_their_place() {
        let authority = AuthorityId::parse("did:web:a.example").expect("valid");
        let change = Change::StatusChanged(StatusChanged {
            target: TargetKind::Entity,
            target_id: "7".into(),
            state: State::Revoked,
            effective_from: Timestamp::from_secs(5),
            reason: "LOST_ACCREDITATION".into(),
        });
        let header = Header {
            registry: &authority,
            seq: 2,
            actor: "1",
            origin: "bootstrap",
            recorded_at: Timestamp::from_secs(6),
            prev: Some("00"),
            restricted: None,
        };
        let bytes = body(&header, &change).expect("canonical");
        let text = String::from_utf8(bytes.clone()).expect("UTF-8");
        assert!(text.starts_with(r#"{"actor":"1","approvals":[],"data":{"effective_from":"1970-"#), "{text}");
        assert_ne!(
            leaf_hash(&bytes),
            leaf_hash(&body(&Header { seq: 3, ..header }, &change).expect("canonical"))
        );
    }
}
