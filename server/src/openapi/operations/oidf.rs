//! OpenID Federation 1.0.

use super::{JSON, Operation, STATEMENT, post};
use crate::app::oidf::{FETCH, LIST, RESOLVE, TRUST_MARK, TRUST_MARK_LIST, TRUST_MARK_STATUS};

/// All of them fail as the standard says (8.9).
const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::get(path, id, summary).fails("OidfError", JSON)
}

pub(super) const OPERATIONS: &[Operation] = &[
    get(FETCH, "oidfFetch", "OpenID Federation: the signed statement about a subordinate.")
        .asks(&["sub"])
        .gives("text", STATEMENT),
    get(LIST, "oidfList", "OpenID Federation: https ids of subordinates.")
        .asks(&["entity_type", "trust_marked", "trust_mark_type", "intermediate"])
        .gives("[]", JSON),
    get(
        RESOLVE,
        "oidfResolve",
        "OpenID Federation: the chain and the metadata of an entity known here, signed.",
    )
    .asks(&["sub", "trust_anchor", "entity_type"])
    .gives("text", "application/resolve-response+jwt"),
    get(
        TRUST_MARK,
        "oidfTrustMark",
        "OpenID Federation: that an entity may issue a credential type, signed.",
    )
    .asks(&["trust_mark_type", "sub"])
    .gives("text", "application/trust-mark+jwt"),
    post(
        TRUST_MARK_STATUS,
        "oidfTrustMarkStatus",
        "OpenID Federation: whether a trust mark counts now; a form with `trust_mark`.",
        ("form", "text"),
    )
    .fails("OidfError", JSON)
    .gives("text", "application/trust-mark-status-response+jwt"),
    get(TRUST_MARK_LIST, "oidfTrustMarkList", "OpenID Federation: who has a trust mark of a type.")
        .asks(&["trust_mark_type", "sub"])
        .gives("[]", JSON),
];
