//! Signed answers that are given again while nothing has changed. Each holds at one epoch of its registry, read before the
//! facts, and is given only while the register confirms that epoch: what was revoked is not in it any more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use charter_domain::{RegistryId, Timestamp};
use sha2::{Digest, Sha256};

/// Most answers kept, about a kilobyte each; whoever asks for more begins anew.
const MOST: usize = 4_096;

/// What was asked of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(RegistryId, [u8; 32]);

impl Key {
    /// `parts` are texts without NUL: parameters of a request that were parsed.
    pub fn new(registry: RegistryId, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(registry, hash.finalize().into())
    }
}

/// The state of a registry at which an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub epoch: i64,
    /// The key that signs now.
    pub kid: String,
    /// Which denials of an emergency there are.
    pub denials: u64,
}

struct Kept {
    state: State,
    /// Not included.
    until: Timestamp,
    text: String,
}

#[derive(Default)]
pub struct Memory(Mutex<HashMap<Key, Kept>>);

impl Memory {
    pub fn get(&self, key: Key, state: &State, now: Timestamp) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(&key).filter(|found| found.state == *state && now < found.until)?;
        Some(found.text.clone())
    }

    pub fn put(&self, key: Key, state: State, until: Timestamp, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&key) {
            kept.clear();
        }
        kept.insert(key, Kept { state, until, text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn state(epoch: i64) -> State {
        State { epoch, kid: "a".to_owned(), denials: 0 }
    }

    #[test]
    fn an_answer_ends_with_its_epoch_its_key_and_its_time() {
        let (memory, key) = (Memory::default(), Key::new(RegistryId(1), &["mark", "x"]));
        memory.put(key, state(3), at(10), "signed");
        assert_eq!(memory.get(key, &state(3), at(9)).as_deref(), Some("signed"));
        assert_eq!(memory.get(key, &state(3), at(10)), None, "its time is over");
        assert_eq!(memory.get(key, &state(4), at(9)), None, "something has changed");
        assert_eq!(memory.get(key, &State { kid: "b".to_owned(), ..state(3) }, at(9)), None);
        let other = Key::new(RegistryId(2), &["mark", "x"]);
        assert_eq!(memory.get(other, &state(3), at(9)), None, "of another registry");
        assert_ne!(Key::new(RegistryId(1), &["markx"]), key);
    }

    #[test]
    fn it_has_a_bound() {
        let memory = Memory::default();
        for n in 0..=MOST {
            memory.put(Key::new(RegistryId(1), &[&n.to_string()]), state(1), at(1), "signed");
        }
        assert_eq!(memory.0.lock().expect("not poisoned").len(), 1);
    }
}
