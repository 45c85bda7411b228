//! What can go wrong with the store, by what the caller can do about it. Driver texts stay in the log.

use charter_domain::{Invalid, policy::Refusal};
use diesel::result::{DatabaseErrorKind, Error as Diesel};

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached or is overloaded; try again.
    #[error("the database is unavailable")]
    Unavailable(String),
    /// The database is read-only here: a standby.
    #[error("this site is not the primary")]
    NotPrimary,
    /// COMMIT was sent and its answer was not heard: it may have been recorded, now or in a moment.
    #[error("whether it was recorded is not known")]
    Unknown(String),
    /// Something recorded already excludes the change.
    #[error("the change conflicts with what is recorded ({0})")]
    Conflict(String),
    #[error("an entity with this identifier exists already")]
    DuplicateEntity,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A refusal of the use-case inside a transaction; nothing was written.
    #[error("{0} does not exist")]
    NotFound(String),
    /// Only tried out: rolled back as it was meant to be. Never leaves the store.
    #[error("tried out")]
    TriedOut,
    #[error("internal error")]
    Internal(String),
}

impl Error {
    /// What the log may know and the caller may not.
    pub fn source_text(&self) -> Option<&str> {
        match self {
            Self::Unavailable(text) | Self::Unknown(text) | Self::Internal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing was recorded, for a reason that may be gone in a moment: a lost connection, another primary, a
    /// deadlock. Not for what has waited its time already.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotPrimary => true,
            Self::Unavailable(text) => !WAITED.iter().any(|waited| text.contains(waited)),
            _ => false,
        }
    }

    /// Of COMMIT alone. Only what the server itself says of a transaction is an outcome: where the connection ended, or
    /// was to end, it may have committed before.
    pub(crate) fn of_commit(e: Diesel) -> Self {
        use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
        match &e {
            Diesel::DatabaseError(ClosedConnection | UnableToSendCommand, _) => Self::Unknown(e.to_string()),
            Diesel::DatabaseError(_, info) if ENDING.iter().any(|text| info.message().contains(text)) => {
                Self::Unknown(e.to_string())
            }
            Diesel::DatabaseError(..) => e.into(),
            _ => Self::Unknown(e.to_string()),
        }
    }
}

/// Texts of what was waited for long enough, or does not pass within moments.
const WAITED: [&str; 8] = [
    FULL,
    "canceling statement due to",
    "waiting for a slot",
    "too many clients",
    "remaining connection slots",
    "changes wait",
    "given up",
    NO_STANDBY,
];
/// Of the disk of the database (SQLSTATE 53100): it passes when somebody makes room.
const FULL: &str = "No space left on device";
/// Written by nobody, since nobody else would have it.
pub(crate) const NO_STANDBY: &str = "no synchronous standby is demanded";

impl From<Diesel> for Error {
    fn from(e: Diesel) -> Self {
        let full = matches!(&e, Diesel::DatabaseError(_, info) if info.message().contains(FULL));
        let error = Self::of(&e);
        error.count(full);
        error
    }
}

impl Error {
    /// Those of the database itself: what a statement was refused for is no fault of its.
    fn count(&self, full: bool) {
        let kind = match self {
            _ if full => "disk_full",
            Self::NotPrimary => "not_primary",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
            _ => return,
        };
        metrics::counter!("charter_database_errors_total", "kind" => kind).increment(1);
    }

    fn of(e: &Diesel) -> Self {
        let Diesel::DatabaseError(kind, info) = e else {
            return match e {
                Diesel::BrokenTransactionManager | Diesel::RollbackErrorOnCommit { .. } => {
                    Self::Unavailable(e.to_string())
                }
                _ => Self::Internal(e.to_string()),
            };
        };
        let constraint = info.constraint_name().unwrap_or_default().to_owned();
        if constraint.starts_with("entity_identifiers") {
            return Self::DuplicateEntity;
        }
        match kind {
            DatabaseErrorKind::ReadOnlyTransaction => Self::NotPrimary,
            _ if is_standby(info.message()) => Self::NotPrimary,
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure => Self::Unavailable(e.to_string()),
            _ if !constraint.is_empty() => Self::Conflict(constraint),
            _ if is_passing(info.message()) => Self::Unavailable(e.to_string()),
            _ => Self::Internal(e.to_string()),
        }
    }
}

