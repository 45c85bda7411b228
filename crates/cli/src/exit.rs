//! Exit codes and what leads to them. The codes are public: scripts decide by them.

use std::process::ExitCode;

use charter_domain::{Invalid, Outcome, Reason};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How the process ends. A failure to find out is never `Ok` and never `Negative`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the answer is yes.
    Ok = 0,
    Unexpected = 1,
    Usage = 2,
    /// The answer is no.
    Negative = 3,
    /// The entity, or another term of the question, is not known.
    Unknown = 4,
    /// Unreachable, stale, or a proof that fails.
    CannotVerify = 5,
    /// Not logged in, or not permitted.
    Denied = 6,
    Conflict = 7,
    /// A part of a bulk run failed.
    Partial = 8,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code of an answer, by its outcome and reason as received. Both must say the same: a yes with a reason
    /// that is not one, or a reason that this build does not know, is never taken for more than it says.
    pub fn of(outcome: Outcome, reason: Option<Reason>) -> Self {
        match (outcome, reason) {
            (Outcome::Yes, Some(Reason::Active)) => Self::Ok,
            (Outcome::No, Some(reason)) if reason.is_unknown() => Self::Unknown,
            (Outcome::No, reason) if reason.is_none_or(|r| r.outcome() == Outcome::No) => Self::Negative,
            _ => Self::CannotVerify,
        }
    }

    fn of_status(status: &Status) -> Self {
        match status.code() {
            // Whatever class the server puts these in: somebody else, or a better sign-in, is needed.
            _ if NOT_PERMITTED.contains(&public_code(status).as_str()) => Self::Denied,
            Code::Ok => Self::Ok,
            Code::InvalidArgument | Code::OutOfRange => Self::Usage,
            Code::NotFound => Self::Unknown,
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied,
            Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => Self::Conflict,
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
                Self::CannotVerify
            }
            // The connection broke, or what answers does not speak gRPC.
            Code::Unknown | Code::Internal if std::error::Error::source(status).is_some() => {
                Self::CannotVerify
            }
            Code::Unknown | Code::Internal | Code::Unimplemented | Code::DataLoss => Self::Unexpected,
        }
    }
}

const NOT_PERMITTED: [&str; 2] = ["SELF_APPROVAL_FORBIDDEN", "STEP_UP_REQUIRED"];

/// The public code of `ErrorInfo.reason` where the server gives one, else the name of the status.
pub fn public_code(status: &Status) -> String {
    let info = status.get_details_error_info().map(|info| info.reason).filter(|reason| !reason.is_empty());
    info.unwrap_or_else(|| grpc_name(status.code()).to_owned())
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::usage(invalid.to_string())
    }
}

impl From<Status> for Failure {
    /// `CODE: message`, with the public code of `ErrorInfo.reason` where the server gives one.
    fn from(status: Status) -> Self {
        // What tonic makes of a timeout of this side; it has no type of its own.
        if status.code() == Code::Cancelled && status.message() == "Timeout expired" {
            return Status::deadline_exceeded("no answer in time").into();
        }
        let broken = std::error::Error::source(&status).is_some();
        let code = public_code(&status);
        let failure = Self::new(Exit::of_status(&status), format!("{code}: {}", status.message()));
        match (code.as_str(), status.code()) {
            ("REGISTRY_SEALED", _) => {
                failure.hint("a sealed registry takes changes through its governance only")
            }
            ("STEP_UP_REQUIRED", _) => {
                failure.hint("sign in again with a second factor: `charter login --step-up`")
            }
            ("SELF_APPROVAL_FORBIDDEN", _) => failure.hint("ask another member of staff to decide it"),
            ("PROPOSAL_CHANGED", _) => failure.hint("`charter approval show ID` prints what it is now"),
            ("ETAG_MISMATCH", _) => {
                failure.hint("it has changed meanwhile: look at it again, then repeat the command")
            }
            (_, Code::Unauthenticated) => {
                failure.hint("sign in with `charter login`, or name the token's file with --token-file")
            }
            (_, Code::DeadlineExceeded) => failure.hint("allow more with --timeout"),
            (_, Code::Unknown | Code::Internal) if broken => {
                failure.hint("does the server speak gRPC at that address?")
            }
            _ => failure,
        }
    }
}

