//! Events: one accepted change each, canonical and hashed. Tables are projections of them.
//!
//! `Change` is append-only: its variants are log leaves. Every field is public; restricted parts are stored
//! beside the event and enter it only as a commitment.

use serde::{Deserialize, Serialize};

use crate::{privacy::DataSubject, status::TargetKind};

mod body;
mod credential;
mod delegation;
mod entity;
mod export;
mod key;
mod policy;
mod privacy;
mod procedure;
mod registry;
mod rehome;
mod renewal;
mod schema;
mod staff;
mod status;
mod superior;
mod told;

pub use self::{
    body::{Approved, Header, MAX_BODY, body, leaf_hash},
    credential::{CredentialBound, CredentialRevoked},
    delegation::{DelegationCorrected, DelegationMade},
    entity::{
        AccreditationCorrected, AccreditationGranted, EntityCorrected, EntityRegistered, Identifier,
        LanguageMap, StatementMade,
    },
    export::{Checked, exported},
    key::{EntityKeyAdded, EntityKeyRevoked, EvidenceRecorded, KeyAdded, KeyRetired, KeyRevoked},
    policy::PolicySet,
    privacy::PersonalDataErased,
    procedure::{CourtRuled, ProcedureClosed, ProcedureHeard, ProcedureOpened},
    registry::RegistryOpened,
    rehome::RehomeAllowed,
    renewal::Renewed,
    schema::{CredentialTypeDefined, SchemaDeprecated, SchemaPublished},
    staff::{StaffAppointed, StaffDismissed},
    status::StatusChanged,
    superior::{SuperiorJoined, SuperiorLeft},
    told::Told,
};

/// The subject of changes that concern no answer: who may act, and by which rules.
pub const STAFF: &str = "staff";

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
    SchemaDeprecated(SchemaDeprecated),
    CredentialTypeDefined(CredentialTypeDefined),
    /// BOOTSTRAP has ended.
    RegistrySealed,
    /// The `seq` of this event is the `StaffId` from now on.
    StaffAppointed(StaffAppointed),
    StaffDismissed(StaffDismissed),
    PersonalDataErased(PersonalDataErased),
    EntityCorrected(EntityCorrected),
    AccreditationCorrected(AccreditationCorrected),
    DelegationCorrected(DelegationCorrected),
    Renewed(Renewed),
    KeyRetired(KeyRetired),
    KeyRevoked(KeyRevoked),
    EntityKeyAdded(EntityKeyAdded),
    EntityKeyRevoked(EntityKeyRevoked),
    EvidenceRecorded(EvidenceRecorded),
    /// The `seq` of this event is the number of the procedure.
    ProcedureOpened(ProcedureOpened),
    ProcedureHeard(ProcedureHeard),
    ProcedureClosed(ProcedureClosed),
    CourtRuled(CourtRuled),
    PolicySet(PolicySet),
    CredentialBound(CredentialBound),
    CredentialRevoked(CredentialRevoked),
    SuperiorJoined(SuperiorJoined),
    SuperiorLeft(SuperiorLeft),
    RehomeAllowed(RehomeAllowed),
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
            Self::SchemaDeprecated(_) => "SchemaDeprecated",
            Self::CredentialTypeDefined(_) => "CredentialTypeDefined",
            Self::RegistrySealed => "RegistrySealed",
            Self::StaffAppointed(_) => "StaffAppointed",
            Self::StaffDismissed(_) => "StaffDismissed",
            Self::PersonalDataErased(_) => "PersonalDataErased",
            Self::EntityCorrected(_) => "EntityCorrected",
            Self::AccreditationCorrected(_) => "AccreditationCorrected",
            Self::DelegationCorrected(_) => "DelegationCorrected",
            Self::Renewed(_) => "Renewed",
            Self::KeyRetired(_) => "KeyRetired",
            Self::KeyRevoked(_) => "KeyRevoked",
            Self::EntityKeyAdded(_) => "EntityKeyAdded",
            Self::EntityKeyRevoked(_) => "EntityKeyRevoked",
            Self::EvidenceRecorded(_) => "EvidenceRecorded",
            Self::ProcedureOpened(_) => "ProcedureOpened",
            Self::ProcedureHeard(_) => "ProcedureHeard",
            Self::ProcedureClosed(_) => "ProcedureClosed",
            Self::CourtRuled(_) => "CourtRuled",
            Self::PolicySet(_) => "PolicySet",
            Self::CredentialBound(_) => "CredentialBound",
            Self::CredentialRevoked(_) => "CredentialRevoked",
            Self::SuperiorJoined(_) => "SuperiorJoined",
            Self::SuperiorLeft(_) => "SuperiorLeft",
            Self::RehomeAllowed(_) => "RehomeAllowed",
        }
    }

    /// Whether there are changes of this kind.
    pub fn is_kind(name: &str) -> bool {
        // Of a kind that there is, the data is missed; one that there is not is refused before.
        let alone = serde_json::json!({ "kind": name });
        let refused = serde_json::from_value::<Self>(alone).err();
        refused.is_none_or(|e| !e.to_string().starts_with("unknown variant"))
    }

    /// The entity concerned, `*` when every answer of the registry may change, or `staff` when none does.
    /// This is what caches are emptied by.
    pub fn subject(&self) -> String {
        let of = |entity: Option<uuid::Uuid>| entity.map_or_else(|| "*".to_owned(), |id| id.to_string());
        match self {
            Self::EntityRegistered(e) => e.entity_id.to_string(),
            Self::AccreditationGranted(a) => a.entity_id.to_string(),
            Self::StatementMade(s) => s.entity_id.to_string(),
            Self::EntityCorrected(e) => e.entity_id.to_string(),
            Self::AccreditationCorrected(a) => a.entity_id.to_string(),
            Self::Renewed(r) => of(r.entity_id),
            Self::StatusChanged(s) if s.target == TargetKind::Entity => s.target_id.clone(),
            Self::StatusChanged(s) => of(s.entity_id),
            Self::EntityKeyAdded(k) => k.entity_id.to_string(),
            Self::EntityKeyRevoked(k) => k.entity_id.to_string(),
            Self::EvidenceRecorded(EvidenceRecorded { about: Some(entity), .. }) => entity.to_string(),
            Self::PersonalDataErased(e) => match e.subject {
                DataSubject::Entity(id) => id.to_string(),
                DataSubject::Staff(_) | DataSubject::Proposal(_) => STAFF.to_owned(),
            },
            Self::ProcedureOpened(p) => p.entity_id.to_string(),
            Self::ProcedureHeard(p) => p.entity_id.to_string(),
            Self::ProcedureClosed(p) => p.entity_id.to_string(),
            Self::CourtRuled(r) => r.entity_id.map_or_else(|| "*".to_owned(), |id| id.to_string()),
            Self::StaffAppointed(_)
            | Self::StaffDismissed(_)
            | Self::PolicySet(_)
            | Self::CredentialBound(_)
            | Self::CredentialRevoked(_)
            | Self::RehomeAllowed(_) => STAFF.to_owned(),
            _ => "*".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
