//! Registries that are held: events of theirs were published and are missing here, so an answer could be one that was
//! revoked since, and a change would be a second history. And those that have moved to another deployment.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

use charter_domain::RegistryId;

const MOVED: &str = "the registry has moved: its superior's delegation says where it is";

/// Why a registry is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Events that were published, at least.
    pub least: u64,
    /// What is missing, and what to do.
    pub why: Arc<str>,
}

/// Of one process.
#[derive(Debug, Default)]
pub struct Holds {
    held: RwLock<HashMap<RegistryId, Held>>,
    moved: RwLock<HashSet<RegistryId>>,
}

impl Holds {
    pub fn get(&self, registry: RegistryId) -> Option<Held> {
        if self.has_moved(registry) {
            return Some(Held { least: 0, why: Arc::from(MOVED) });
        }
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(&registry).cloned()
    }

    /// Whether it is not served from here: it has left, or has arrived and was not started.
    pub fn has_moved(&self, registry: RegistryId) -> bool {
        self.moved.read().unwrap_or_else(PoisonError::into_inner).contains(&registry)
    }

    pub fn set_moved(&self, registry: RegistryId, moved: bool) {
        if self.has_moved(registry) == moved {
            return;
        }
        let mut all = self.moved.write().unwrap_or_else(PoisonError::into_inner);
        if moved {
            all.insert(registry)
        } else {
            all.remove(&registry)
        };
    }

    /// Those whose events are missing.
    pub fn all(&self) -> Vec<(RegistryId, Held)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(registry, held)| (*registry, held.clone())).collect()
    }

    /// Nothing is answered and nothing changed from here on. True if it was not so for this reason before.
    pub fn hold(&self, registry: RegistryId, least: u64, why: &str) -> bool {
        let mut all = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let held = Held { least, why: Arc::from(why) };
        all.insert(registry, held.clone()) != Some(held)
    }

    pub fn release(&self, registry: RegistryId) {
        self.held.write().unwrap_or_else(PoisonError::into_inner).remove(&registry);
    }
}
