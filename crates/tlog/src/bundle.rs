//! Bundles of entries: each entry behind its length (C2SP tlog-tiles, Log entries).

use crate::tile::WIDTH;

/// Longest entry, in bytes: its length is two bytes.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// What is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a bundle has 1 to {WIDTH} entries; this one has {0}")]
    Width(usize),
    #[error("an entry has at most {MAX_ENTRY} bytes; number {number} of the bundle has {bytes}")]
    Entry { number: usize, bytes: usize },
    #[error("the bundle ends within entry {0}")]
    Short(usize),
    #[error("{0} bytes follow the last entry of the bundle")]
    Long(usize),
}

/// Writes 1 to 256 entries, each of up to 65,535 bytes.
pub fn encode<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, Error> {
    check_width(entries.len())?;
    let mut bundle = Vec::new();
    for (number, entry) in (1..).zip(entries) {
        let entry = entry.as_ref();
        let bytes = entry.len();
        let length = u16::try_from(bytes).map_err(|_| Error::Entry { number, bytes })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Reads a bundle of exactly `width` entries, 1 to 256. Their hashes are those of the tile of level 0 with the same
/// index, which the caller compares.
pub fn decode(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, Error> {
    check_width(usize::from(width))?;
    let mut rest = bundle;
    let entries = (1..=usize::from(width)).map(|number| {
        let (entry, after) = split(rest).ok_or(Error::Short(number))?;
        rest = after;
        Ok(entry)
    });
    let entries = entries.collect::<Result<_, _>>()?;
    if rest.is_empty() { Ok(entries) } else { Err(Error::Long(rest.len())) }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn check_width(width: usize) -> Result<(), Error> {
    if (1..=usize::from(WIDTH)).contains(&width) { Ok(()) } else { Err(Error::Width(width)) }
}

#[cfg(test)]
mod tests;
