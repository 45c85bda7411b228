//! Why a chain is refused: which link, what is wrong with it, and what to do.

use std::fmt;

use charter_domain::{Reason, Timestamp};
use charter_signing::Error as Signing;
use serde::Serialize;

use crate::Error;

/// The first fault found, going down from the anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Position in the chain, leaf first: 0 is the statement.
    pub link: usize,
    pub code: FaultCode,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FaultCode {
    Malformed,
    Signature,
    UnknownAnchor,
    AnchorExpired,
    Issuer,
    WrongType,
    NotYetIssued,
    LinkExpired,
    NotInForce,
    OutOfScope,
    OutOfJurisdiction,
    ConditionNotMet,
    PathTooLong,
    Loop,
    Naming,
    Mismatch,
    TooOld,
    /// The issuer's configuration names no log, or one that the verifier's policy does not have.
    LogUnknown,
    /// The proof from the log cannot be read, or a known key's signature in it is wrong.
    LogProof,
    /// The checkpoint is not of the log that the issuer names.
    Checkpoint,
    /// The event is not in the tree that the log signed.
    NotInLog,
    /// Too few of the witnesses that the verifier's policy asks for.
    Unwitnessed,
    /// The log has another event than the one that the statement claims.
    EventDiffers,
    /// What holds at the instant asked about holds by a later event, which is not in the evidence.
    Renewed,
}

use FaultCode as F;

impl FaultCode {
    pub const fn as_str(self) -> &'static str {
        match self {
            F::Malformed => "MALFORMED",
            F::Signature => "SIGNATURE",
            F::UnknownAnchor => "UNKNOWN_ANCHOR",
            F::AnchorExpired => "ANCHOR_EXPIRED",
            F::Issuer => "ISSUER",
            F::WrongType => "WRONG_TYPE",
            F::NotYetIssued => "NOT_YET_ISSUED",
            F::LinkExpired => "LINK_EXPIRED",
            F::NotInForce => "NOT_IN_FORCE",
            F::OutOfScope => "OUT_OF_SCOPE",
            F::OutOfJurisdiction => "OUT_OF_JURISDICTION",
            F::ConditionNotMet => "CONDITION_NOT_MET",
            F::PathTooLong => "PATH_TOO_LONG",
            F::Loop => "LOOP",
            F::Naming => "NAMING",
            F::Mismatch => "MISMATCH",
            F::TooOld => "TOO_OLD",
            F::LogUnknown => "LOG_UNKNOWN",
            F::LogProof => "LOG_PROOF",
            F::Checkpoint => "CHECKPOINT",
            F::NotInLog => "NOT_IN_LOG",
            F::Unwitnessed => "UNWITNESSED",
            F::EventDiffers => "EVENT_DIFFERS",
            F::Renewed => "RENEWED",
        }
    }

    /// What the holder of the chain can do about it.
    const fn advice(self) -> &'static str {
        match self {
            F::Malformed | F::WrongType => "get the chain again from the registry that made it",
            F::Signature | F::Issuer => "do not rely on it; get the chain again from the registry itself",
            F::UnknownAnchor => "add the anchor to your set only if you trust it by other means",
            F::AnchorExpired => "get a current anchor set from where you got this one",
            F::NotYetIssued => "check this machine's clock",
            F::LinkExpired | F::TooOld => "get a newer proof",
            F::NotInForce => "ask about a time at which it was in force, or accept the no",
            F::OutOfScope | F::OutOfJurisdiction | F::PathTooLong | F::Loop | F::Naming => {
                "do not rely on it; tell the authority above this link"
            }
            F::LogUnknown => {
                "accept the log in your policy, or ask the registry for its present configuration"
            }
            F::LogProof | F::Checkpoint => "get the proof again from the registry that made it",
            F::Renewed => "rely on the chain alone, or prove the renewal with `charter log proof`",
            F::Unwitnessed => "get a newer proof, or ask fewer witnesses",
            F::NotInLog | F::EventDiffers => {
                "do not rely on it; keep it, and tell the authority above and whoever audits the log"
            }
            F::ConditionNotMet | F::Mismatch => "check that the chain belongs to this question",
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, code, detail } = self;
        write!(f, "{code} at link {link} (0 is the statement): {detail}; {}", code.advice())
    }
}

impl std::error::Error for Fault {}

impl Fault {
    pub(crate) fn new(link: usize, code: FaultCode, detail: impl Into<String>) -> Self {
        Self { link, code, detail: detail.into() }
    }

    pub(crate) fn of(link: usize, error: &Error) -> Self {
        let code = match error {
            Error::Token(Signing::UnknownKey(_) | Signing::WrongAlgorithm { .. } | Signing::BadSignature) => {
                F::Signature
            }
            Error::Token(Signing::WrongType { .. }) => F::WrongType,
            _ => F::Malformed,
        };
        Self::new(link, code, error.to_string())
    }

    pub(crate) fn scope(link: usize, reason: Reason, at: Timestamp) -> Self {
        match reason {
            Reason::OutOfJurisdiction => Self::new(
                link,
                F::OutOfJurisdiction,
                "jurisdictions or conditions of the statement go beyond those delegated to its authority",
            ),
            _ => Self::new(
                link,
                F::OutOfScope,
                format!("action or resource are outside what was delegated to the authority at {at}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_name() {
        for code in [
            F::Malformed,
            F::Signature,
            F::UnknownAnchor,
            F::AnchorExpired,
            F::Issuer,
            F::WrongType,
            F::NotYetIssued,
            F::LinkExpired,
            F::NotInForce,
            F::OutOfScope,
            F::OutOfJurisdiction,
            F::ConditionNotMet,
            F::PathTooLong,
            F::Loop,
            F::Naming,
            F::Mismatch,
            F::TooOld,
            F::LogUnknown,
            F::LogProof,
            F::Checkpoint,
            F::NotInLog,
            F::Unwitnessed,
            F::EventDiffers,
            F::Renewed,
        ] {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.as_str());
        }
    }
}
