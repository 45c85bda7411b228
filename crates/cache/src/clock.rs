//! The clock that leases are measured with: `CLOCK_BOOTTIME`, which never steps and, unlike
//! `CLOCK_MONOTONIC`, goes on while the machine is suspended. A paused VM must lose its lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot. Comparable only within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootInstant(u64);

impl BootInstant {
    pub fn now() -> Self {
        let t = clock_gettime(ClockId::Boottime);
        let secs = u64::try_from(t.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(t.tv_nsec).unwrap_or(0);
        Self(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
    }
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
    pub const fn nanos(self) -> u64 {
        self.0
    }
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
    #[must_use]
    pub fn earlier(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
    /// How long after `earlier` this is; zero when it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

/// Where `BootInstant`s come from: the kernel, or a test's hand.
#[derive(Debug, Clone, Default)]
pub enum Ticks {
    #[default]
    Boot,
    Hand(Arc<AtomicU64>),
}

impl Ticks {
    /// Stands still until `advance`; starts at one hour, so that nothing is "never" by accident.
    pub fn hand() -> Self {
        Self::Hand(Arc::new(AtomicU64::new(3_600_000_000_000)))
    }
    pub fn now(&self) -> BootInstant {
        match self {
            Self::Boot => BootInstant::now(),
            Self::Hand(nanos) => BootInstant(nanos.load(Ordering::Acquire)),
        }
    }
    /// Moves a clock set by hand; the kernel's moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Self::Hand(nanos) = self {
            nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
        }
    }
}
