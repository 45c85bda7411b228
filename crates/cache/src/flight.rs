//! Single flight: of those who miss the same answer at the same time, one looks it up and the others wait.
//!
//! Who waits must not get an answer older than its own question. Arrivals and flights are numbered from
//! one counter: a flight numbered after an arrival looked its facts up after that question was asked.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::timeout,
};

use crate::{
    answer::Entry,
    key::{Key, Lookup},
};

/// Fillers at work at once, in one cache; beyond, callers wait for a moment. More would only queue in front of the
/// database.
pub const MAX_FILLERS: usize = 64;
/// Callers that wait for a place among the fillers; beyond, they are told to come back.
pub const MAX_WAITERS: usize = 1_024;
/// How long they wait. What was found together ends together: a crowd that misses then is served in milliseconds from the
/// database, and not at all by fillers that wait for another registry.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// An error's type is the caller's own, so it is kept untyped here.
pub(crate) enum Outcome<V> {
    Filled(Arc<Entry<V>>),
    Failed(Arc<dyn Any + Send + Sync>),
}

impl<V> Clone for Outcome<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Filled(entry) => Self::Filled(Arc::clone(entry)),
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
        }
    }
}

pub(crate) struct Flight<V> {
    key: Key,
    number: u64,
    outcome: watch::Receiver<Option<Outcome<V>>>,
}

impl<V> Flight<V> {
    /// None when the leader was cancelled: its sender is gone.
    pub(crate) async fn outcome(&self) -> Option<Outcome<V>> {
        let mut outcome = self.outcome.clone();
        outcome.wait_for(Option::is_some).await.ok().and_then(|o| o.clone())
    }
    /// The facts were looked up after the question that arrived as `arrival`.
    pub(crate) fn after(&self, arrival: u64) -> bool {
        self.number > arrival
    }
}

pub(crate) enum Role<'a, V> {
    Lead(Lead<'a, V>),
    Follow(Arc<Flight<V>>),
    /// Another question with the same hash is in flight.
    Alone,
    Overloaded,
}

pub(crate) struct Flights<V> {
    open: Mutex<HashMap<u64, Arc<Flight<V>>>>,
    counter: AtomicU64,
    fillers: Semaphore,
    waiters: Semaphore,
}

impl<V> Flights<V> {
    pub(crate) fn new() -> Self {
        let (open, counter) = (Mutex::default(), AtomicU64::new(0));
        let (fillers, waiters) = (Semaphore::new(MAX_FILLERS), Semaphore::new(MAX_WAITERS));
        Self { open, counter, fillers, waiters }
    }
    pub(crate) fn arrive(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::AcqRel)
    }
    /// A place among the fillers, once there is one.
    pub(crate) async fn permit_soon(&self) -> Option<SemaphorePermit<'_>> {
        let _place = self.waiters.try_acquire().ok()?;
        timeout(PATIENCE, self.fillers.acquire()).await.ok()?.ok()
    }

    /// Joins the flight of that question, or opens it, with `permit` or one that is free. Followers need none.
    pub(crate) fn join<'a>(
        &'a self,
        hash: u64,
        lookup: &Lookup<'_>,
        permit: Option<SemaphorePermit<'a>>,
    ) -> Role<'a, V> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = open.get(&hash) {
            return if flight.key.is(lookup) { Role::Follow(Arc::clone(flight)) } else { Role::Alone };
        }
        let Some(permit) = permit.or_else(|| self.fillers.try_acquire().ok()) else {
            return Role::Overloaded;
        };
        let (sender, outcome) = watch::channel(None);
        let flight = Arc::new(Flight { key: Key::new(lookup), number: self.arrive(), outcome });
        open.insert(hash, flight);
        Role::Lead(Lead { flights: self, hash, sender, _permit: permit })
    }
}

/// Closes the flight when dropped, so a cancelled or panicking leader leaves nobody waiting.
pub(crate) struct Lead<'a, V> {
    flights: &'a Flights<V>,
    hash: u64,
    sender: watch::Sender<Option<Outcome<V>>>,
    _permit: SemaphorePermit<'a>,
}

impl<V> Lead<'_, V> {
    pub(crate) fn land(self, outcome: Outcome<V>) {
        self.sender.send_replace(Some(outcome));
    }
}

impl<V> Drop for Lead<'_, V> {
    fn drop(&mut self) {
        // Runs before `sender` is dropped: followers who then try again don't meet this flight again. Only
        // a leader inserts and only when the place is free, so what stands there is ours.
        self.flights.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.hash);
    }
}