/// Conditions that pass by themselves; diesel gives no SQLSTATE for them, so the server's English text is matched
/// (the private cluster and our settings pin `lc_messages=C`), or that of libpq.
fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 9] = [
        FULL,
        "deadlock detected",
        "canceling statement due to",
        "too many clients",
        "remaining connection slots",
        "could not connect",
        "connection to server",
        "timeout expired",
        "could not translate host name",
    ];
    PASSING.iter().chain(&ENDING).any(|p| message.contains(p))
}

/// What is said where a connection has ended, or ends.
const ENDING: [&str; 8] = [
    "terminating connection",
    "the database system is",
    "server closed the connection",
    "could not receive data",
    "could not send data",
    "SSL SYSCALL",
    "SSL connection has been closed",
    "no connection to the server",
];

/// A write where none is possible (SQLSTATE 25006, or that no transaction gets a number).
fn is_standby(message: &str) -> bool {
    message.contains("in a read-only transaction") || message.contains("during recovery")
}

impl From<tokio_postgres::Error> for Error {
    fn from(e: tokio_postgres::Error) -> Self {
        let Some(db) = e.as_db_error() else { return Self::Unavailable(e.to_string()) };
        let code = db.code().code();
        if is_standby(db.message()) || code == "25006" {
            return Self::NotPrimary;
        }
        // Class 08, connection; 53, no room, memory or connections; 57P, the server ends or begins; 40, contention.
        if ["08", "53", "57P", "40"].iter().any(|class| code.starts_with(class)) || is_passing(db.message()) {
            return Self::Unavailable(db.message().to_owned());
        }
        Self::Internal(db.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: DatabaseErrorKind, text: &str) -> Diesel {
        Diesel::DatabaseError(kind, Box::new(text.to_owned()))
    }

    #[test]
    fn what_passes_is_told_from_what_was_waited_for() {
        use DatabaseErrorKind::{ClosedConnection, ReadOnlyTransaction, SerializationFailure, Unknown};
        for (kind, text) in [
            (ReadOnlyTransaction, "cannot execute INSERT in a read-only transaction"),
            (Unknown, "cannot assign TransactionIds during recovery"),
            (Unknown, "terminating connection due to administrator command"),
            (Unknown, "the database system is shutting down"),
            (ClosedConnection, "server closed the connection unexpectedly"),
            (SerializationFailure, "could not serialize access due to concurrent update"),
            (Unknown, "deadlock detected"),
        ] {
            assert!(Error::from(said(kind, text)).is_passing(), "{text}");
        }
        let full = "could not extend file \"base/5/16384\": No space left on device";
        for text in ["canceling statement due to lock timeout", "sorry, too many clients already", full] {
            let error = Error::from(said(Unknown, text));
            assert!(matches!(error, Error::Unavailable(_)) && !error.is_passing(), "{text}");
        }
        assert!(!Error::from(said(Unknown, "division by zero")).is_passing());
        assert!(!Error::Unavailable(format!("{NO_STANDBY}: 0 of 1")).is_passing());
        assert!(!Error::Unknown(String::new()).is_passing());
    }

    #[test]
    fn a_commit_has_no_outcome_but_what_the_server_says_of_it() {
        use DatabaseErrorKind::{CheckViolation, ClosedConnection, UnableToSendCommand, Unknown};
        for (kind, text) in [
            (ClosedConnection, "server closed the connection unexpectedly"),
            (UnableToSendCommand, ""),
            (Unknown, "terminating connection due to administrator command"),
        ] {
            assert!(matches!(Error::of_commit(said(kind, text)), Error::Unknown(_)), "{text}");
        }
        let broken = Error::of_commit(Diesel::BrokenTransactionManager);
        assert!(matches!(broken, Error::Unknown(_)));
        let refused = Error::of_commit(said(CheckViolation, "no"));
        assert!(matches!(refused, Error::Internal(_)), "{refused:?}");
        let ended = Error::of_commit(said(Unknown, "canceling statement due to user request"));
        assert!(matches!(ended, Error::Unavailable(_)), "before it was recorded: {ended:?}");
    }
}
