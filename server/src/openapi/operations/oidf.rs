//! OpenID Federation 1.0.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];
