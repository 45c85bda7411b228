//! What somebody wants changed, in their own terms: identifiers instead of internal ids, times left out.

use std::collections::BTreeMap;

use charter_domain::{
    NamingConstraints, Timestamp,
    event::Identifier,
    event::LanguageMap,
    record::{RawAccreditation, RawAuthorization},
    scope::Grant,
};
use serde::{Deserialize, Serialize};

mod life;

pub use self::life::{CorrectAccreditation, CorrectDelegation, CorrectEntity, Renew};
pub use crate::app::credential::BindCredential;
pub use crate::app::key::wish::{
    AddEntityKey, RecordEvidence, RetireKey, RevokeEntityKey, RevokeKey, RotateKey,
};
pub use crate::app::superior::{JoinSuperior, LeaveSuperior};

/// One change. REST reads it as JSON with one member named after the variant; gRPC has the same as a oneof.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    RegisterEntity(RegisterEntity),
    GrantAccreditation(GrantAccreditation),
    MakeStatement(MakeStatement),
    ChangeStatus(ChangeStatus),
    Delegation(RawDelegation),
    Schema(RawSchema),
    Appoint(Appoint),
    Dismiss(Dismiss),
    ErasePersonalData(Erase),
    DeprecateSchema(DeprecateSchema),
    DefineCredentialType(DefineCredentialType),
    CorrectEntity(CorrectEntity),
    CorrectAccreditation(CorrectAccreditation),
    CorrectDelegation(CorrectDelegation),
    Renew(Renew),
    RotateKey(RotateKey),
    RetireKey(RetireKey),
    RevokeKey(RevokeKey),
    AddEntityKey(AddEntityKey),
    RevokeEntityKey(RevokeEntityKey),
    RecordEvidence(RecordEvidence),
    OpenProcedure(OpenProcedure),
    HearProcedure(HearProcedure),
    CloseProcedure(CloseProcedure),
    CourtRuling(CourtRuling),
    SetPolicy(SetPolicy),
    BindCredential(BindCredential),
    JoinSuperior(JoinSuperior),
    LeaveSuperior(LeaveSuperior),
    Rehome(Rehome),
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterEntity {
    pub identifier: String,
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    pub names: LanguageMap,
    pub country: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAccreditation {
    pub entity_id: String,
    pub accreditation: RawAccreditation,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MakeStatement {
    pub entity_id: String,
    pub authorization: RawAuthorization,
    #[serde(default)]
    pub accreditation_id: String,
}

/// Exactly one of the first four names the target.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeStatus {
    pub entity_id: String,
    pub subordinate_id: String,
    pub accreditation_id: String,
    pub statement_id: i64,
    pub state: String,
    pub code: String,
    pub reach: String,
    pub effective_from: Option<Timestamp>,
    pub legal_basis: String,
    pub succeeded_by: Vec<String>,
    pub procedure: i64,
    pub hearing_waived: String,
    pub appeal: String,
    pub appeal_by: Option<Timestamp>,
    pub served_on: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawDelegation {
    pub subordinate_id: String,
    pub entity_identifier: String,
    /// A JWK set, as JSON text.
    pub jwks_json: String,
    pub endpoint: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls_spki_sha256: Vec<String>,
    pub scope: Vec<Grant>,
    #[serde(default)]
    pub max_path_length: Option<u32>,
    #[serde(default, skip_serializing_if = "NamingConstraints::is_empty")]
    pub naming_constraints: NamingConstraints,
    #[serde(default)]
    pub answers_as_own: bool,
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    #[serde(default)]
    pub valid_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawSchema {
    pub resource: String,
    pub uri: String,
    pub schema_json: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Appoint {
    pub issuer: String,
    pub subject: String,
    pub roles: Vec<String>,
    #[serde(default)]
    pub service: bool,
    /// What tells persons apart whatever their accounts; in no hash that is kept.
    #[serde(default, skip_serializing)]
    pub person_key: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dismiss {
    pub staff_id: i64,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// `staff:NUMBER`, `proposal:UUID` or `entity:IDENTIFIER`.
    pub subject: String,
    pub basis: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeprecateSchema {
    pub resource: String,
    pub revision: u32,
    pub code: String,
    #[serde(default)]
    pub replaced_by: String,
}

/// Empty is not given.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefineCredentialType {
    pub resource: String,
    pub vc_type: String,
    pub vct: String,
    pub doc_type: String,
    pub schema_id: String,
    pub equivalents: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rehome {
    /// Thumbprint of the receiving site's key.
    pub recipient: String,
}

/// Exactly one of the first three names the target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenProcedure {
    pub entity_id: String,
    pub accreditation_id: String,
    pub statement_id: i64,
    pub state: String,
    pub reach: String,
    pub code: String,
    pub legal_basis: String,
    pub served_on: Option<Timestamp>,
    pub reply_by: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HearProcedure {
    pub procedure_id: i64,
    #[serde(default)]
    pub received_on: Option<Timestamp>,
    pub reply: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseProcedure {
    pub procedure_id: i64,
    pub code: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourtRuling {
    pub decision: i64,
    pub ruling: String,
    pub court: String,
    pub case_number: String,
    #[serde(default)]
    pub from: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SetPolicy {
    pub quorums: BTreeMap<String, i32>,
    pub hearing: String,
    pub reply_days: i32,
    pub languages: Vec<String>,
}
