//! Keeps what happens, in times since it was made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use charter_tlog::checkpoint::SignedCheckpoint;

use crate::{
    check::Seen,
    history::{Entry, FIRST, Micros},
};

pub struct Recorder {
    begun: Instant,
    next: AtomicU32,
    entries: Mutex<Vec<Entry>>,
    troubles: Mutex<BTreeMap<String, u64>>,
    shown: Mutex<BTreeSet<(usize, String)>>,
    skipped: AtomicU64,
}

/// Nothing that is written in one step is half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            next: AtomicU32::new(FIRST),
            entries: Mutex::default(),
            troubles: Mutex::default(),
            shown: Mutex::default(),
            skipped: AtomicU64::new(0),
        }
    }

    pub fn now(&self) -> Micros {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// For a new operation.
    pub fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub fn keep(&self, entry: Entry) {
        lock(&self.entries).push(entry);
    }

    /// An attempt that came to nothing.
    pub fn trouble(&self, write: bool, kind: &str) {
        let kind = format!("{} {kind}", if write { "write:" } else { "read:" });
        *lock(&self.troubles).entry(kind).or_default() += 1;
    }

    pub fn troubles(&self) -> BTreeMap<String, u64> {
        lock(&self.troubles).clone()
    }

    /// An operation that nobody had time for: it was never sent.
    pub fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    pub fn shown(&self, server: usize, checkpoint: String) {
        lock(&self.shown).insert((server, checkpoint));
    }

    /// The entries from a place on.
    pub fn since(&self, place: usize) -> Vec<Entry> {
        lock(&self.entries).get(place..).map(<[Entry]>::to_vec).unwrap_or_default()
    }

    /// Everything that was shown as a checkpoint; what is none is an error.
    pub fn checkpoints(&self) -> anyhow::Result<Vec<Seen>> {
        let shown = lock(&self.shown);
        let read = shown.iter().map(|(server, text)| {
            let signed = SignedCheckpoint::parse(text.as_bytes())?;
            let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
            anyhow::Ok(Seen { server: *server, size, root })
        });
        read.collect()
    }
}
