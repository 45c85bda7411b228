//! An answer kept, and the one test of whether it may be served.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use charter_domain::Timestamp;

use crate::{
    clock::BootInstant,
    dependency::Dep,
    key::{Key, Lookup},
    register::{Register, Slot},
    touch::entity_tag,
};

/// The oldest that what cannot be confirmed may be, whatever a caller accepts.
pub const LONGEST_STALE: Duration = Duration::from_secs(3_600);
/// The same of what rests on our own records, while their lease is over: a revocation is acknowledged one lease after it.
const LONGEST_OWN_STALE: Duration = Duration::from_secs(60);
/// How far another process' wall clock may be ahead of ours before its answers are not ours to give.
const MAX_SKEW: Duration = Duration::from_secs(1);

/// What a filler found.
#[derive(Debug, Clone)]
pub struct Filled<V> {
    /// The epoch that the facts themselves came with, not one read before or after them.
    pub epoch: i64,
    /// The instant the decision is about.
    pub evaluated_at: Timestamp,
    /// When the first of the facts used begins or ends to hold, for a "no" too.
    pub next_change: Option<Timestamp>,
    pub expires_at: Timestamp,
    /// Other registries the answer rests on, each with the epoch it was at.
    pub deps: Vec<(Arc<Dep>, i64)>,
    /// Not later than they were asked: their answers confirm this one from then on.
    pub asked: Option<BootInstant>,
    pub value: V,
}

/// An answer that rests on registries of which nothing was heard lately; our own may be one of them.
#[derive(Debug)]
pub struct Past<V> {
    pub entry: Arc<Entry<V>>,
    /// The last instant at which all of them were known to be where the answer saw them.
    pub confirmed: BootInstant,
    /// How long ago that is.
    pub age: Duration,
    /// How long ago our own records were proven, where their lease is over.
    pub unproven: Option<Duration>,
}

impl<V> Past<V> {
    /// It was confirmed as lately as the caller accepts.
    pub fn is_within(&self, accepted: Duration) -> bool {
        self.age <= accepted.min(LONGEST_STALE)
            && self.unproven.is_none_or(|ago| ago <= accepted.min(LONGEST_OWN_STALE))
    }
}

#[derive(Debug)]
pub struct Entry<V> {
    key: Key,
    slot: Slot,
    /// Of the entity, where the answer rests on other registries.
    tag: u32,
    /// Of the database, when the facts were read.
    history: u64,
    filled: Filled<V>,
    /// It is to be looked up again.
    due: AtomicBool,
}

impl<V> Entry<V> {
    pub(crate) fn new(lookup: &Lookup<'_>, register: &Register, history: u64, filled: Filled<V>) -> Self {
        let slot = register.slot(lookup.registry, lookup.entity);
        let tag = if filled.deps.is_empty() { 0 } else { entity_tag(lookup.entity) };
        Self { key: Key::new(lookup), slot, tag, history, filled, due: AtomicBool::new(false) }
    }
    /// The question that it answers.
    pub fn question(&self) -> Lookup<'_> {
        self.key.lookup()
    }
    /// True once, when nine tenths of its time are over (more or less, by entity: what was found together is not due
    /// together). Own records are near: what rests on them alone is never due.
    pub(crate) fn becomes_due(&self, now: Timestamp) -> bool {
        if self.filled.deps.is_empty() || self.due.load(Ordering::Relaxed) {
            return false;
        }
        let whole = self.ends().since(self.filled.evaluated_at);
        let is_due = now.since(self.filled.evaluated_at) * 100 >= whole * (85 + self.slot.digit());
        is_due && !self.due.swap(true, Ordering::Relaxed)
    }
    pub(crate) fn is(&self, lookup: &Lookup<'_>) -> bool {
        self.key.is(lookup)
    }

    /// The facts used hold at `now` as they did when they were looked up.
    pub(crate) fn in_time(&self, now: Timestamp) -> bool {
        let it = &self.filled;
        now < it.expires_at
            && it.next_change.is_none_or(|change| now < change)
            && it.evaluated_at <= now.plus(MAX_SKEW)
    }
    /// This process knows of no change since. The lease comes first: see `register`.
    pub(crate) fn unchanged(&self, register: &Register) -> bool {
        register.usable()
            && self.accepted(register)
            && self.filled.deps.iter().all(|(d, e)| d.holds(self.tag, *e, self.filled.asked))
    }
    /// The same without the lease: worth writing to Redis.
    pub(crate) fn accepted(&self, register: &Register) -> bool {
        let (registry, epoch) = (self.key.registry(), self.filled.epoch);
        register.accepts_slot(registry, self.slot, epoch) && register.goes_on(registry, self.history, epoch)
    }
    /// Since when nothing has confirmed the registries that it rests on; and since when our own records were not proven,
    /// where their lease is over. `None` if it waits for nobody, if one is known to have changed, or if a date ends the
    /// entry: none of that is a matter of waiting. How long it was to be kept is one: it says when to look again.
    pub(crate) fn confirmed(
        &self,
        now: Timestamp,
        register: &Register,
    ) -> Option<(BootInstant, Option<BootInstant>)> {
        let it = &self.filled;
        // The poll before the stamps: see `register`.
        let proven = register.proven()?;
        let lost = (!register.usable()).then_some(proven);
        let dated = it.next_change.is_some_and(|change| change <= now);
        if dated || it.evaluated_at > now.plus(MAX_SKEW) || !self.accepted(register) {
            return None;
        }
        let polls = it.deps.iter().map(|(dep, epoch)| dep.unmoved(self.tag, *epoch, it.asked));
        let polls = polls.collect::<Option<Vec<_>>>()?;
        let confirmed = polls.into_iter().chain(lost).min()?;
        Some((confirmed, lost))
    }
    pub(crate) fn valid(&self, now: Timestamp, register: &Register) -> bool {
        self.in_time(now) && self.unchanged(register)
    }

    /// What to state as the time of evaluation: never before the facts were looked up, because one of them
    /// may have begun to hold since `now` was read.
    pub fn time_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.filled.evaluated_at)
    }
    /// Until when the facts used hold, if nothing is written meanwhile.
    pub fn ends(&self) -> Timestamp {
        let it = &self.filled;
        it.next_change.map_or(it.expires_at, |change| change.min(it.expires_at))
    }
}

impl<V> std::ops::Deref for Entry<V> {
    type Target = Filled<V>;
    fn deref(&self) -> &Filled<V> {
        &self.filled
    }
}
