//! Other registries that federated answers rest on. Their epoch is polled, or a feed tells it. A feed tells whose records
//! changed, and ends what rests on those; a change of which only the number is known ends all that rests on the registry.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    clock::{BootInstant, Ticks},
    touch::{Touched, Touches},
};

/// How long an epoch read from another registry counts: longer than our own, it is polled over a network.
pub const DEP_LEASE: Duration = Duration::from_secs(2);
/// What no question has used for this long is no longer polled.
const IDLE: Duration = Duration::from_secs(60);
/// Most registries polled. Beyond, answers are cached for one `DEP_LEASE` and then asked again.
const MAX_TRACKED: usize = 10_000;
/// Most of them below one subordinate: which registries are there is its own word.
const MAX_BELOW: usize = 2_000;

/// One registry, reached by one path of authorities.
#[derive(Debug)]
pub struct Dep {
    path: Vec<String>,
    ticks: Ticks,
    epoch: AtomicI64,
    /// Entries that its log has published.
    published: AtomicI64,
    /// Nanoseconds of `BootInstant`; 0 is never.
    polled_before: AtomicU64,
    /// The same, of what its feed said.
    fed_before: AtomicU64,
    last_used: AtomicU64,
    touches: Touches,
    /// Nobody is asked: it is no registry.
    alone: bool,
}

impl Dep {
    /// Something that answers rest on and that nobody polls: whoever made it says when it moves.
    pub fn alone(path: &[String], epoch: i64) -> Self {
        let dep = Self { alone: true, ..Self::new(path, epoch, Ticks::default()) };
        dep.touches.begin(epoch, epoch);
        dep
    }

    fn new(path: &[String], epoch: i64, ticks: Ticks) -> Self {
        let last_used = AtomicU64::new(ticks.now().nanos());
        Self {
            path: path.to_vec(),
            ticks,
            epoch: AtomicI64::new(epoch),
            published: AtomicI64::new(0),
            polled_before: AtomicU64::new(0),
            fed_before: AtomicU64::new(0),
            last_used,
            touches: Touches::new(),
            alone: false,
        }
    }
    /// The authorities passed on the way, the registry's own last.
    pub fn path(&self) -> &[String] {
        &self.path
    }
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Entries that its log has published, as far as it has said so; 0 before that.
    pub fn published(&self) -> i64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Its log has published this many entries; a log does not go back.
    pub fn has_published(&self, size: i64) {
        self.published.fetch_max(size, Ordering::Relaxed);
    }

    /// How long ago it was asked for the epoch that it gave last; none before it has given one.
    pub fn age(&self) -> Option<Duration> {
        let polled = self.polled_before.load(Ordering::Acquire);
        (polled != 0).then(|| self.ticks.now().since(BootInstant::from_nanos(polled)))
    }

    /// The registry said, to a question sent after `before`, that it is at `epoch`.
    pub fn polled(&self, epoch: i64, before: BootInstant) {
        // The epoch first: who sees the renewed lease must see the epoch that came with it.
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
        self.polled_before.fetch_max(before.nanos(), Ordering::AcqRel);
    }

    /// A feed begins that has told all changes up to `heard` already, of which those up to `counted` count.
    pub fn begin(&self, counted: i64, heard: i64) {
        self.touches.begin(counted, heard);
        self.epoch.fetch_max(counted, Ordering::AcqRel);
    }

