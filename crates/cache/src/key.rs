//! What an answer is kept under: everything that changes it, and nothing else.
//!
//! In process the key is a seeded hash, and the entry owns the terms and compares them on a hit: a
//! collision is a miss, and a hit allocates nothing. In Redis it is a digest of the terms.

use std::hash::{BuildHasher, Hash};

use charter_domain::{Kind, RegistryId};
use sha2::{Digest, Sha256};

/// The question, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lookup<'a> {
    pub registry: RegistryId,
    pub kind: Kind,
    pub authority: &'a str,
    pub entity: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
}

impl Lookup<'_> {
    pub(crate) fn hash_with(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(self)
    }

    const fn terms(&self) -> [&str; 4] {
        [self.authority, self.entity, self.action, self.resource]
    }

    /// Always the same length, so key and value need no separator in the MAC. Each term is preceded by its
    /// length: no two questions are written alike.
    pub(crate) fn redis_key(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.registry.0.to_be_bytes());
        for term in [self.kind.as_str()].into_iter().chain(self.terms()) {
            digest.update((term.len() as u64).to_be_bytes());
            digest.update(term);
        }
        format!("charter:v1:{:x}", digest.finalize())
    }
}

/// The question, owned, in one allocation.
#[derive(Debug)]
pub(crate) struct Key {
    registry: RegistryId,
    kind: Kind,
    /// Where the first three terms end in `text`.
    ends: [usize; 3],
    text: Box<str>,
}

impl Key {
    pub(crate) fn new(lookup: &Lookup<'_>) -> Self {
        let [a, e, c, _] = lookup.terms().map(str::len);
        let text = lookup.terms().concat().into_boxed_str();
        Self { registry: lookup.registry, kind: lookup.kind, ends: [a, a + e, a + e + c], text }
    }
    pub(crate) fn registry(&self) -> RegistryId {
        self.registry
    }
    pub(crate) fn lookup(&self) -> Lookup<'_> {
        let [a, e, c] = self.ends;
        let text = &*self.text;
        Lookup {
            registry: self.registry,
            kind: self.kind,
            authority: &text[..a],
            entity: &text[a..e],
            action: &text[e..c],
            resource: &text[c..],
        }
    }
    pub(crate) fn is(&self, lookup: &Lookup<'_>) -> bool {
        self.lookup() == *lookup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_do_not_run_into_each_other() {
        let ask = |authority, entity, action| Lookup {
            registry: RegistryId(1),
            kind: Kind::Authorization,
            authority,
            entity,
            action,
            resource: "r",
        };
        let (one, other) = (ask("ab", "c", "x"), ask("a", "bc", "x"));
        assert!(Key::new(&one).is(&one) && !Key::new(&one).is(&other));
        assert_eq!(Key::new(&one).lookup(), one);
        assert_ne!(one.redis_key(), other.redis_key());
        let hasher = foldhash::quality::RandomState::default();
        assert_ne!(one.hash_with(&hasher), other.hash_with(&hasher));
        let recognition = Lookup { kind: Kind::Recognition, ..one };
        assert!(!Key::new(&one).is(&recognition));
        assert_ne!(one.redis_key(), recognition.redis_key());
        assert_ne!(one.redis_key(), Lookup { registry: RegistryId(2), ..one }.redis_key());
        assert_eq!(one.redis_key().len(), other.redis_key().len());
    }
}
