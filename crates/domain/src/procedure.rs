//! A fair procedure before a negative measure: intent notified, its holder heard or the time to reply over, decided,
//! in force; and what a court says of it afterwards. States and deadlines follow from events and the time.

use serde::{Deserialize, Serialize};

use crate::{
    Invalid, Timestamp,
    event::{CourtRuled, ProcedureOpened, StatusChanged},
};

/// Why nobody was heard first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Waiver {
    Urgent,
    RequestedByHolder,
    CourtOrder,
    KeyCompromise,
    /// It makes an emergency suspension last.
    ConfirmsEmergency,
}

impl Waiver {
    pub const ALL: [Self; 5] = [
        Self::Urgent,
        Self::RequestedByHolder,
        Self::CourtOrder,
        Self::KeyCompromise,
        Self::ConfirmsEmergency,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Urgent => "URGENT",
            Self::RequestedByHolder => "REQUESTED_BY_HOLDER",
            Self::CourtOrder => "COURT_ORDER",
            Self::KeyCompromise => "KEY_COMPROMISE",
            Self::ConfirmsEmergency => "CONFIRMS_EMERGENCY",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|w| w.code() == text).ok_or_else(|| {
            let codes = Self::ALL.map(Self::code).join(", ");
            Invalid::new("hearing_waived", format!("must be one of {codes}"))
        })
    }
}

/// What a court says of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Ruling {
    /// It does not count until the stay is lifted.
    Stayed,
    /// It counts again.
    StayLifted,
    /// It does not count, for good.
    Overturned,
}

impl Ruling {
    pub const ALL: [Self; 3] = [Self::Stayed, Self::StayLifted, Self::Overturned];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Stayed => "STAYED",
            Self::StayLifted => "STAY_LIFTED",
            Self::Overturned => "OVERTURNED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|r| r.code() == text);
        known.ok_or_else(|| Invalid::new("ruling", "must be STAYED, STAY_LIFTED or OVERTURNED"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProcedureState {
    Notified,
    Heard,
    /// The time to reply is over, and nothing was received.
    HearingLapsed,
    /// Not yet in force.
    Decided,
    InForce,
    Stayed,
    Overturned,
    /// Ended without a measure.
    Closed,
}

impl ProcedureState {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Notified => "NOTIFIED",
            Self::Heard => "HEARD",
            Self::HearingLapsed => "HEARING_LAPSED",
            Self::Decided => "DECIDED",
            Self::InForce => "IN_FORCE",
            Self::Stayed => "STAYED",
            Self::Overturned => "OVERTURNED",
            Self::Closed => "CLOSED",
        }
    }
    /// A measure may still come of it.
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Notified | Self::Heard | Self::HearingLapsed)
    }
}

/// A change of state for the worse, as it was recorded, and what courts said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub seq: i64,
    pub recorded_at: Timestamp,
    pub change: StatusChanged,
    /// Each with the `seq` of its event, oldest first.
    pub rulings: Vec<(i64, CourtRuled)>,
}

impl Decision {
    /// The last word of a court that has begun to count by `at`.
    pub fn ruling_at(&self, at: Timestamp) -> Option<Ruling> {
        self.rulings.iter().rev().find(|(_, r)| r.from <= at).map(|(_, r)| r.ruling)
    }

    fn state_at(&self, at: Timestamp) -> ProcedureState {
        match self.ruling_at(at) {
            Some(Ruling::Stayed) => ProcedureState::Stayed,
            Some(Ruling::Overturned) => ProcedureState::Overturned,
            _ if self.change.starts(self.recorded_at) > at => ProcedureState::Decided,
            _ => ProcedureState::InForce,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    /// The `seq` of the event that opened it.
    pub id: i64,
    pub opened: ProcedureOpened,
    /// When replies were received.
    pub heard: Vec<Timestamp>,
    /// Why it was closed.
    pub closed: Option<String>,
    pub decision: Option<Decision>,
    /// When an emergency suspension of the same target is over by itself.
    pub emergency_lapses: Option<Timestamp>,
}

/// Something that ends, or begins, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Deadline {
    pub at: Timestamp,
    pub what: &'static str,
}

impl Procedure {
    pub fn state_at(&self, at: Timestamp) -> ProcedureState {
        match &self.decision {
            Some(decision) => decision.state_at(at),
            None if self.closed.is_some() => ProcedureState::Closed,
            None if !self.heard.is_empty() => ProcedureState::Heard,
            None if at >= self.opened.reply_by => ProcedureState::HearingLapsed,
            None => ProcedureState::Notified,
        }
    }

    /// The next of its deadlines after `at`.
    pub fn next_deadline(&self, at: Timestamp) -> Option<Deadline> {
        let state = self.state_at(at);
        let change = self.decision.as_ref().map(|d| &d.change);
        let deadlines = [
            ("REPLY_BY", Some(self.opened.reply_by).filter(|_| state == ProcedureState::Notified)),
            ("EMERGENCY_LAPSES", self.emergency_lapses.filter(|_| state.is_undecided())),
            ("TAKES_EFFECT", change.and_then(|c| c.effective_from)),
            ("APPEAL_BY", change.and_then(|c| c.appeal_by).filter(|_| state != ProcedureState::Overturned)),
        ];
        let named = deadlines.into_iter().filter_map(|(what, when)| Some(Deadline { at: when?, what }));
        named.filter(|d| d.at > at).min()
    }
}

#[cfg(test)]
mod tests;