    /// A change there counts: entries that saw it at an earlier epoch and that it touches are used no more.
    pub fn tell(&self, epoch: i64, touched: &Touched) {
        // Whom it touches first: who sees the epoch must see that.
        self.touches.note(epoch, touched);
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// A change there was heard of that does not count yet.
    pub fn heard(&self, epoch: i64) {
        self.touches.heard(epoch);
    }

    /// Its feed said that nothing after `epoch` that counts had happened there by `before`.
    pub fn fed(&self, epoch: i64, before: BootInstant) {
        self.polled(epoch, before);
        self.fed_before.fetch_max(before.nanos(), Ordering::AcqRel);
    }

    /// Its feed is alive: it need not be polled.
    pub fn is_fed(&self) -> bool {
        let fed = self.fed_before.load(Ordering::Acquire);
        fed != 0 && self.ticks.now().since(BootInstant::from_nanos(fed)) < DEP_LEASE
    }

    /// No change is known that may end an entry about the entity which saw the registry at `epoch`.
    pub fn accepts(&self, tag: u32, epoch: i64) -> bool {
        let known = self.epoch.load(Ordering::Acquire);
        epoch >= known || self.touches.spare(tag, epoch, known)
    }

    /// An entry about the entity that saw the registry at `epoch` may be served; counts as use.
    fn fresh(&self, tag: u32, epoch: i64) -> bool {
        let now = self.ticks.now();
        // Once a second is enough, and keeps the line shared among the cores.
        if now.since(BootInstant::from_nanos(self.last_used.load(Ordering::Relaxed))) > Duration::from_secs(1)
        {
            self.last_used.store(now.nanos(), Ordering::Relaxed);
        }
        let polled = self.polled_before.load(Ordering::Acquire);
        polled != 0 && now.since(BootInstant::from_nanos(polled)) < DEP_LEASE && self.accepts(tag, epoch)
    }

    /// The same of an entry whose answer was given to a question sent after `asked`. That confirms the entry and no other:
    /// what a registry kept itself may be of an epoch of some time ago.
    pub(crate) fn holds(&self, tag: u32, epoch: i64, asked: Option<BootInstant>) -> bool {
        let lately = |asked| !self.alone && self.ticks.now().since(asked) < DEP_LEASE;
        self.fresh(tag, epoch) || asked.is_some_and(lately) && self.accepts(tag, epoch)
    }

    /// When the registry last said that nothing has touched the entry; `None` once something is known to have.
    pub(crate) fn unmoved(&self, tag: u32, epoch: i64, asked: Option<BootInstant>) -> Option<BootInstant> {
        let polled = self.polled_before.load(Ordering::Acquire);
        let asked = asked.filter(|_| !self.alone).map_or(0, BootInstant::nanos);
        let last = polled.max(asked);
        (last != 0 && self.accepts(tag, epoch)).then(|| BootInstant::from_nanos(last))
    }

    fn idle(&self, now: BootInstant) -> bool {
        now.since(BootInstant::from_nanos(self.last_used.load(Ordering::Relaxed))) > IDLE
    }
}

/// The registries to poll. Entries hold their `Dep`s themselves, so a hit never looks here; what is
/// forgotten is no longer polled, and so what rests on it is soon no longer fresh.
#[derive(Debug, Default)]
pub struct Dependencies {
    ticks: Ticks,
    tracked: RwLock<Tracked>,
}

#[derive(Debug, Default)]
struct Tracked {
    deps: HashMap<Vec<String>, Arc<Dep>>,
    /// Those that are no longer polled, while an answer rests on them: what a feed tells must still end it.
    unused: HashMap<Vec<String>, Weak<Dep>>,
    /// How many there are below each subordinate, by the way to it.
    below: HashMap<Vec<String>, usize>,
}

/// The registry that asks and its subordinate.
fn top(path: &[String]) -> Vec<String> {
    path.iter().take(2).cloned().collect()
}

impl Tracked {
    fn insert(&mut self, dep: &Arc<Dep>) {
        let below = self.below.entry(top(dep.path())).or_default();
        if self.deps.len() < MAX_TRACKED && *below < MAX_BELOW {
            *below += 1;
            self.unused.remove(dep.path());
            self.deps.insert(dep.path().to_vec(), Arc::clone(dep));
        } else if self.unused.len() < MAX_TRACKED {
            self.unused.insert(dep.path().to_vec(), Arc::downgrade(dep));
        }
    }

    fn find(&self, path: &[String]) -> Option<Arc<Dep>> {
        let unused = || self.unused.get(path).and_then(Weak::upgrade);
        self.deps.get(path).map(Arc::clone).or_else(unused)
    }

