//! The catalogue of reasons. gRPC, REST, CLI and docs take names, status and texts from here.

use serde::{Deserialize, Serialize};

use crate::decision::Outcome;

/// Why a decision is what it is (domain: *Decision*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    Active,
    UnknownAuthority,
    UnknownEntity,
    UnknownAction,
    UnknownResource,
    NotListed,
    NotYetValid,
    Expired,
    Suspended,
    Revoked,
    Ended,
    OutOfScope,
    OutOfJurisdiction,
    ConditionNotMet,
    AncestorSuspended,
    AncestorRevoked,
    AncestorExpired,
    ChainTooLong,
    Loop,
    Unverifiable,
    Stale,
}

use Reason as R;

impl Reason {
    pub const ALL: [Self; 21] = [
        R::Active,
        R::UnknownAuthority,
        R::UnknownEntity,
        R::UnknownAction,
        R::UnknownResource,
        R::NotListed,
        R::NotYetValid,
        R::Expired,
        R::Suspended,
        R::Revoked,
        R::Ended,
        R::OutOfScope,
        R::OutOfJurisdiction,
        R::ConditionNotMet,
        R::AncestorSuspended,
        R::AncestorRevoked,
        R::AncestorExpired,
        R::ChainTooLong,
        R::Loop,
        R::Unverifiable,
        R::Stale,
    ];

    /// The public code: `UPPER_SNAKE`, equal to `ErrorInfo.reason` and `code` where it is an error.
    pub const fn code(self) -> &'static str {
        match self {
            R::Active => "ACTIVE",
            R::UnknownAuthority => "UNKNOWN_AUTHORITY",
            R::UnknownEntity => "UNKNOWN_ENTITY",
            R::UnknownAction => "UNKNOWN_ACTION",
            R::UnknownResource => "UNKNOWN_RESOURCE",
            R::NotListed => "NOT_LISTED",
            R::NotYetValid => "NOT_YET_VALID",
            R::Expired => "EXPIRED",
            R::Suspended => "SUSPENDED",
            R::Revoked => "REVOKED",
            R::Ended => "ENDED",
            R::OutOfScope => "OUT_OF_SCOPE",
            R::OutOfJurisdiction => "OUT_OF_JURISDICTION",
            R::ConditionNotMet => "CONDITION_NOT_MET",
            R::AncestorSuspended => "ANCESTOR_SUSPENDED",
            R::AncestorRevoked => "ANCESTOR_REVOKED",
            R::AncestorExpired => "ANCESTOR_EXPIRED",
            R::ChainTooLong => "CHAIN_TOO_LONG",
            R::Loop => "LOOP",
            R::Unverifiable => "UNVERIFIABLE",
            R::Stale => "STALE",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    pub const fn outcome(self) -> Outcome {
        match self {
            R::Active => Outcome::Yes,
            R::ChainTooLong | R::Loop | R::Unverifiable | R::Stale => Outcome::Indeterminate,
            _ => Outcome::No,
        }
    }

    /// The asked registry has never heard of one of the four terms: 404 on the TRQP doors.
    pub const fn is_unknown(self) -> bool {
        matches!(self, R::UnknownAuthority | R::UnknownEntity | R::UnknownAction | R::UnknownResource)
    }

    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            R::Active => "a statement in force says so",
            R::UnknownAuthority => "this registry neither is nor knows that authority",
            R::UnknownEntity => "the authority has no record of that entity",
            R::UnknownAction => "the authority has no such action",
            R::UnknownResource => "the authority has no such resource",
            R::NotListed => "the entity is known, but not for this action and resource",
            R::NotYetValid => "the statement is not in force yet",
            R::Expired => "the statement is no longer in force",
            R::Suspended => "suspended by the authority",
            R::Revoked => "revoked by the authority",
            R::Ended => "ended in good standing (closed, merged or renamed)",
            R::OutOfScope => "outside the scope delegated to the authority",
            R::OutOfJurisdiction => "outside the jurisdictions of the statement or delegation",
            R::ConditionNotMet => "a condition of the statement is not met by the question",
            R::AncestorSuspended => "a delegation on the way is suspended",
            R::AncestorRevoked => "a delegation on the way is revoked",
            R::AncestorExpired => "a delegation on the way is not in force",
            R::ChainTooLong => "the chain of delegations is longer than allowed",
            R::Loop => "the chain of delegations comes back to a registry already asked",
            R::Unverifiable => "a registry on the way could not be asked, or its proof failed",
            R::Stale => "the answer would be older than the caller accepts",
        }
    }

    /// How much a negative says, most first; composition across candidates keeps the highest.
    pub const fn specificity(self) -> u8 {
        match self {
            R::Active => 20,
            R::Revoked => 19,
            R::Suspended => 18,
            R::Ended => 17,
            R::AncestorRevoked => 16,
            R::AncestorSuspended => 15,
            R::AncestorExpired => 14,
            R::Expired => 13,
            R::NotYetValid => 12,
            R::OutOfJurisdiction => 11,
            R::OutOfScope => 10,
            R::ConditionNotMet => 9,
            R::NotListed => 8,
            R::UnknownEntity => 7,
            R::UnknownResource => 6,
            R::UnknownAction => 5,
            R::UnknownAuthority => 4,
            R::ChainTooLong | R::Loop | R::Unverifiable | R::Stale => 0,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_parse_back() {
        for r in Reason::ALL {
            assert_eq!(Reason::parse(r.code()), Some(r));
            assert_eq!(serde_json::to_string(&r).expect("serialises"), format!("\"{}\"", r.code()));
        }
    }
}
