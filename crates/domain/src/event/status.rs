//! Events that change a state.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Timestamp,
    procedure::Waiver,
    status::{Reach, State, TargetKind},
};

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
    /// Whose accreditation or statement it is; older events do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<Uuid>,
    /// The procedure that it ends; its holder was heard there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedure: Option<i64>,
    /// Why nobody was heard first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hearing_waived: Option<Waiver>,
    /// How to appeal, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appeal_by: Option<Timestamp>,
    /// When it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_on: Option<Timestamp>,
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
            entity_id: None,
            procedure: None,
            hearing_waived: None,
            appeal: None,
            appeal_by: None,
            served_on: None,
        }
    }

    /// From when on it holds, if it is recorded then.
    pub fn starts(&self, recorded_at: Timestamp) -> Timestamp {
        self.effective_from.unwrap_or(recorded_at)
    }
}