    /// Those beyond the bound end what rests on them.
    fn forget(&mut self, idle: impl Fn(&Dep) -> bool) {
        self.unused.retain(|_, dep| dep.strong_count() > 0);
        for (path, dep) in self.deps.extract_if(|_, dep| idle(dep)) {
            if Arc::strong_count(&dep) > 1 && self.unused.len() < MAX_TRACKED {
                self.unused.insert(path, Arc::downgrade(&dep));
            } else {
                dep.tell(i64::MAX, &Touched::Everybody);
            }
        }
        self.below.clear();
        for path in self.deps.keys() {
            *self.below.entry(top(path)).or_default() += 1;
        }
    }
}

impl Dependencies {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn with_ticks(ticks: Ticks) -> Self {
        Self { ticks, tracked: RwLock::default() }
    }

    /// The registry behind `path`, known to be at `epoch` or later. Not fresh before its first `polled`.
    pub fn get_or_track(&self, path: &[String], epoch: i64) -> Arc<Dep> {
        if let Some(dep) = self.tracked.read().unwrap_or_else(PoisonError::into_inner).deps.get(path) {
            return used(dep, epoch);
        }
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(dep) = tracked.deps.get(path) {
            return used(dep, epoch);
        }
        let dep = match tracked.find(path) {
            Some(dep) => used(&dep, epoch),
            None => Arc::new(Dep::new(path, epoch, self.ticks.clone())),
        };
        tracked.insert(&dep);
        dep
    }

    /// The registry behind `path`, if it is tracked, or an answer that was kept rests on it.
    pub fn find(&self, path: &[String]) -> Option<Arc<Dep>> {
        self.tracked.read().unwrap_or_else(PoisonError::into_inner).find(path)
    }

