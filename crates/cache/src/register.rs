//! What this process knows of each registry's changes, and until when that knowledge may be used.
//!
//! The poller reads the epochs from the primary or a quorum of nodes, `note`s the events since its own, then `advance`s, and
//! last calls `polled` with the instant *before* its query. A reader looks at these in the opposite order:
//! the lease first, then the stamps. So whoever finds a valid lease also finds every change committed
//! before the poll that renewed it. No lock is taken to read.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use charter_domain::RegistryId;
use foldhash::{SharedSeed, quality::SeedableRandomState};

use crate::{
    clock::{BootInstant, Ticks},
    stamps::Stamps,
};

/// 256 segments of 256: registry ids are small (a Postgres identity). Above 65,535 nothing is cached.
const SEGMENT: usize = 256;
/// As `since`: no entry is that new, so nothing of an unwatched registry is accepted.
const UNWATCHED: i64 = i64::MAX;

/// One event: whose answers it may change. `None` is everybody's in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub seq: i64,
    pub identifiers: Option<Vec<String>>,
}

#[derive(Debug)]
struct Registration {
    /// Every change up to here has been noted.
    epoch: AtomicI64,
    /// Where watching began. Of changes before it nothing is known, so older entries do not count.
    since: AtomicI64,
    /// The last change that concerns the whole registry.
    wide: AtomicI64,
    /// How often such a change was noted.
    turns: AtomicU64,
    /// Of the history before this one, up to here nothing is different in this one.
    kept: AtomicI64,
    stamps: Stamps,
}

impl Registration {
    const fn new() -> Self {
        Self {
            epoch: AtomicI64::new(i64::MIN),
            since: AtomicI64::new(UNWATCHED),
            wide: AtomicI64::new(i64::MIN),
            turns: AtomicU64::new(0),
            kept: AtomicI64::new(i64::MIN),
            stamps: Stamps::new(),
        }
    }
}

/// The keyed hash of an entity, kept with an entry so that a hit doesn't hash the entity again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// Less than ten, and of each entity another.
    pub(crate) const fn digit(self) -> u32 {
        self.0 % 10
    }
}

#[derive(Debug)]
pub struct Register {
    lease: Duration,
    ticks: Ticks,
    hasher: SeedableRandomState,
    /// Nanoseconds of `BootInstant`; 0 is never.
    polled_before: AtomicU64,
    /// How often another history of the database began.
    history: AtomicU64,
    segments: Box<[OnceLock<Box<[Registration]>>]>,
}

impl Register {
    pub fn new(lease: Duration) -> Self {
        Self::with_ticks(lease, Ticks::default())
    }
    pub fn with_ticks(lease: Duration, ticks: Ticks) -> Self {
        Self::hashing(lease, ticks, SeedableRandomState::random())
    }

