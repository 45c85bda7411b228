//! Events that make something last longer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Timestamp, status::TargetKind};

/// What is in force stays so for longer: the same accreditation, statement or delegation, without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    pub target: TargetKind,
    /// An accreditation's UUID, else the number of a statement or delegation.
    pub target_id: String,
    /// Whose it is; absent for a delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<Uuid>,
    /// Later than before.
    pub valid_until: Timestamp,
}
