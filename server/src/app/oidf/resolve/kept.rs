//! Entities that were resolved, given again while nothing has changed that they rest on: the registries of this process
//! whose records were read, what is known below, and what stands above.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use charter_domain::{HttpsId, RegistryId, Timestamp, metadata_policy::Metadata};

use crate::{App, app::oidf::below::Node};

/// Most resolutions kept; whoever asks for more begins anew.
const MOST: usize = 2_048;
/// Most bytes of all their chains: links are as long as whoever made them wants. What was signed has them again.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Most selections of types that are kept signed of each.
const MOST_SIGNED: usize = 4;

/// Who resolved whom, up to which anchor.
pub type Key = (RegistryId, HttpsId, HttpsId);

/// What a resolution rests on.
#[derive(Debug, Default)]
pub struct Ground {
    /// Registries of this process, and how often something registry-wide had happened there before they were read.
    pub turns: Vec<(RegistryId, u64)>,
    /// Of what is known below.
    pub revision: u64,
    /// Authorities elsewhere whose statements are links, by their places in what is known below.
    pub issuers: Vec<(usize, usize)>,
    /// The way up of a registry, where the chain ends with it.
    pub upward: Option<(RegistryId, Arc<Vec<String>>)>,
}

impl Ground {
    /// Nothing of it has changed. The lease is looked at first: see `Register`.
    pub fn holds(&self, app: &App) -> bool {
        let turned = |(registry, turns): &(RegistryId, u64)| app.register.turns(*registry) != Some(*turns);
        if !app.register.usable() || self.turns.iter().any(turned) {
            return false;
        }
        let known = app.below.known();
        let confirmed = |place: &(usize, usize)| known.node(*place).is_some_and(Node::is_confirmed);
        known.revision == self.revision
            && self.issuers.iter().all(confirmed)
            && self.upward.as_ref().is_none_or(|(registry, held)| {
                app.hosted.tenant(*registry).is_some_and(|tenant| tenant.upward() == *held)
            })
    }
}

/// One entity resolved.
#[derive(Debug)]
pub struct Resolved {
    pub metadata: Metadata,
    pub chain: Vec<String>,
    pub exp: i64,
    pub ground: Ground,
    /// Answers by the types that they have.
    signed: Mutex<HashMap<BTreeSet<String>, String>>,
}

impl Resolved {
    pub fn new(metadata: Metadata, chain: Vec<String>, exp: i64, ground: Ground) -> Self {
        Self { metadata, chain, exp, ground, signed: Mutex::default() }
    }

    fn bytes(&self) -> usize {
        self.chain.iter().map(String::len).sum()
    }

    pub fn signed(&self, types: &BTreeSet<String>) -> Option<String> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).get(types).cloned()
    }

    pub fn sign(&self, types: BTreeSet<String>, token: &str) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.len() >= MOST_SIGNED {
            signed.clear();
        }
        signed.insert(types, token.to_owned());
    }
}

#[derive(Default)]
struct All {
    by_key: HashMap<Key, Arc<Resolved>>,
    /// Of their chains.
    bytes: usize,
}

impl All {
    fn put(&mut self, key: Key, resolved: Arc<Resolved>) {
        let bytes = resolved.bytes();
        let full = self.by_key.len() >= MOST && !self.by_key.contains_key(&key);
        if full || self.bytes + bytes > MOST_BYTES {
            *self = Self::default();
        }
        let before = self.by_key.insert(key, resolved);
        self.bytes += bytes;
        self.bytes -= before.map_or(0, |before| before.bytes());
    }
}

#[derive(Default)]
pub struct Resolutions(Mutex<All>);

impl Resolutions {
    /// One that still holds.
    pub fn get(&self, app: &App, key: &Key, now: Timestamp) -> Option<Arc<Resolved>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.get(key).cloned()?;
        (now.secs() < found.exp && found.ground.holds(app)).then_some(found)
    }

    pub fn put(&self, key: Key, resolved: &Arc<Resolved>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(resolved));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_bound_in_number_and_in_bytes() {
        let id = |n: usize| HttpsId::parse(&format!("https://{n}.example")).expect("an id");
        let key = |n: usize| (RegistryId(1), id(n), id(0));
        let of = |bytes: usize| {
            let chain = vec!["x".repeat(bytes)];
            Arc::new(Resolved::new(Metadata::new(), chain, 1, Ground::default()))
        };
        let mut all = All::default();
        for n in 0..=MOST {
            all.put(key(n), of(1));
        }
        assert_eq!((all.by_key.len(), all.bytes), (1, 1));
        for _ in 0..3 {
            all.put(key(0), of(MOST_BYTES / 2));
        }
        assert_eq!((all.by_key.len(), all.bytes), (1, MOST_BYTES / 2), "the same again");
        all.put(key(1), of(MOST_BYTES / 2));
        assert_eq!(all.by_key.len(), 2);
        all.put(key(2), of(1));
        assert_eq!((all.by_key.len(), all.bytes), (1, 1));
    }
}
