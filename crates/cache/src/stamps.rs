//! The `seq` of the last change of each subject of one registry, in a table of fixed slots.
//!
//! A subject's slot is a hash of its identifier, so nothing is ever evicted and memory is bounded: two
//! subjects in one slot only cost each other a miss when one of them changes, never a stale answer.
//! Tables are per registry because each registry counts its own `seq`: in a shared table the stamps of a
//! registry with a long history would shut out, for good, the entries of one with a short history.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

/// 32 KiB, 256 KiB, 2 MiB: a registry that rarely changes stays small, a busy one loses one entry in
/// 262,144 to a change of somebody else.
const SIZES: [usize; 3] = [1 << 12, 1 << 15, 1 << 18];

/// Nothing known: accepts every entry.
const NEVER: i64 = i64::MIN;

#[derive(Debug)]
pub(crate) struct Stamps {
    tables: [OnceLock<Box<[AtomicI64]>>; SIZES.len()],
    /// Index of the table in use. Readers load it without a lock; only the holder of `noted` moves it.
    current: AtomicUsize,
    /// How many stamps were set; also the lock that orders the writers, so that a stamp is never set in a
    /// table that has just been copied.
    noted: Mutex<usize>,
    /// The largest table that it grows to.
    last: usize,
}

impl Stamps {
    pub(crate) const fn new() -> Self {
        Self::up_to(SIZES.len() - 1)
    }

    /// Of the smallest size for good: for registries of which there may be very many.
    pub(crate) const fn fixed() -> Self {
        Self::up_to(0)
    }

    const fn up_to(last: usize) -> Self {
        Self {
            tables: [const { OnceLock::new() }; SIZES.len()],
            current: AtomicUsize::new(0),
            noted: Mutex::new(0),
            last,
        }
    }

    /// The last change known in the slot of `hash`.
    pub(crate) fn last(&self, hash: u32) -> i64 {
        self.tables[self.current.load(Ordering::Acquire)]
            .get()
            .map_or(NEVER, |table| table[index(hash, table.len())].load(Ordering::Acquire))
    }

    pub(crate) fn note(&self, hashes: impl Iterator<Item = u32>, seq: i64) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            *noted += 1;
            let table = self.table_for(*noted);
            table[index(hash, table.len())].fetch_max(seq, Ordering::AcqRel);
        }
    }

    /// The table in use, after growing it if it fills up. The caller holds the lock.
    fn table_for(&self, noted: usize) -> &[AtomicI64] {
        let current = self.current.load(Ordering::Acquire);
        let table =
            self.tables[current].get_or_init(|| (0..SIZES[0]).map(|_| AtomicI64::new(NEVER)).collect());
        if noted <= table.len() / 16 || current == self.last {
            return table;
        }
        // Sizes are powers of two and slots are low bits of the hash: every subject of new slot `i` was in
        // old slot `i mod len`, so copying that stamp can only be too late a change, never too early.
        let grown = self.tables[current + 1].get_or_init(|| {
            (0..SIZES[current + 1])
                .map(|i| AtomicI64::new(table[i & (table.len() - 1)].load(Ordering::Acquire)))
                .collect()
        });
        self.current.store(current + 1, Ordering::Release);
        grown
    }
}

fn index(hash: u32, len: usize) -> usize {
    hash as usize & (len - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_table_does_not_grow() {
        let stamps = Stamps::fixed();
        for i in 0..10_000_u32 {
            stamps.note(std::iter::once(i), i64::from(i));
        }
        assert_eq!(stamps.current.load(Ordering::Acquire), 0);
        assert_eq!(stamps.last(9_999), 9_999);
    }

    #[test]
    fn growing_forgets_no_change() {
        let stamps = Stamps::new();
        let hash = |i: u32| i.wrapping_mul(0x9E37_79B9);
        for i in 0..20_000_u32 {
            stamps.note(std::iter::once(hash(i)), i64::from(i));
            assert!(stamps.last(hash(i / 2)) >= i64::from(i / 2));
        }
        assert_eq!(stamps.current.load(Ordering::Acquire), SIZES.len() - 1);
        for i in 0..20_000 {
            assert!(stamps.last(hash(i)) >= i64::from(i));
        }
    }
}
