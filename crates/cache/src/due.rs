//! Kept answers of other registries that were asked for near the end of their time: they are looked up again before it.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use crate::answer::Entry;

/// Most that wait; what comes beyond ends, and is looked up when it is asked for again.
const MOST: usize = 1_024;

pub(crate) struct Due<V>(Mutex<Vec<Arc<Entry<V>>>>);

impl<V> Due<V> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn push(&self, entry: Arc<Entry<V>>) {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if due.len() < MOST {
            due.push(entry);
        }
    }

    pub(crate) fn take(&self) -> Vec<Arc<Entry<V>>> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
