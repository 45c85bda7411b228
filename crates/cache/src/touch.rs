//! Whose answers a change of another registry ends, as its feed tells them.

use std::sync::atomic::{AtomicI64, Ordering};

use sha2::{Digest, Sha256};

use crate::stamps::Stamps;

/// What stands for an identifier of an entity: the first four bytes of its SHA-256. Two that meet cost a question more.
pub fn entity_tag(identifier: &str) -> u32 {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(identifier));
    u32::from_be_bytes([a, b, c, d])
}

/// Whose answers a change may have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    Nobody,
    /// Those about these entities, by the tags of all their identifiers.
    Entities(Vec<u32>),
    /// All that rest on the registry.
    Everybody,
}

/// What was told of one registry's changes. One feed writes, answers read.
#[derive(Debug)]
pub(crate) struct Touches {
    /// Up to here each change was told, with whom it touches.
    told: AtomicI64,
    /// The last change that touches everybody.
    wide: AtomicI64,
    stamps: Stamps,
}

impl Touches {
    pub(crate) const fn new() -> Self {
        Self { told: AtomicI64::new(0), wide: AtomicI64::new(0), stamps: Stamps::fixed() }
    }

    /// A feed begins after `heard`. What counted before, up to `counted`, was told to somebody else.
    pub(crate) fn begin(&self, counted: i64, heard: i64) {
        self.wide.fetch_max(counted, Ordering::AcqRel);
        self.told.store(heard, Ordering::Release);
    }

    pub(crate) fn note(&self, seq: i64, touched: &Touched) {
        match touched {
            Touched::Nobody => {}
            Touched::Entities(tags) => self.stamps.note(tags.iter().copied(), seq),
            Touched::Everybody => {
                self.wide.fetch_max(seq, Ordering::AcqRel);
            }
        }
        self.heard(seq);
    }

    /// A change was told that does not count yet.
    pub(crate) fn heard(&self, seq: i64) {
        self.told.fetch_max(seq, Ordering::AcqRel);
    }

    /// An answer about the entity that saw the registry at `epoch` is none of those that the changes up to `known` touched.
    pub(crate) fn spare(&self, tag: u32, epoch: i64, known: i64) -> bool {
        // What was told first: who sees that a change was told must see whom it touches.
        self.told.load(Ordering::Acquire) >= known
            && epoch >= self.wide.load(Ordering::Acquire)
            && epoch >= self.stamps.last(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_beginning_of_the_hash() {
        // SHA-256 of the empty string begins with e3b0c442.
        assert_eq!(entity_tag(""), 0xe3b0_c442);
    }

    #[test]
    fn a_change_ends_what_it_touches() {
        let touches = Touches::new();
        touches.begin(3, 5);
        assert!(touches.spare(1, 3, 5) && !touches.spare(1, 2, 5), "what was before is not known");
        assert!(!touches.spare(1, 3, 6), "change 6 was not told");
        touches.note(6, &Touched::Entities(vec![1]));
        assert!(!touches.spare(1, 5, 6) && touches.spare(1, 6, 6) && touches.spare(2, 5, 6));
        touches.note(7, &Touched::Nobody);
        assert!(touches.spare(2, 5, 7));
        touches.note(8, &Touched::Everybody);
        assert!(!touches.spare(2, 7, 8) && touches.spare(2, 8, 8));
        touches.begin(8, 0);
        assert!(!touches.spare(2, 8, 8), "it is told anew from the beginning");
    }
}
