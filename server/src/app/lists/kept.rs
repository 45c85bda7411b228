//! Signed lists that are kept in memory, within a budget: the one asked for longest ago goes first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use charter_domain::{RegistryId, Timestamp};

use super::{Format, Signed};
use crate::Error;

/// Bytes of all lists of this process. One list is never larger than what one may be, and the largest is always kept.
const BUDGET: usize = 96 * 1024 * 1024;

/// A list, the epoch of all that it says, and until when time changes none of it. Where there can be none, why: who asks
/// again must not have all entities read again.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub epoch: i64,
    /// Which denials of an emergency there were.
    pub denials: u64,
    pub until: Timestamp,
    pub made: Result<Signed, Error>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.made.as_ref().map_or(0, |signed| signed.bytes.len())
    }
}

type Entry = (RegistryId, Format, Kept);

/// The lists of all registries of this process.
#[derive(Default)]
pub struct Lists {
    /// Those that were asked for last stand at the end.
    kept: Mutex<Vec<Entry>>,
    /// Whoever makes a list holds this.
    pub(super) making: Arc<tokio::sync::Mutex<()>>,
}

impl Lists {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing that was made before this is shown again.
    pub fn forget(&self) {
        self.entries().clear();
    }

    pub(super) fn find(&self, registry: RegistryId, format: Format) -> Option<Kept> {
        let mut entries = self.entries();
        let at = entries.iter().position(|(r, f, _)| (*r, *f) == (registry, format))?;
        let entry = entries.remove(at);
        let kept = entry.2.clone();
        entries.push(entry);
        Some(kept)
    }

    /// In place of what was kept, unless that is of a later epoch.
    pub(super) fn put(&self, registry: RegistryId, format: Format, kept: Kept) {
        let mut entries = self.entries();
        let same = |entry: &Entry| (entry.0, entry.1) == (registry, format);
        if entries.iter().any(|entry| same(entry) && entry.2.epoch > kept.epoch) {
            return;
        }
        entries.retain(|entry| !same(entry));
        entries.push((registry, format, kept));
        let mut total: usize = entries.iter().map(|(_, _, kept)| kept.bytes()).sum();
        while total > BUDGET && entries.len() > 1 {
            total -= entries.remove(0).2.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn kept(epoch: i64, size: usize) -> Kept {
        let signed = Signed { bytes: Bytes::from(vec![0; size]), etag: String::new() };
        Kept { epoch, denials: 0, until: Timestamp::from_secs(9), made: Ok(signed) }
    }

    #[test]
    fn a_later_epoch_stays_and_what_was_asked_for_longest_ago_goes() {
        let lists = Lists::default();
        let (one, two, three) = (RegistryId(1), RegistryId(2), RegistryId(3));
        lists.put(one, Format::Lote, kept(5, 10));
        lists.put(one, Format::Lote, kept(4, 10));
        assert_eq!(lists.find(one, Format::Lote).map(|k| k.epoch), Some(5));
        assert!(lists.find(one, Format::RecognizedEntities).is_none());
        lists.put(two, Format::Lote, kept(1, BUDGET / 2));
        assert!(lists.find(one, Format::Lote).is_some());
        lists.put(three, Format::Lote, kept(1, BUDGET / 2));
        assert!(lists.find(two, Format::Lote).is_none(), "it was asked for before the others");
        assert!(lists.find(one, Format::Lote).is_some() && lists.find(three, Format::Lote).is_some());
    }
}
