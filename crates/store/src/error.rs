//! What can go wrong with the store, by what the caller can do about it. Driver texts stay in the log.

use charter_domain::{Invalid, policy::Refusal};
use diesel::result::{DatabaseErrorKind, Error as Diesel};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached or is overloaded; try again.
    #[error("the database is unavailable")]
    Unavailable(String),
    /// The database is read-only here: a standby.
    #[error("this site is not the primary")]
    NotPrimary,
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
            Self::Unavailable(text) | Self::Internal(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Diesel> for Error {
    fn from(e: Diesel) -> Self {
        let Diesel::DatabaseError(kind, info) = &e else {
            return match &e {
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
/// (the private cluster and our settings pin `lc_messages=C`).
fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 7] = [
        "deadlock detected",
        "terminating connection",
        "the database system is",
        "canceling statement due to",
        "server closed the connection",
        "too many clients",
        "remaining connection slots",
    ];
    PASSING.iter().any(|p| message.contains(p))
}

impl From<tokio_postgres::Error> for Error {
    fn from(e: tokio_postgres::Error) -> Self {
        match e.as_db_error() {
            Some(db) if is_passing(db.message()) => Self::Unavailable(db.message().to_owned()),
            Some(db) => Self::Internal(db.to_string()),
            None => Self::Unavailable(e.to_string()),
        }
    }
}
