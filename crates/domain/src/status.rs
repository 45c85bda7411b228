//! What can happen to an entity, accreditation, statement or delegation after it was made, and with what reach.

use serde::{Deserialize, Serialize};

use crate::{Interval, Invalid, Reason, Timestamp};

/// `ACTIVE` is the absence of any other state; `EXPIRED` comes from time alone and is never recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Active,
    Ended,
    Suspended,
    Revoked,
}

impl State {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Ended => "ENDED",
            Self::Suspended => "SUSPENDED",
            Self::Revoked => "REVOKED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        [Self::Active, Self::Ended, Self::Suspended, Self::Revoked]
            .into_iter()
            .find(|s| s.code() == text)
            .ok_or_else(|| Invalid::new("status", "must be ACTIVE, SUSPENDED, REVOKED or ENDED"))
    }
    pub const fn reason(self) -> Reason {
        match self {
            Self::Active => Reason::Active,
            Self::Ended => Reason::Ended,
            Self::Suspended => Reason::Suspended,
            Self::Revoked => Reason::Revoked,
        }
    }
    /// What a question further down the chain is told.
    pub const fn ancestor_reason(self) -> Reason {
        match self {
            Self::Active => Reason::Active,
            Self::Suspended => Reason::AncestorSuspended,
            Self::Revoked => Reason::AncestorRevoked,
            Self::Ended => Reason::AncestorExpired,
        }
    }
}

/// How far back a change of status reaches; absent means `PROSPECTIVE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reach {
    /// Answers for earlier times stay as they were.
    Prospective,
    /// From a past instant on; needs a legal basis and a higher quorum.
    From,
    /// As if there had never been a yes; needs the same.
    AbInitio,
}

impl Reach {
    pub const ALL: [Self; 3] = [Self::Prospective, Self::From, Self::AbInitio];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Prospective => "PROSPECTIVE",
            Self::From => "FROM",
            Self::AbInitio => "AB_INITIO",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|r| r.code() == text);
        known.ok_or_else(|| Invalid::new("reach", "must be PROSPECTIVE, FROM or AB_INITIO"))
    }
}

/// What a status is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    Entity,
    Accreditation,
    Statement,
    Delegation,
}

impl TargetKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Accreditation => "accreditation",
            Self::Statement => "statement",
            Self::Delegation => "delegation",
        }
    }
}

/// One state other than `ACTIVE`, and the instants it holds for (reach is in the lower bound).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub state: State,
    pub effective: Interval,
}

/// The gravest state in force at `at`.
pub fn state_at(statuses: &[Status], at: Timestamp) -> State {
    statuses.iter().filter(|s| s.effective.contains(at)).map(|s| s.state).max().unwrap_or(State::Active)
}

/// `valid` with every interval of another state cut out: the instants at which a document may say yes.
pub fn in_force(valid: Interval, statuses: &[Status]) -> Vec<Interval> {
    statuses
        .iter()
        .fold(vec![valid], |left, status| left.iter().flat_map(|i| i.without(&status.effective)).collect())
}

pub fn next_change(statuses: &[Status], at: Timestamp) -> Option<Timestamp> {
    statuses.iter().filter_map(|s| s.effective.next_change(at)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_state_wins_and_is_cut_out() {
        let t = Timestamp::from_secs;
        let span = |f, u: Option<i64>| Interval { from: Some(t(f)), until: u.map(t) };
        let all = [
            Status { state: State::Suspended, effective: span(10, Some(20)) },
            Status { state: State::Revoked, effective: span(15, None) },
        ];
        assert_eq!(state_at(&all, t(9)), State::Active);
        assert_eq!(state_at(&all, t(12)), State::Suspended);
        assert_eq!(state_at(&all, t(15)), State::Revoked);
        assert_eq!(in_force(span(0, Some(100)), &all), vec![span(0, Some(10))]);
    }
}
