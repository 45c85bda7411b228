//! The transparency log as others read it: nothing beyond the published size, and no proof that was not verified here.

pub mod evidence;
pub mod proof;
pub mod receipt;
pub mod state;

use std::sync::Arc;

use charter_domain::{Invalid, RegistryId};
use charter_tlog::{
    Hash, bundle,
    tile::{Level, MAX_LEVEL, TilePath, WIDTH},
};

use crate::{App, Error, error::Code, log::Published};

/// Most entries in one page, as many as a bundle has.
pub const MAX_ENTRIES: i32 = 256;
/// A page ends before its entries are more bytes than this; it has one at least.
const MAX_PAGE: usize = 1024 * 1024;

/// The newest published checkpoint.
pub fn published(app: &App, registry: RegistryId) -> Result<Arc<Published>, Error> {
    let found = app.logs.published(registry);
    found.ok_or_else(|| Error::new(Code::NotPublished, "the log has published nothing yet; ask again later"))
}

/// What is beyond the published log, and by how much: everybody may know how long the published log is.
fn beyond(field: &str, number: u64, published: u64) -> Error {
    let detail = format!("`{field}` is {number}; the log has published {published} entries so far");
    Error { field: Some(field.to_owned()), ..Error::new(Code::NotPublished, detail) }
}

/// A size that the published log has had, 1 or more; absent: the newest.
fn size(field: &str, given: Option<i64>, published: u64) -> Result<u64, Error> {
    let Some(given) = given else { return Ok(published) };
    let size = u64::try_from(given).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| Invalid::new(field, "must be 1 or more"))?;
    if size > published { Err(beyond(field, size, published)) } else { Ok(size) }
}

/// As leaf hashes are shown elsewhere: lower-case hex.
pub fn hex(hash: &Hash) -> String {
    hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The log's own records do not fit together. Nothing of it is given away.
fn damaged(what: impl std::fmt::Display) -> Error {
    tracing::error!(%what, "the log is damaged: run `charterd log fsck`");
    Error::new(Code::Internal, "an error of ours; it was logged")
}

/// How many hashes, or entries, of this tile a tree of `size` leaves has: 0 to 256.
fn width(path: TilePath, size: u64) -> u64 {
    let hashes = match path.level() {
        Level::Entries => size,
        Level::Hashes(level) if level <= MAX_LEVEL => size >> (8 * level),
        Level::Hashes(_) => 0,
    };
    let first = path.index().saturating_mul(u64::from(WIDTH));
    hashes.saturating_sub(first).min(u64::from(WIDTH))
}

/// A tile or an entry bundle (C2SP tlog-tiles), of any width that the published log has; `path` is what follows
/// `/log/`, as it was sent.
pub async fn tile(app: &App, registry: RegistryId, path: &str) -> Result<Vec<u8>, Error> {
    let path = path.parse::<TilePath>().map_err(|e| Error::new(Code::NotFound, e.to_string()))?;
    let published = published(app, registry)?;
    if u64::from(path.width()) > width(path, published.size) {
        let detail = format!("`{path}` is not in the log of the {} entries published so far", published.size);
        return Err(Error::new(Code::NotPublished, detail));
    }
    match path.level() {
        Level::Hashes(level) => hashes(app, registry, path, level).await,
        Level::Entries => bundled(app, registry, path).await,
    }
}

async fn hashes(app: &App, registry: RegistryId, path: TilePath, level: u8) -> Result<Vec<u8>, Error> {
    // It may be wider by now than was asked for, and than was published.
    let bytes = usize::from(path.width()) * charter_tlog::hash::BYTES;
    let kept = app.logs.tiles.get(registry, level, path.index());
    if let Some(hashes) = kept.as_deref().and_then(|kept| kept.get(..bytes)) {
        return Ok(hashes.to_vec());
    }
    let found = app.store.log_tiles(registry, vec![(level, path.index())]).await?;
    let mut hashes = found.into_iter().next().map(|tile| tile.hashes).unwrap_or_default();
    app.logs.tiles.keep(registry, level, path.index(), &hashes);
    if hashes.len() < bytes {
        return Err(damaged(format!("{path} is missing")));
    }
    hashes.truncate(bytes);
    Ok(hashes)
}

async fn bundled(app: &App, registry: RegistryId, path: TilePath) -> Result<Vec<u8>, Error> {
    let (from, width) = (path.index() * u64::from(WIDTH), usize::from(path.width()));
    let entries = app.store.entries(registry, from, from + u64::from(path.width())).await?;
    if entries.len() != width {
        return Err(damaged(format!("{path} has {} entries", entries.len())));
    }
    bundle::encode(&entries).map_err(damaged)
}

/// Entries from one index on.
pub struct Page {
    pub start: i64,
    pub entries: Vec<Vec<u8>>,
    pub published: u64,
}

pub async fn entries(app: &App, registry: RegistryId, start: i64, limit: Option<i32>) -> Result<Page, Error> {
    let from = u64::try_from(start).map_err(|_| Invalid::new("start", "must be 0 or more"))?;
    let limit = limit.unwrap_or(MAX_ENTRIES);
    if !(1..=MAX_ENTRIES).contains(&limit) {
        return Err(Invalid::new("limit", format!("must be 1 to {MAX_ENTRIES}")).into());
    }
    let published = published(app, registry)?.size;
    if from >= published {
        return Err(beyond("start", from, published));
    }
    let until = published.min(from + u64::from(limit.unsigned_abs()));
    let mut entries = app.store.entries(registry, from, until).await?;
    if entries.len() as u64 != until - from {
        return Err(damaged(format!("entries {from} to {until} are {}", entries.len())));
    }
    let mut bytes = 0;
    let fits = |entry: &Vec<u8>| {
        bytes += entry.len();
        bytes <= MAX_PAGE
    };
    let kept = entries.iter().map(fits).take_while(|fits| *fits).count();
    entries.truncate(kept.max(1));
    Ok(Page { start, entries, published })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_is_as_wide_as_the_published_log_has_it() {
        for (path, size, wide) in [
            ("tile/0/000", 0, 0),
            ("tile/0/000.p/1", 1, 1),
            ("tile/0/000", 257, 256),
            ("tile/0/001.p/1", 257, 1),
            ("tile/1/000.p/1", 255, 0),
            ("tile/1/000.p/1", 257, 1),
            ("tile/entries/001.p/1", 300, 44),
            ("tile/7/000.p/1", u64::MAX >> 1, 127),
            ("tile/8/000.p/1", u64::MAX >> 1, 0),
            ("tile/63/000.p/1", u64::MAX >> 1, 0),
            ("tile/0/x999/x999/999", 300, 0),
        ] {
            assert_eq!(width(path.parse().expect("a path"), size), wide, "{path} {size}");
        }
    }
}
