//! OpenID AuthZEN.

use super::{Operation, get, post};

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "/.well-known/authzen-configuration",
        "authzenConfiguration",
        "AuthZEN: where evaluations are asked.",
    ),
    post("/access/v1/evaluation", "evaluation", "AuthZEN: one question, of an entity or of a key.", ("", "")),
    post(
        "/access/v1/evaluations",
        "evaluations",
        "AuthZEN: up to 100 questions, answered in order.",
        ("", ""),
    ),
];
