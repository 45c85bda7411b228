//! What a log uploads to a mirror: a header and packages of up to 256 entries, each with its proof (C2SP tlog-mirror,
//! add-entries, Request Body). Read as it comes: nothing is held but one package.

use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use charter_tlog::{Hash, hash, proof::MAX_HASHES};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::subtree::WIDTH;

/// Most packages of one request, as C2SP tlog-mirror advises to send.
pub const MAX_PACKAGES: usize = 32;
/// An origin is the name of a key, which is no longer.
const MAX_ORIGIN: usize = 255;
/// Whoever sends nothing for as long has stopped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest upload: what came by then is kept, and the rest is another request's.
const LONGEST: Duration = Duration::from_secs(60);

/// What the upload is of: entries from index `start` up to and without `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub origin: String,
    pub start: u64,
    pub end: u64,
}

/// Where a package lies: entries `start..end` of those with index `256 * index` and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub index: u64,
    pub start: u64,
    pub end: u64,
}

impl Place {
    /// Entries of the same 256 before the package.
    pub fn before(self) -> u16 {
        (self.start - self.index * WIDTH) as u16
    }

    /// Entries of the same 256 up to the end of the package.
    pub fn width(self) -> u16 {
        (self.end - self.index * WIDTH) as u16
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub entries: Vec<Bytes>,
    pub proof: Vec<Hash>,
}

/// The packages of an upload, in order; none if there are no entries.
pub fn places(start: u64, end: u64) -> impl Iterator<Item = Place> {
    let indices = if start < end { start / WIDTH..end.div_ceil(WIDTH) } else { 0..0 };
    indices.map(move |index| {
        let first = index * WIDTH;
        Place { index, start: start.max(first), end: end.min(first.saturating_add(WIDTH)) }
    })
}

impl Header {
    /// Without a ticket: this mirror gives none.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = (self.origin.len() as u16).to_be_bytes().to_vec();
        bytes.extend_from_slice(self.origin.as_bytes());
        bytes.extend_from_slice(&self.start.to_be_bytes());
        bytes.extend_from_slice(&self.end.to_be_bytes());
        bytes.extend_from_slice(&0_u16.to_be_bytes());
        bytes
    }
}

/// Adds a package to a body; `None` if an entry is longer than 65,535 bytes or the proof than 63 hashes.
pub fn encode(entries: &[Vec<u8>], proof: &[Hash], to: &mut Vec<u8>) -> Option<()> {
    for entry in entries {
        to.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        to.extend_from_slice(entry);
    }
    to.push(u8::try_from(proof.len()).ok().filter(|n| usize::from(*n) <= MAX_HASHES)?);
    proof.iter().for_each(|hash| to.extend_from_slice(hash.as_bytes()));
    Some(())
}

/// The body ended, broke off, paused for too long, or is none of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

/// A body under way.
pub struct Upload {
    body: Body,
    have: BytesMut,
    until: Instant,
}

impl Upload {
    pub fn new(body: Body) -> Self {
        Self { body, have: BytesMut::new(), until: Instant::now() + LONGEST }
    }

    pub async fn header(&mut self) -> Result<Header, Ended> {
        let length = usize::from(self.number().await?);
        if length > MAX_ORIGIN {
            return Err(Ended);
        }
        let origin = String::from_utf8(self.take(length).await?.to_vec()).map_err(|_| Ended)?;
        let mut range = self.take(16).await?;
        let (start, end) = (range.get_u64(), range.get_u64());
        // Read and left aside: what a ticket would bring back is on the disk.
        let ticket = usize::from(self.number().await?);
        self.take(ticket).await?;
        Ok(Header { origin, start, end })
    }

    pub async fn package(&mut self, place: Place) -> Result<Package, Ended> {
        let mut entries = Vec::new();
        for _ in place.start..place.end {
            let length = usize::from(self.number().await?);
            entries.push(self.take(length).await?);
        }
        let count = usize::from(self.take(1).await?[0]);
        if count > MAX_HASHES {
            return Err(Ended);
        }
        let hashes = self.take(count * hash::BYTES).await?;
        let (hashes, _) = hashes.as_chunks::<{ hash::BYTES }>();
        Ok(Package { entries, proof: hashes.iter().copied().map(Hash::new).collect() })
    }

    async fn number(&mut self) -> Result<u16, Ended> {
        Ok(self.take(2).await?.get_u16())
    }

    async fn take(&mut self, bytes: usize) -> Result<Bytes, Ended> {
        while self.have.len() < bytes {
            let until = self.until.min(Instant::now() + PATIENCE);
            let next = tokio::time::timeout_at(until, self.body.frame()).await.map_err(|_| Ended)?;
            let frame = next.ok_or(Ended)?.map_err(|_| Ended)?;
            if let Ok(data) = frame.into_data() {
                self.have.extend_from_slice(&data);
            }
        }
        Ok(self.have.split_to(bytes).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_end_at_multiples_of_256() {
        let cut = |start, end| places(start, end).map(|p| (p.index, p.start, p.end)).collect::<Vec<_>>();
        assert_eq!(cut(0, 1), [(0, 0, 1)]);
        assert_eq!(cut(255, 257), [(0, 255, 256), (1, 256, 257)]);
        assert_eq!(cut(300, 768), [(1, 300, 512), (2, 512, 768)]);
        assert_eq!(cut(7, 7), []);
        assert_eq!(cut(9, 7), []);
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_what_breaks_off_is_none() {
        let header = Header { origin: "a.example/log".to_owned(), start: 254, end: 257 };
        let mut body = header.encode();
        let entries = [b"one".to_vec(), Vec::new(), vec![7; 65_535]];
        let proof = [charter_tlog::hash::EMPTY];
        encode(&entries[..2], &proof, &mut body).expect("short enough");
        encode(&entries[2..], &[], &mut body).expect("short enough");
        let mut upload = Upload::new(Body::from(body.clone()));
        assert_eq!(upload.header().await, Ok(header));
        let all: Vec<Place> = places(254, 257).collect();
        let first = upload.package(all[0]).await.expect("a package");
        assert_eq!((first.entries.len(), first.proof.as_slice()), (2, proof.as_slice()));
        assert_eq!(upload.package(all[1]).await.expect("a package").entries[0], entries[2]);
        assert_eq!(upload.package(all[1]).await, Err(Ended));
        for cut in [0, 1, 14, 32] {
            assert_eq!(Upload::new(Body::from(body[..cut].to_vec())).header().await, Err(Ended), "{cut}");
        }
        assert!(encode(&[vec![0; 65_536]], &[], &mut body).is_none());
    }
}
