//! DID resolution and DID documents.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[];
