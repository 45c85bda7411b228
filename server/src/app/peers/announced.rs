//! The keys of TLS that subordinates announce in their configurations, as their feeds brought them last: a superior whose
//! statement lists others is about to lose them, or lists one that is not theirs.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use charter_domain::{AuthorityId, RegistryId, SpkiPins};

/// Most subordinates of which it is remembered; feeds are followed of fewer.
const MOST: usize = 10_000;

/// By the superior of this process and the subordinate.
#[derive(Debug, Default)]
pub struct Announced(RwLock<HashMap<(RegistryId, AuthorityId), SpkiPins>>);

impl Announced {
    /// A verified configuration of a subordinate said so.
    pub fn note(&self, superior: RegistryId, subordinate: &AuthorityId, pins: SpkiPins) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = (superior, subordinate.clone());
        if all.len() < MOST || all.contains_key(&place) {
            all.insert(place, pins);
        }
    }

    /// Empty where none are announced, or no feed has said.
    pub fn of(&self, superior: RegistryId, subordinate: &AuthorityId) -> SpkiPins {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(superior, subordinate.clone())).cloned().unwrap_or_default()
    }
}
