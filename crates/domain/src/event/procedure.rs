//! Events of a fair procedure: what is intended, that its holder was heard, and what a court said of a decision.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Timestamp,
    procedure::Ruling,
    status::{Reach, State, TargetKind},
};

/// The intent to suspend or revoke, as it was notified. The `seq` of this event is the procedure's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureOpened {
    pub target: TargetKind,
    pub target_id: String,
    /// Whose the target is: who is heard.
    pub entity_id: Uuid,
    /// The gravest state that may be decided, and its furthest reach.
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    pub reason: String,
    pub legal_basis: String,
    /// When the notice was served.
    pub served_on: Timestamp,
    pub reply_by: Timestamp,
}

/// A reply was received. What it says is restricted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureHeard {
    pub procedure: i64,
    pub entity_id: Uuid,
    pub received_on: Timestamp,
}

/// The procedure ends without a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcedureClosed {
    pub procedure: i64,
    pub entity_id: Uuid,
    pub reason: String,
}

/// What a court said of a decision: of the `StatusChanged` with that `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourtRuled {
    pub decision: i64,
    pub target: TargetKind,
    pub target_id: String,
    /// Whose the target is; absent for a delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<Uuid>,
    pub ruling: Ruling,
    pub court: String,
    pub case_number: String,
    /// From when on the decision does not count, or counts again.
    pub from: Timestamp,
}
