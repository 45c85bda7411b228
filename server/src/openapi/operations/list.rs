//! Lists of trusted entities.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];
