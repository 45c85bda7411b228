//! The index of a registry's snapshot: which files hold everything that it has signed, as of when. After the update
//! notification file of RFC 8182, 3.5.1; signed, so that what is in no file is proven not to be there.

use std::time::Duration;

use charter_domain::{AuthorityId, HttpsId};
use charter_signing::{JwkSet, Signer, jws};
use serde::{Deserialize, Serialize};

use super::{Document, SNAPSHOT_INDEX, instant};
use crate::Error;

/// Longest life of an index: no verifier accepts a copy that is older.
pub const LONGEST_STALENESS: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Longest file in bytes.
pub const MAX_FILE: u64 = 8 * 1024 * 1024;
/// Most files of the snapshot and its deltas together.
pub const MAX_FILES: usize = 1_024;
/// Most deltas after a snapshot.
pub const MAX_DELTAS: usize = 256;

/// Issued by the registry about its own set of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotIndex {
    /// The authority's https identifier, as in the subordinate statement about it.
    pub iss: HttpsId,
    pub authority_id: AuthorityId,
    /// The instant that the set is of.
    pub iat: i64,
    pub exp: i64,
    pub contents: Contents,
}

/// What the set is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Rises by one with each delta, and by more with a new snapshot; that of the last delta.
    pub serial: i64,
    /// The registry's epoch: every event up to this one is in the set.
    pub epoch: i64,
    pub snapshot: Snapshot,
    /// One for each serial after the snapshot's, in order.
    pub deltas: Vec<Delta>,
}

/// The whole set at one serial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub serial: i64,
    pub epoch: i64,
    pub files: Vec<File>,
}

/// What changed from the serial before to this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    pub serial: i64,
    pub from_epoch: i64,
    pub epoch: i64,
    pub files: Vec<File>,
}

/// A file of entries; it is found by its digest, and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// In lower-case hexadecimal digits.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

impl File {
    fn is_good(&self) -> bool {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        self.sha256.len() == 64 && self.sha256.bytes().all(digit) && (1..=MAX_FILE).contains(&self.size)
    }
}

impl Contents {
    /// The files in the order in which they are applied.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.snapshot.files.iter().chain(self.deltas.iter().flat_map(|d| &d.files))
    }

    fn fault(&self) -> Option<&'static str> {
        let mut epoch = self.snapshot.epoch;
        let grows = self.deltas.iter().all(|d| {
            let goes_on = d.from_epoch == epoch && d.epoch >= epoch;
            epoch = d.epoch;
            goes_on
        });
        let last = self.deltas.last().map_or(self.snapshot.serial, |d| d.serial);
        let mut numbered = self.deltas.iter().zip(1i64..);
        let gap = numbered.any(|(d, n)| self.snapshot.serial.checked_add(n) != Some(d.serial));
        let faults = [
            (gap, "the deltas must follow the snapshot without a gap"),
            (self.snapshot.serial < 1, "the snapshot's serial must be 1 or more"),
            (self.snapshot.epoch < 0, "the snapshot's epoch must be 0 or more"),
            (self.deltas.len() > MAX_DELTAS, "there are too many deltas"),
            (self.files().count() > MAX_FILES, "there are too many files"),
            (!self.files().all(File::is_good), "a file has no good digest or size"),
            (self.serial != last, "serial must be that of the last delta"),
            (!grows || epoch > self.epoch, "the epochs must rise to that of the index"),
        ];
        faults.into_iter().find(|(wrong, _)| *wrong).map(|(_, text)| text)
    }
}

impl Document for SnapshotIndex {
    const TYP: &'static str = SNAPSHOT_INDEX;

    fn iss(&self) -> &HttpsId {
        &self.iss
    }
    fn iat(&self) -> i64 {
        self.iat
    }
    fn exp(&self) -> i64 {
        self.exp
    }
    fn check(&self) -> Result<(), Error> {
        if instant(self.exp).since(instant(self.iat)) > LONGEST_STALENESS {
            let most = LONGEST_STALENESS.as_secs();
            return Err(Error::Document(format!("exp must be at most {most} s later than iat")));
        }
        self.contents.fault().map_or(Ok(()), |text| Err(Error::Document(text.to_owned())))
    }
}

impl SnapshotIndex {
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        super::sign(self, signer)
    }
    pub fn parse_verified(token: &str, keys: &JwkSet) -> Result<Self, Error> {
        super::parse_verified(token, keys)
    }

    /// What a token claims, **unverified**: of one that was verified before.
    pub fn peek(token: &str) -> Option<Self> {
        serde_json::from_slice(&jws::peek(token).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File { sha256: "0a".repeat(32), size: 1 }
    }
    fn delta(serial: i64, from_epoch: i64, epoch: i64) -> Delta {
        Delta { serial, from_epoch, epoch, files: vec![file()] }
    }
    fn contents() -> Contents {
        let snapshot = Snapshot { serial: 3, epoch: 5, files: vec![file()] };
        Contents { serial: 5, epoch: 9, snapshot, deltas: vec![delta(4, 5, 5), delta(5, 5, 8)] }
    }

    #[test]
    fn a_set_has_no_gap_and_no_end() {
        assert_eq!(contents().fault(), None);
        let bad: [fn(&mut Contents); 8] = [
            |c| c.serial = 6,
            |c| c.epoch = 7,
            |c| c.deltas[1].serial = 6,
            |c| c.deltas[1].from_epoch = 4,
            |c| c.deltas[0].epoch = 4,
            |c| c.snapshot.serial = 0,
            |c| c.snapshot.files[0].size = MAX_FILE + 1,
            |c| c.snapshot.files[0].sha256 = "0A".repeat(32),
        ];
        for (n, spoil) in bad.iter().enumerate() {
            let mut spoilt = contents();
            spoil(&mut spoilt);
            assert!(spoilt.fault().is_some(), "{n}");
        }
        let many = Contents {
            serial: 4,
            deltas: vec![Delta { files: vec![file(); MAX_FILES], ..delta(4, 5, 5) }],
            ..contents()
        };
        assert_eq!(many.fault(), Some("there are too many files"));
    }
}
