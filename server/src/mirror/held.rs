//! Registries that are held: events of theirs were published and are missing here, so an answer could be one that was
//! revoked since, and a change would be a second history.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use charter_domain::RegistryId;

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
pub struct Holds(RwLock<HashMap<RegistryId, Held>>);

impl Holds {
    pub fn get(&self, registry: RegistryId) -> Option<Held> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&registry).cloned()
    }

    pub fn all(&self) -> Vec<(RegistryId, Held)> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(registry, held)| (*registry, held.clone())).collect()
    }

    /// Nothing is answered and nothing changed from here on. True if it was not so for this reason before.
    pub fn hold(&self, registry: RegistryId, least: u64, why: &str) -> bool {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let held = Held { least, why: Arc::from(why) };
        all.insert(registry, held.clone()) != Some(held)
    }

    pub fn release(&self, registry: RegistryId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&registry);
    }
}
