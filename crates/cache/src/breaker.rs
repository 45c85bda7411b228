//! After five failures in a row nobody waits for Redis for a second; then one call a second tries.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use crate::clock::BootInstant;

const FAILURES: u32 = 5;
pub(crate) const OPEN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: AtomicU32,
    /// Nanoseconds of `BootInstant`; 0 is closed.
    open_until: AtomicU64,
    /// When a new connection was last asked for; 0 is never.
    renewed: AtomicU64,
}

impl Breaker {
    /// Whether to try. While open, at most one caller per `OPEN` is let through.
    pub(crate) fn allows(&self, now: BootInstant) -> bool {
        let until = self.open_until.load(Ordering::Acquire);
        until == 0
            || (now.nanos() >= until
                && self
                    .open_until
                    .compare_exchange(until, now.plus(OPEN).nanos(), Ordering::AcqRel, Ordering::Acquire)
                    .is_ok())
    }
    pub(crate) fn succeeded(&self) {
        // Loads first: on the usual path nothing is written, and the line stays shared.
        if self.failures.load(Ordering::Acquire) != 0 {
            self.failures.store(0, Ordering::Release);
        }
        if self.open_until.load(Ordering::Acquire) != 0 {
            self.open_until.store(0, Ordering::Release);
        }
    }
    /// True when it is time for a new connection: it is open, and none was made within `OPEN`. Calls that
    /// were under way together fail together, and one new connection is enough for them.
    pub(crate) fn failed(&self, now: BootInstant) -> bool {
        if self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1) < FAILURES {
            return false;
        }
        // Kept at the threshold, so that one failed trial opens it again and the count cannot wrap.
        self.failures.store(FAILURES, Ordering::Release);
        self.open_until.fetch_max(now.plus(OPEN).nanos(), Ordering::AcqRel);
        let renewed = self.renewed.load(Ordering::Acquire);
        (renewed == 0 || now.since(BootInstant::from_nanos(renewed)) >= OPEN)
            && self
                .renewed
                .compare_exchange(renewed, now.nanos(), Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_tries_once_a_second_and_closes_on_success() {
        let (breaker, start) = (Breaker::default(), BootInstant::from_nanos(1));
        for _ in 1..FAILURES {
            assert!(breaker.allows(start) && !breaker.failed(start));
        }
        assert!(breaker.failed(start) && !breaker.allows(start));
        let later = start.plus(OPEN);
        assert!(breaker.allows(later) && !breaker.allows(later));
        assert!(breaker.failed(later) && !breaker.failed(later));
        assert!(!breaker.allows(later) && breaker.allows(later.plus(OPEN)));
        breaker.succeeded();
        assert!(breaker.allows(later) && breaker.allows(later));
    }
}
