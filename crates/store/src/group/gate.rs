//! Who decides how a group ends: the thread that is about to commit it, or who gave up waiting for that thread.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use tokio::sync::watch;

use crate::Error;

const RUNNING: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// For how long a standby's word is waited for. It may still come: what a COMMIT comes to is not known then, and callers
/// are to hear that within the time that they wait by default.
const CONFIRMED: Duration = Duration::from_secs(1);

/// INVARIANT: who gave up before COMMIT was sent keeps it from ever being sent, so that then nothing was recorded.
#[derive(Debug)]
pub(crate) struct Gate {
    state: AtomicU8,
    /// How long the present step may take; sent anew with each step.
    step: watch::Sender<Duration>,
}

impl Gate {
    pub(super) fn new(limit: Duration) -> Self {
        Self { state: AtomicU8::new(RUNNING), step: watch::Sender::new(limit) }
    }

    /// An attempt begins, the first or another after one that came to nothing.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.moves(COMMITTING, RUNNING);
        if self.state.load(Ordering::SeqCst) == GIVEN_UP {
            return Err(Error::Unavailable("given up before it began".to_owned()));
        }
        Ok(())
    }

    /// The thread: begins something that may take so long.
    pub(crate) fn step(&self, limit: Duration) {
        self.step.send_replace(limit);
    }

    /// The thread: whether COMMIT may be sent.
    pub(super) fn may_commit(&self) -> bool {
        self.step(CONFIRMED);
        self.moves(RUNNING, COMMITTING)
    }

    /// Who waits: until a step takes too long.
    pub(super) async fn overdue(&self) {
        let mut step = self.step.subscribe();
        loop {
            let limit = *step.borrow_and_update();
            if tokio::time::timeout(limit, step.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Who waited: whether nothing was and nothing will be recorded.
    pub(super) fn give_up(&self) -> bool {
        self.moves(RUNNING, GIVEN_UP)
    }

    pub(super) fn is_running(&self) -> bool {
        self.state.load(Ordering::SeqCst) == RUNNING
    }

    fn moves(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_decides() {
        let gate = Gate::new(CONFIRMED);
        gate.begin().expect("begun");
        assert!(gate.may_commit() && !gate.give_up() && !gate.is_running());
        gate.begin().expect("again, after an error of COMMIT");
        assert!(gate.is_running() && gate.give_up() && !gate.may_commit());
        assert!(gate.begin().is_err());
    }

    #[tokio::test]
    async fn a_step_has_its_own_time() {
        let gate = Gate::new(Duration::from_secs(3_600));
        let thread = async { gate.step(Duration::ZERO) };
        let both = async { tokio::join!(gate.overdue(), thread) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("the second step is overdue");
    }
}
