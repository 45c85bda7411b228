//! What a registry answers: outcome, reason, and what it rests on.

use serde::{Deserialize, Serialize};

use crate::{Interval, Reason, Timestamp};

/// Yes, no, or cannot tell. An error while deciding is never a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Yes,
    No,
    Indeterminate,
}

/// The decision of one registry about one question, from its own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub reason: Reason,
    /// The instant decided for (`context.time`, else now).
    pub at: Timestamp,
    pub epoch: i64,
    /// The statement that decided, if there was one.
    pub statement: Option<StatementRef>,
    /// Earliest instant after `at` at which any fact used changes; negatives have one too.
    pub next_change: Option<Timestamp>,
    /// Dimensions that the statement restricts and the question did not state.
    pub unstated: Vec<String>,
}

/// A statement named in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRef {
    pub id: i64,
    pub valid: Interval,
    pub accreditation: Option<String>,
    /// The signed authority statement, when one is on file.
    pub document: Option<String>,
}

impl Decision {
    pub fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }
}
