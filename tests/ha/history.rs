//! What clients asked for and what they were told, in times of one clock. The checker reads nothing else of a run.

use serde::Serialize;
use uuid::Uuid;

/// Microseconds since the load began, on a clock that only goes forward.
pub type Micros = u64;

pub const SECOND: Micros = 1_000_000;

/// Entities that are there before a run have the numbers below this; one that a run registers has that of its operation.
pub const FIRST: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Op {
    /// Registers an entity that has the number of the operation.
    Register,
    /// Suspends an entity or reinstates it.
    Set { entity: u32, active: bool },
    /// Asks whether an entity may issue.
    Ask { entity: u32 },
}

impl Op {
    pub const fn is_write(self) -> bool {
        !matches!(self, Self::Ask { .. })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It was acknowledged, or answered.
    Done,
    /// Everybody who was asked said that nothing was done.
    Refused,
    /// Nobody could say, at least once, and nobody has acknowledged it.
    Unknown,
}

/// What was answered to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Said {
    pub yes: bool,
    /// It is said to be older than a lease.
    pub stale: bool,
    /// Of the registry, as the answer names it.
    pub epoch: i64,
}

/// An operation of a client, with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Unique in a run; of a write its request id is made from it.
    pub number: u32,
    pub op: Op,
    /// When it should have been sent.
    pub due: Micros,
    /// When it was first sent.
    pub invoked: Micros,
    /// When the last attempt was answered or given up.
    pub completed: Micros,
    pub outcome: Outcome,
    pub said: Option<Said>,
    /// The server of the last attempt, by its place among the servers.
    pub server: usize,
    pub attempts: u32,
}

impl Entry {
    pub const fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done)
    }
}

/// The entity of that number, as it is registered in a run.
pub fn entity(run: u32, number: u32) -> String {
    format!("did:web:r{run}-{number}.ha.example")
}

/// The reason code by which the event of a change of status is found again.
pub fn mark(run: u32, number: u32) -> String {
    format!("R{run}_{number}")
}

/// The request id of a write: the same in each attempt.
pub fn request_id(run: u32, number: u32) -> Uuid {
    Uuid::from_u128(((u128::from(run) + 1) << 64) | u128::from(number))
}

/// The numbers in `r7-10001` or `R7_10001`.
pub fn numbers(text: &str) -> Option<(u32, u32)> {
    let (run, number) = text.trim_start_matches(['r', 'R']).split_once(['-', '_'])?;
    Some((run.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_numbers() {
        let name = entity(7, 10_001);
        let inner = name.trim_start_matches("did:web:").trim_end_matches(".ha.example");
        assert_eq!(numbers(inner), Some((7, 10_001)));
        assert_eq!(numbers(&mark(12, 3)), Some((12, 3)));
        assert_eq!(numbers("r7"), None);
        assert_eq!(numbers("r7-x"), None);
        assert_ne!(request_id(1, 2), request_id(2, 1));
        assert_ne!(request_id(0, 0), Uuid::nil());
    }
}
