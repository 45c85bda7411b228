//! Who decides how a group ends: the thread that is about to commit it, or who gave up waiting for that thread.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Error;

const RUNNING: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// INVARIANT: who gave up before COMMIT was sent keeps it from ever being sent, so that then nothing was recorded.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU8);

impl Gate {
    /// An attempt begins, the first or another after one that came to nothing.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.moves(COMMITTING, RUNNING);
        if self.0.load(Ordering::SeqCst) == GIVEN_UP {
            return Err(Error::Unavailable("given up before it began".to_owned()));
        }
        Ok(())
    }

    /// The thread: whether COMMIT may be sent.
    pub(super) fn may_commit(&self) -> bool {
        self.moves(RUNNING, COMMITTING)
    }

    /// Who waited: whether nothing was and nothing will be recorded.
    pub(super) fn give_up(&self) -> bool {
        self.moves(RUNNING, GIVEN_UP)
    }

    fn moves(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_decides() {
        let gate = Gate::default();
        gate.begin().expect("begun");
        assert!(gate.may_commit() && !gate.give_up());
        gate.begin().expect("again, after an error of COMMIT");
        assert!(gate.give_up() && !gate.may_commit());
        assert!(gate.begin().is_err());
    }
}
