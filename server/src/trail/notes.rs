//! Security events that this process has seen and that are not on record yet: alike ones of a second together, so that
//! whoever makes many of them fills neither memory nor disk.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
};

use charter_domain::{RegistryId, Timestamp};
use charter_store::trail::SecurityEvent;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::App;

/// Kinds of a round that are told apart, of all registries.
pub const MOST: usize = 64;
/// Streams that may be told at once: more than there ever are.
pub const LINES: usize = 1 << 16;
/// Of those that were not told apart.
const OTHERS: &str = "others";

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub registry: RegistryId,
    pub kind: &'static str,
    /// The route or method, or what it was about.
    pub what: String,
    /// The address it came from; empty where it came from nowhere.
    pub from: String,
}

/// Each with the first time and how often.
pub type Noted = BTreeMap<Note, (Timestamp, u64)>;

/// Something happened to this server: it is on record in each registry that it serves.
pub fn of_server(app: &App, kind: &'static str, what: &str) {
    for tenant in app.hosted.tenants() {
        let (registry, what) = (tenant.registry.id, what.to_owned());
        app.notes.add(Note { registry, kind, what, from: String::new() }, app.clock.now());
    }
}

#[derive(Debug)]
pub struct Notes {
    /// Nobody is told: nothing is kept.
    off: bool,
    noted: Mutex<Noted>,
    /// One is taken for as long as a receiver of a stream is told.
    pub lines: Semaphore,
}

impl Notes {
    pub fn new(on: bool) -> Self {
        Self { off: !on, noted: Mutex::default(), lines: Semaphore::new(LINES) }
    }

    pub fn add(&self, note: Note, now: Timestamp) {
        if !self.off {
            self.count(note, (now, 1));
        }
    }

    fn count(&self, note: Note, (first, times): (Timestamp, u64)) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = noted.contains_key(&note) || noted.len() < MOST;
        let note =
            if known { note } else { Note { from: OTHERS.to_owned(), what: OTHERS.to_owned(), ..note } };
        noted.entry(note).or_insert((first, 0)).1 += times;
    }

    /// All of them, which are not here any more.
    pub fn take(&self) -> Noted {
        mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// They could not be put on record.
    pub fn put_back(&self, noted: impl IntoIterator<Item = (Note, (Timestamp, u64))>) {
        noted.into_iter().for_each(|(note, counted)| self.count(note, counted));
    }
}

/// As it is put on record.
pub fn event(note: &Note, (first, times): (Timestamp, u64)) -> SecurityEvent {
    let mut detail = json!({ "count": times });
    for (name, text) in [("what", &note.what), ("from", &note.from)] {
        if !text.is_empty() {
            detail[name] = Value::from(text.as_str());
        }
    }
    SecurityEvent::new(first, note.kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(from: &str) -> Note {
        let (kind, what) = ("AUTHORIZATION_FAILED", "/v1/proposals".to_owned());
        Note { registry: RegistryId(1), kind, what, from: from.to_owned() }
    }

    #[test]
    fn alike_ones_are_counted_and_very_many_are_others() {
        let (notes, now) = (Notes::new(true), Timestamp::from_secs(1));
        for n in 0..1_000 {
            notes.add(note(&format!("192.0.2.{}", n % 250)), now);
        }
        let taken = notes.take();
        assert_eq!(taken.len(), MOST + 1);
        assert_eq!(taken.values().map(|(_, times)| times).sum::<u64>(), 1_000);
        assert!(taken.keys().any(|note| note.from == OTHERS));
        notes.put_back(taken);
        notes.add(note("192.0.2.1"), now.plus(std::time::Duration::from_secs(1)));
        let (first, times) = notes.take()[&note("192.0.2.1")];
        assert_eq!((first, times), (now, 5));
        assert!(notes.take().is_empty());
    }

    #[test]
    fn where_nobody_is_told_nothing_is_kept() {
        let notes = Notes::new(false);
        notes.add(note("192.0.2.1"), Timestamp::from_secs(1));
        assert!(notes.take().is_empty());
    }
}
