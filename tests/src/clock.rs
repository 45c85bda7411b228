//! A clock that stands still until it is moved.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use charter_domain::{Timestamp, time::Clock};
use charter_server::clock::WallClock;

/// Starts at the present second: peers state deadlines by the wall clock.
#[derive(Debug)]
pub struct TestClock {
    micros: AtomicI64,
    agrees: AtomicBool,
}

impl Default for TestClock {
    fn default() -> Self {
        let micros = AtomicI64::new(WallClock.now().secs() * 1_000_000);
        Self { micros, agrees: AtomicBool::new(false) }
    }
}

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }

    pub fn set(&self, to: Timestamp) {
        self.micros.store(to.micros(), Ordering::SeqCst);
    }

    /// From now on it is taken for a machine's own, which others' should agree with.
    pub fn stands_for_a_machine(&self) {
        self.agrees.store(true, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    fn agrees(&self) -> bool {
        self.agrees.load(Ordering::SeqCst)
    }
}
