//! OpenID AuthZEN.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];