    /// One in which the same entities meet in a slot whenever it is made: for runs that are to be repeated.
    pub fn seeded(lease: Duration, ticks: Ticks, seed: u64) -> Self {
        Self::hashing(lease, ticks, SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()))
    }

    fn hashing(lease: Duration, ticks: Ticks, hasher: SeedableRandomState) -> Self {
        let segments = (0..SEGMENT).map(|_| OnceLock::new()).collect();
        let (polled_before, history) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { lease, ticks, hasher, polled_before, history, segments }
    }

    /// The lease holds: what is accepted now is not older than any change acknowledged `hold` after commit.
    pub fn usable(&self) -> bool {
        let polled = self.polled_before.load(Ordering::Acquire);
        polled != 0 && self.ticks.now().since(BootInstant::from_nanos(polled)) < self.lease
    }

    /// The instant before the poll that proved last what is known of the registries; `None` before the first, and from
    /// `drop_lease` on. It goes on to be told when the lease is over.
    pub fn proven(&self) -> Option<BootInstant> {
        let polled = self.polled_before.load(Ordering::Acquire);
        (polled != 0).then(|| BootInstant::from_nanos(polled))
    }

    /// The epoch up to which changes were noted, if the registry is watched.
    pub fn watched(&self, registry: RegistryId) -> Option<i64> {
        let it = self.registration(registry)?;
        (it.since.load(Ordering::Acquire) != UNWATCHED).then(|| it.epoch.load(Ordering::Acquire))
    }

    /// Watches a registry whose epoch the poller has just read. On one already watched (the poller cannot
    /// read what it missed) everything older than `epoch` stops counting.
    pub fn start(&self, registry: RegistryId, epoch: i64) {
        let Some(it) = self.made(registry) else {
            tracing::warn!(registry.id = registry.0, "registry id out of range: its answers are not cached");
            return;
        };
        it.epoch.fetch_max(epoch, Ordering::AcqRel);
        if it.since.compare_exchange(UNWATCHED, epoch, Ordering::AcqRel, Ordering::Acquire).is_err() {
            it.since.fetch_max(epoch, Ordering::AcqRel);
        }
        it.turns.fetch_add(1, Ordering::AcqRel);
    }

    /// Another history of the database is the right one. Up to these epochs it was seen to be that of the registry before it,
    /// and entries of that one go on; all others, and those of registries that are not named, count no more.
    pub fn begin_history(&self, kept: &HashMap<RegistryId, i64>) {
        let all = || self.segments.iter().filter_map(OnceLock::get).flat_map(|segment| segment.iter());
        // Nothing, while it is not clear whose it is.
        for it in all() {
            it.kept.store(i64::MIN, Ordering::Release);
        }
        self.history.fetch_add(1, Ordering::AcqRel);
        for (registry, epoch) in kept {
            if let Some(it) = self.registration(*registry) {
                it.kept.store(*epoch, Ordering::Release);
            }
        }
        for it in all() {
            it.turns.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn history(&self) -> u64 {
        self.history.load(Ordering::Acquire)
    }

    /// What was read at an epoch of a registry in that history is part of the present one.
    pub(crate) fn goes_on(&self, registry: RegistryId, history: u64, epoch: i64) -> bool {
        let now = self.history();
        let kept = || self.registration(registry).is_some_and(|it| epoch <= it.kept.load(Ordering::Acquire));
        now == history || (now == history + 1 && kept())
    }

    /// Records whose answers changed; from here on, older entries of theirs are refused. Also for a
    /// registry not watched yet, so that a change cannot fall between the first poll and `start`. A writer
    /// may note its own change before the poller sees it; it may `advance` only if it
    /// noted everybody's changes up to there.
    pub fn note(&self, registry: RegistryId, changes: &[Change]) {
        let Some(it) = self.made(registry) else { return };
        for change in changes {
            match &change.identifiers {
                None => {
                    it.wide.fetch_max(change.seq, Ordering::AcqRel);
                    it.turns.fetch_add(1, Ordering::AcqRel);
                }
                Some(entities) => {
                    it.stamps.note(entities.iter().map(|e| self.slot(registry, e).0), change.seq);
                }
            }
        }
    }

    /// Another number than before once something was noted that concerns the whole registry: what was read since this
    /// one was is as new as that. `None` of a registry that is not watched.
    pub fn turns(&self, registry: RegistryId) -> Option<u64> {
        self.watched(registry)?;
        self.registration(registry).map(|it| it.turns.load(Ordering::Acquire))
    }

    /// The same, as long as nothing can have been missed.
    pub fn turns_now(&self, registry: RegistryId) -> Option<u64> {
        // The lease first.
        if self.usable() { self.turns(registry) } else { None }
    }

    /// INVARIANT: only after `note` of every change in (`watched`, `epoch`].
    pub fn advance(&self, registry: RegistryId, epoch: i64) {
        if self.watched(registry).is_some()
            && let Some(it) = self.registration(registry)
        {
            it.epoch.fetch_max(epoch, Ordering::AcqRel);
        }
    }

    /// Renews the lease. `before` is the instant before the poll's query, and what it found is noted.
    pub fn polled(&self, before: BootInstant) {
        self.polled_before.fetch_max(before.nanos(), Ordering::AcqRel);
    }

    /// An entry of that epoch holds every change of the entity that this process knows of.
    pub fn accepts(&self, registry: RegistryId, entity: &str, entry_epoch: i64) -> bool {
        self.accepts_slot(registry, self.slot(registry, entity), entry_epoch)
    }
    pub(crate) fn accepts_slot(&self, registry: RegistryId, slot: Slot, entry_epoch: i64) -> bool {
        self.registration(registry).is_some_and(|it| {
            entry_epoch >= it.since.load(Ordering::Acquire)
                && entry_epoch >= it.wide.load(Ordering::Acquire)
                && entry_epoch >= it.stamps.last(slot.0)
        })
    }
    pub(crate) fn slot(&self, registry: RegistryId, entity: &str) -> Slot {
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        Slot(self.hasher.hash_one((registry, entity)) as u32)
    }

    /// What a revocation waits between its commit and its acknowledgement: the lease, and 1 % because two
    /// machines' clocks do not run equally fast.
    pub fn hold(&self) -> Duration {
        self.lease + self.lease / 100
    }
    pub fn ticks(&self) -> &Ticks {
        &self.ticks
    }
    /// Loses the lease at once, until the next `polled`. For tests and for injected faults.
    pub fn drop_lease(&self) {
        self.polled_before.store(0, Ordering::Release);
    }

    fn place(registry: RegistryId) -> Option<(usize, usize)> {
        let id = usize::try_from(registry.0).ok().filter(|id| *id < SEGMENT * SEGMENT)?;
        Some((id / SEGMENT, id % SEGMENT))
    }
    fn registration(&self, registry: RegistryId) -> Option<&Registration> {
        let (segment, at) = Self::place(registry)?;
        self.segments[segment].get().map(|s| &s[at])
    }
    fn made(&self, registry: RegistryId) -> Option<&Registration> {
        let (segment, at) = Self::place(registry)?;
        let made = self.segments[segment].get_or_init(|| (0..SEGMENT).map(|_| Registration::new()).collect());
        Some(&made[at])
    }
}
