//! An application: what another registry asks of this one, to join it or to leave it. It has no effect by itself; staff
//! make a proposal of it, or refuse it.

use std::time::Duration;

use crate::{Invalid, Timestamp};

/// How long staff have to make a proposal of it.
pub const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// How long after that it is kept.
pub const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Most that may wait in one registry: who is to look at more looks at none.
pub const MAX_OPEN: i64 = 200;
/// Longest contact and longest reason of a refusal, in bytes.
pub const MAX_TEXT: usize = 500;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A delegation to the applicant.
    Join,
    /// The end of the applicant's delegation.
    Leave,
}

impl Purpose {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Join => "JOIN",
            Self::Leave => "LEAVE",
        }
    }

    /// # Errors
    /// Says which there are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = [Self::Join, Self::Leave].into_iter().find(|p| p.code() == text);
        known.ok_or_else(|| Invalid::new("purpose", "must be `JOIN` or `LEAVE`"))
    }
}

/// What has become of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationState {
    /// It waits for somebody to look at it; the proposals that were made of it, if any, came to nothing.
    Received,
    /// A proposal was made of it, which others may still approve.
    Proposed,
    /// The proposal was executed.
    Accepted,
    Refused,
    /// Nobody made a proposal of it in time.
    Expired,
}

impl ApplicationState {
    pub const ALL: [Self; 5] = [Self::Received, Self::Proposed, Self::Accepted, Self::Refused, Self::Expired];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "RECEIVED",
            Self::Proposed => "PROPOSED",
            Self::Accepted => "ACCEPTED",
            Self::Refused => "REFUSED",
            Self::Expired => "EXPIRED",
        }
    }

    /// # Errors
    /// Says which there are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|s| s.code() == text);
        known.ok_or_else(|| {
            Invalid::new("state", "must be `RECEIVED`, `PROPOSED`, `ACCEPTED`, `REFUSED` or `EXPIRED`")
        })
    }
}

/// What a state follows from.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    pub expires_at: Timestamp,
    pub refused: bool,
    /// Of the last proposal: whether it was executed, or until when it may be.
    pub proposal: Option<ProposalCourse>,
}

/// What has become of the proposal that was made of an application last.
#[derive(Debug, Clone, Copy)]
pub enum ProposalCourse {
    Executed,
    /// Open until then.
    Open(Timestamp),
    /// Refused or withdrawn.
    Closed,
}

impl Course {
    pub fn state(&self, now: Timestamp) -> ApplicationState {
        match self.proposal {
            Some(ProposalCourse::Executed) => ApplicationState::Accepted,
            _ if self.refused => ApplicationState::Refused,
            Some(ProposalCourse::Open(until)) if now < until => ApplicationState::Proposed,
            _ if self.expires_at <= now => ApplicationState::Expired,
            _ => ApplicationState::Received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn state(refused: bool, proposal: Option<ProposalCourse>, expires: i64) -> ApplicationState {
        Course { expires_at: Timestamp::from_secs(expires), refused, proposal }.state(NOW)
    }

    #[test]
    fn a_state_follows_from_what_was_done() {
        use ApplicationState as S;
        use ProposalCourse as P;
        let later = Timestamp::from_secs(1_001);
        assert_eq!(state(false, None, 1_001), S::Received);
        assert_eq!(state(false, None, 1_000), S::Expired, "the end is not part of it");
        assert_eq!(state(false, Some(P::Open(later)), 1), S::Proposed, "a proposal in time counts");
        assert_eq!(state(false, Some(P::Open(NOW)), 1_001), S::Received, "it came to nothing");
        assert_eq!(state(false, Some(P::Closed), 1_001), S::Received);
        assert_eq!(state(true, Some(P::Closed), 1_001), S::Refused);
        assert_eq!(state(false, Some(P::Executed), 1), S::Accepted);
    }

    #[test]
    fn codes_are_read_back() {
        for state in ApplicationState::ALL {
            assert_eq!(ApplicationState::parse(state.code()), Ok(state));
        }
        for purpose in [Purpose::Join, Purpose::Leave] {
            assert_eq!(Purpose::parse(purpose.code()), Ok(purpose));
        }
        assert!(ApplicationState::parse("OPEN").is_err() && Purpose::parse("join").is_err());
    }
}
