//! What was worked out lately and will be asked for again, in bounded memory.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

/// Two generations of at most so many each. What is used stays; what was not used while a generation filled is dropped with
/// it.
pub(crate) struct Recent<K, V> {
    generation: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

/// One for the whole process.
pub(crate) type Shared<K, V> = LazyLock<Mutex<Recent<K, V>>>;

pub(crate) fn lock<K, V>(shared: &Shared<K, V>) -> MutexGuard<'_, Recent<K, V>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    pub fn new(generation: usize) -> Mutex<Self> {
        Mutex::new(Self { generation, young: HashMap::new(), old: HashMap::new() })
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone());
        Some(value)
    }

    pub fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_no_more_than_two_generations_are_held() {
        let recent = Recent::new(10);
        let mut recent = recent.lock().expect("ours alone");
        for n in 0..35 {
            recent.put(n, n);
            assert_eq!(recent.get(&0), Some(0), "used all the time, gone after {n}");
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(recent.get(&1), None, "unused for two generations");
        assert_eq!(recent.get(&34), Some(34));
    }
}
