//! EBSI's registries as they are read.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];
