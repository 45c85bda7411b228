//! Events of who may act.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::staff::{Role, StaffId};

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
