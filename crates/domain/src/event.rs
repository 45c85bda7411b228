//! Events: one accepted change each, canonical and hashed. Tables are projections of them.
//!
//! `Change` is append-only: its variants are log leaves. Every field is public; restricted parts are stored
//! beside the event and enter it only as a commitment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Action, AuthorityId, HttpsId, Interval, Invalid, Kind, Resource, Scope, Timestamp, json,
    scope::{Conditions, Jurisdiction},
    staff::{Role, StaffId},
    status::{Reach, State, TargetKind},
};

/// The subject of changes that concern no answer: who may act.
pub const STAFF: &str = "staff";

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
    /// The `seq` of this event is the `StaffId` from now on.
    StaffAppointed(StaffAppointed),
    StaffDismissed(StaffDismissed),
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
    /// From when on; absent is the instant at which it is recorded. `ACTIVE` ends whatever state was in force then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
    pub reason: String,
    /// How far back it reaches; the bytes of an event without it are what they were before it existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// The entities that continue what this one did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub succeeded_by: Vec<Uuid>,
    /// When it is over by itself: from then on holds what would hold without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses_at: Option<Timestamp>,
}

impl StatusChanged {
    /// A change for good, from an instant on, with nothing further said.
    pub const fn plain(
        target: TargetKind,
        target_id: String,
        state: State,
        effective_from: Timestamp,
        reason: String,
    ) -> Self {
        Self {
            target,
            target_id,
            state,
            effective_from: Some(effective_from),
            reason,
            reach: None,
            legal_basis: None,
            succeeded_by: Vec::new(),
            lapses_at: None,
        }
    }

    /// From when on it holds, if it is recorded then.
    pub fn starts(&self, recorded_at: Timestamp) -> Timestamp {
        self.effective_from.unwrap_or(recorded_at)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPublished {
    /// The resource that the schema describes.
    pub resource: Resource,
    pub uri: String,
    pub sha256: String,
    pub schema: Value,
}

/// Who they are is restricted; roles are replaced by a dismissal and another appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffAppointed {
    pub roles: BTreeSet<Role>,
    pub service: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffDismissed {
    pub staff_id: StaffId,
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
            Self::StaffAppointed(_) => "StaffAppointed",
            Self::StaffDismissed(_) => "StaffDismissed",
        }
    }

    /// The entity concerned, `*` when every answer of the registry may change, or `staff` when none does.
    /// This is what caches are emptied by.
    pub fn subject(&self) -> String {
        match self {
            Self::EntityRegistered(e) => e.entity_id.to_string(),
            Self::AccreditationGranted(a) => a.entity_id.to_string(),
            Self::StatementMade(s) => s.entity_id.to_string(),
            Self::StatusChanged(s) if s.target == TargetKind::Entity => s.target_id.clone(),
            Self::StaffAppointed(_) | Self::StaffDismissed(_) => STAFF.to_owned(),
            _ => "*".to_owned(),
        }
    }
}

/// Somebody's yes to what an event records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The `StaffId`, as text like `actor`.
    pub by: String,
    pub role: Role,
    /// Hash of the proposal's bytes that they approved, lower-case hex.
    pub over: String,
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
    /// Empty for what needed none.
    pub approvals: &'a [Approved],
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
    approvals: &'a [Approved],
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
        approvals: header.approvals,
        prev: header.prev,
        restricted: header.restricted,
    })
}

/// RFC 6962 leaf hash: SHA-256 over 0x00 and the bytes. Leaf index = seq - 1.
pub fn leaf_hash(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0u8]).chain_update(body).finalize().into()
}

#[cfg(test)]
mod tests;