/// The name of a status code as the gRPC specification writes it.
pub const fn grpc_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_decision_has_the_code_of_its_reason() {
        for reason in Reason::ALL {
            let exit = Exit::of(reason.outcome(), Some(reason));
            let expected = match reason {
                Reason::Active => Exit::Ok,
                r if r.is_unknown() => Exit::Unknown,
                r if r.outcome() == Outcome::No => Exit::Negative,
                _ => Exit::CannotVerify,
            };
            assert_eq!(exit, expected, "{reason}");
        }
    }

    #[test]
    fn the_codes_are_those_of_the_documentation() {
        let docs = include_str!("../../../docs/API.md");
        let (_, table) = docs.split_once("## Exit codes").expect("the section");
        let rows =
            table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let found: Vec<u8> = rows.filter_map(|row| row.split('|').nth(1)?.trim().parse().ok()).collect();
        let codes = [
            Exit::Ok,
            Exit::Unexpected,
            Exit::Usage,
            Exit::Negative,
            Exit::Unknown,
            Exit::CannotVerify,
            Exit::Denied,
            Exit::Conflict,
            Exit::Partial,
            Exit::Interrupted,
        ];
        assert_eq!(found, codes.map(|code| code as u8));
    }

    #[test]
    fn an_answer_that_contradicts_itself_is_no_answer() {
        assert_eq!(Exit::of(Outcome::Yes, Some(Reason::Revoked)), Exit::CannotVerify);
        assert_eq!(Exit::of(Outcome::Yes, None), Exit::CannotVerify);
        assert_eq!(Exit::of(Outcome::No, Some(Reason::Active)), Exit::CannotVerify);
        assert_eq!(Exit::of(Outcome::No, None), Exit::Negative);
        assert_eq!(Exit::of(Outcome::Indeterminate, None), Exit::CannotVerify);
    }

    #[test]
    fn a_status_shows_its_public_code_and_maps_to_an_exit() {
        let details =
            ErrorDetails::with_error_info("REGISTRY_SEALED", "charter", [("k".to_owned(), "v".to_owned())]);
        let status = Status::with_error_details(Code::FailedPrecondition, "the registry is sealed", details);
        let failure = Failure::from(status);
        assert_eq!(failure.message, "REGISTRY_SEALED: the registry is sealed");
        assert_eq!(failure.exit, Exit::Conflict);
        let exit = |code| Failure::from(Status::new(code, "")).exit;
        let named = |grpc, code: &str| {
            let details = ErrorDetails::with_error_info(code, "charter", []);
            Failure::from(Status::with_error_details(grpc, "", details)).exit
        };
        assert_eq!(named(Code::FailedPrecondition, "STEP_UP_REQUIRED"), Exit::Denied);
        assert_eq!(named(Code::PermissionDenied, "SELF_APPROVAL_FORBIDDEN"), Exit::Denied);
        assert_eq!(named(Code::Aborted, "PROPOSAL_CHANGED"), Exit::Conflict);
        assert_eq!(named(Code::FailedPrecondition, "ILLEGAL_TRANSITION"), Exit::Conflict);
        assert_eq!(exit(Code::InvalidArgument), Exit::Usage);
        assert_eq!(exit(Code::NotFound), Exit::Unknown);
        assert_eq!(exit(Code::Unavailable), Exit::CannotVerify);
        assert_eq!(exit(Code::DeadlineExceeded), Exit::CannotVerify);
        assert_eq!(exit(Code::Unauthenticated), Exit::Denied);
        assert_eq!(exit(Code::PermissionDenied), Exit::Denied);
        assert_eq!(exit(Code::Internal), Exit::Unexpected);
        assert_eq!(Exit::Interrupted as u8, 130);
    }
}
