//! What the registries of this process know by the feeds of their subordinates: which of them keep an entity, so that the
//! others need not be asked.
//!
//! It is held in memory, and made again of the feeds after a start: a feed begins with the first event, because its
//! checkpoints are proven by all events before them. It spares questions and answers none.

mod below;
mod roster;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use charter_cache::{BootInstant, Dep, Touched};
use charter_domain::{AuthorityId, RegistryId, event::Told};
use charter_federation::Lacking;

use self::below::Below;
pub use self::below::{Further, Sign, Summary};

/// Most tags of entities in this process: about 20 bytes each. What is beyond is asked for.
const MAX_TAGS: usize = 20_000_000;

pub struct Rosters {
    registries: HashMap<RegistryId, Mutex<Below>>,
    held: AtomicUsize,
}

impl Rosters {
    pub fn new<'a>(registries: impl Iterator<Item = (RegistryId, &'a AuthorityId)>) -> Self {
        let registries = registries.map(|(id, authority)| (id, Mutex::new(Below::new(authority)))).collect();
        Self { registries, held: AtomicUsize::new(0) }
    }

    fn of(&self, registry: RegistryId) -> Option<MutexGuard<'_, Below>> {
        Some(self.registries.get(&registry)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes an event of a subordinate: its number, whether it counts at once, what is told of it and its bytes. Whose
    /// answers it touches.
    pub fn event(
        &self,
        (registry, subordinate): (RegistryId, &AuthorityId),
        (seq, counts): (i64, bool),
        (told, body): (Option<&Told>, &[u8]),
    ) -> Touched {
        let Some(mut below) = self.of(registry) else { return Touched::Everybody };
        let before = below.size(subordinate);
        let touched = below.event(subordinate, (seq, counts), (told, body));
        self.bound(&mut below, subordinate, before);
        touched
    }

    /// Takes tags of entities that are kept below a subordinate.
    pub fn tags(&self, registry: RegistryId, subordinate: &AuthorityId, tags: Vec<u32>) {
        let Some(mut below) = self.of(registry) else { return };
        let before = below.size(subordinate);
        below.tags(subordinate, tags);
        self.bound(&mut below, subordinate, before);
    }

    /// Gives a subordinate up that would make it too many.
    fn bound(&self, below: &mut Below, subordinate: &AuthorityId, before: usize) {
        let size = below.size(subordinate);
        self.held.fetch_sub(before, Ordering::Relaxed);
        if self.held.fetch_add(size, Ordering::Relaxed) + size > MAX_TAGS {
            below.give_up(subordinate);
            self.held.fetch_sub(size, Ordering::Relaxed);
        }
    }

    /// Takes a sign of life; true where superiors should hear of it soon.
    pub fn sign(&self, registry: RegistryId, subordinate: &AuthorityId, sign: Sign) -> bool {
        self.of(registry).is_some_and(|mut below| below.sign(subordinate, sign, BootInstant::now()))
    }

    /// A feed begins anew.
    pub fn lost(&self, registry: RegistryId, subordinate: &AuthorityId) {
        if let Some(mut below) = self.of(registry) {
            below.lost(subordinate);
        }
    }

    /// A subordinate is followed no more.
    pub fn forget(&self, registry: RegistryId, subordinate: &AuthorityId) {
        if let Some(mut below) = self.of(registry) {
            self.held.fetch_sub(below.forget(subordinate), Ordering::Relaxed);
        }
    }

    /// Who is known to lack an entity.
    pub fn lacking(&self, registry: RegistryId, entity: &str) -> Option<Lacking> {
        Some(self.of(registry)?.lacking(entity, BootInstant::now()))
    }

    /// What answers rest on for which somebody was not asked.
    pub fn roll(&self, registry: RegistryId) -> Option<Arc<Dep>> {
        Some(self.of(registry)?.roll())
    }

    /// Changes with what superiors should hear soon.
    pub fn version(&self, registry: RegistryId) -> u64 {
        self.of(registry).map_or(0, |below| below.version())
    }

    /// What superiors are told.
    pub fn summary(&self, registry: RegistryId) -> Option<Summary> {
        Some(self.of(registry)?.summary(BootInstant::now()))
    }

    /// Tags that have appeared after the first `from`, at most `most`.
    pub fn appeared(&self, registry: RegistryId, from: usize, most: usize) -> Vec<u32> {
        self.of(registry).map_or_else(Vec::new, |below| below.appeared(from, most))
    }
}
