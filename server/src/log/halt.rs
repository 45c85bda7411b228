//! Why a step of the sequencer did not succeed, by what is to be done about it.

use std::io::{self, ErrorKind};

use super::{fault::Injected, file, tree};

/// INVARIANT: whatever leaves it open whether something was written is a `Reload`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// What is known of the log may be wrong: all of it is read again.
    #[error("{0}")]
    Reload(String),
    /// The term is over: the lock is asked for again.
    #[error("another process has taken the log")]
    Over,
    /// Nothing was lost; it is tried again after a pause.
    #[error("{0}")]
    Later(String),
    /// Tried again seldom: somebody must do what it says.
    #[error("{0}")]
    Stop(String),
}

impl From<Injected> for Halt {
    fn from(injected: Injected) -> Self {
        Self::Reload(injected.to_string())
    }
}

impl From<charter_store::Error> for Halt {
    fn from(error: charter_store::Error) -> Self {
        Self::Reload(error.source_text().map_or_else(|| error.to_string(), str::to_owned))
    }
}

impl From<tree::Fault> for Halt {
    fn from(fault: tree::Fault) -> Self {
        match fault {
            tree::Fault::Store(error) => error.into(),
            tree::Fault::Damaged(why) => {
                Self::Stop(format!("the tree in the database is damaged: {why}; run `charterd log fsck`"))
            }
        }
    }
}

impl From<file::Fault> for Halt {
    fn from(fault: file::Fault) -> Self {
        match fault {
            file::Fault::Io(_, ref error) if is_full(error) => Self::Stop(format!(
                "the log's folder takes no more ({fault}): make room in log_store.dir, and the log goes on by itself"
            )),
            file::Fault::Io(..) | file::Fault::Larger { .. } => Self::Reload(fault.to_string()),
            file::Fault::Damaged { .. } => Self::Stop(fault.to_string()),
        }
    }
}

impl From<tokio::task::JoinError> for Halt {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Reload(error.to_string())
    }
}

/// It passes when somebody makes room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_stops_the_log_with_what_to_do_and_other_errors_are_tried_again() {
        let fault = |kind: ErrorKind| file::Fault::Io("/log/a.checkpoint".to_owned(), kind.into());
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem] {
            let Halt::Stop(why) = Halt::from(fault(kind)) else { unreachable!("{kind} stops it") };
            assert!(why.contains("`/log/a.checkpoint`") && why.contains("make room"), "{why}");
        }
        assert!(matches!(Halt::from(fault(ErrorKind::Interrupted)), Halt::Reload(_)));
    }
}