    /// Those used within the last minute, to be polled; the others are forgotten, as far as nothing rests on them.
    pub fn in_use(&self) -> Vec<Arc<Dep>> {
        let now = self.ticks.now();
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        tracked.forget(|dep| dep.idle(now));
        tracked.deps.values().map(Arc::clone).collect()
    }
}

fn used(dep: &Arc<Dep>, epoch: i64) -> Arc<Dep> {
    dep.epoch.fetch_max(epoch, Ordering::AcqRel);
    dep.last_used.fetch_max(dep.ticks.now().nanos(), Ordering::Relaxed);
    Arc::clone(dep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::touch::entity_tag;

    const TAG: u32 = 1;

    fn path(name: &str) -> Vec<String> {
        vec!["did:web:root.example".to_owned(), name.to_owned()]
    }

    #[test]
    fn fresh_needs_a_recent_poll_and_no_later_change() {
        let ticks = Ticks::hand();
        let deps = Dependencies::with_ticks(ticks.clone());
        let dep = deps.get_or_track(&path("a"), 7);
        assert!(!dep.fresh(TAG, 7) && dep.age().is_none(), "never polled");
        dep.polled(7, ticks.now());
        assert!(dep.fresh(TAG, 7) && !dep.fresh(TAG, 6));
        ticks.advance(DEP_LEASE);
        assert_eq!(dep.age(), Some(DEP_LEASE));
        assert!(!dep.fresh(TAG, 7), "the lease is over");
        dep.polled(8, ticks.now());
        assert!(!dep.fresh(TAG, 7) && dep.fresh(TAG, 8));
    }

    #[test]
    fn a_feed_confirms_for_a_lease_and_its_bad_news_counts_at_once() {
        let ticks = Ticks::hand();
        let dep = Dependencies::with_ticks(ticks.clone()).get_or_track(&path("a"), 7);
        assert!(!dep.is_fed());
        dep.fed(7, ticks.now());
        assert!(dep.is_fed() && dep.fresh(TAG, 7));
        dep.tell(8, &Touched::Everybody);
        assert!(dep.is_fed() && !dep.fresh(TAG, 7) && dep.fresh(TAG, 8));
        ticks.advance(DEP_LEASE);
        assert!(!dep.is_fed() && !dep.fresh(TAG, 8));
        dep.polled(8, ticks.now());
        assert!(!dep.is_fed() && dep.fresh(TAG, 8), "a poll is no feed");
    }

    #[test]
    fn a_change_that_was_told_ends_what_it_touches_and_one_that_was_not_ends_all() {
        let ticks = Ticks::hand();
        let dep = Dependencies::with_ticks(ticks.clone()).get_or_track(&path("a"), 7);
        let (one, other) = (entity_tag("did:web:one.example"), entity_tag("did:web:other.example"));
        dep.begin(7, 7);
        dep.fed(7, ticks.now());
        dep.tell(8, &Touched::Entities(vec![one]));
        assert!(!dep.fresh(one, 7) && dep.fresh(one, 8) && dep.fresh(other, 7));
        dep.polled(9, ticks.now());
        assert!(!dep.accepts(other, 7) && !dep.accepts(other, 8), "nobody knows whom it touched");
        dep.heard(9);
        assert!(dep.accepts(other, 7) && !dep.accepts(one, 7), "it takes nothing away");
        dep.begin(0, 0);
        assert!(!dep.accepts(other, 7), "the feed begins anew");
    }

    #[test]
    fn what_a_log_has_published_only_grows() {
        let deps = Dependencies::new();
        assert!(deps.find(&path("a")).is_none());
        let dep = deps.get_or_track(&path("a"), 7);
        for (said, known) in [(5, 5), (3, 5), (-1, 5), (6, 6)] {
            dep.has_published(said);
            assert_eq!(deps.find(&path("a")).map(|dep| dep.published()), Some(known));
        }
    }

    #[test]
    fn what_is_not_polled_is_told_of_changes_while_something_rests_on_it() {
        let ticks = Ticks::hand();
        let deps = Dependencies::with_ticks(ticks.clone());
        let dep = deps.get_or_track(&path("a"), 7);
        dep.polled(7, ticks.now());
        ticks.advance(IDLE + Duration::from_secs(1));
        assert!(deps.in_use().is_empty() && dep.unmoved(TAG, 7, None).is_some());
        let found = deps.find(&path("a")).expect("it is held");
        found.tell(8, &Touched::Everybody);
        assert!(Arc::ptr_eq(&found, &dep) && dep.unmoved(TAG, 7, None).is_none());
        drop(found);
        assert!(Arc::ptr_eq(&deps.get_or_track(&path("a"), 8), &dep) && deps.in_use().len() == 1);
        ticks.advance(IDLE + Duration::from_secs(1));
        drop((deps.in_use(), dep));
        assert!(deps.find(&path("a")).is_none(), "nothing rests on it");
    }

    #[test]
    fn a_subordinate_that_invents_registries_takes_no_place_from_others() {
        let ticks = Ticks::hand();
        let deps = Dependencies::with_ticks(ticks.clone());
        let below = |i: usize| [path("liar"), vec![format!("invented-{i}")]].concat();
        for i in 0..MAX_TRACKED {
            deps.get_or_track(&below(i), 1);
        }
        assert_eq!(deps.in_use().len(), MAX_BELOW);
        deps.get_or_track(&path("other"), 1);
        assert!(deps.find(&path("other")).is_some() && deps.find(&below(MAX_BELOW)).is_none());
        // What is forgotten makes room.
        ticks.advance(IDLE + Duration::from_secs(1));
        assert!(deps.in_use().is_empty());
        deps.get_or_track(&below(MAX_BELOW), 1);
        assert!(deps.find(&below(MAX_BELOW)).is_some());
    }

    #[test]
    fn only_what_is_used_is_polled_and_never_more_than_the_bound() {
        let ticks = Ticks::hand();
        let deps = Dependencies::with_ticks(ticks.clone());
        let kept = deps.get_or_track(&path("kept"), 1);
        for i in 0..MAX_TRACKED + 10 {
            deps.get_or_track(&path(&format!("other-{i}")), 1);
        }
        assert_eq!(deps.in_use().len(), MAX_TRACKED);
        ticks.advance(IDLE);
        kept.fresh(TAG, 1);
        ticks.advance(Duration::from_secs(1));
        let left = deps.in_use();
        assert!(left.len() == 1 && Arc::ptr_eq(&left[0], &kept));
    }
}
