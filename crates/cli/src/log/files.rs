//! The files of a log, parsed (C2SP tlog-tiles). None of it is believed yet.

use charter_tlog::{
    bundle,
    checkpoint::SignedCheckpoint,
    hash, note,
    tile::{HashTile, TilePath, WIDTH},
};

use super::source::{Fault, Source};

/// Bytes of a full tile of hashes.
const TILE_BYTES: usize = WIDTH as usize * hash::BYTES;
/// Bytes of the largest bundle: 256 entries of 65,535 bytes, each with its length.
const BUNDLE_BYTES: usize = WIDTH as usize * (2 + u16::MAX as usize);

impl Source {
    /// The newest checkpoint, its signatures unverified.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, Fault> {
        let name = "checkpoint";
        let bytes = self.get(name, note::MAX_BYTES).await?.ok_or_else(|| Fault::Missing(name.to_owned()))?;
        SignedCheckpoint::parse(&bytes).map_err(|e| Fault::Malformed(name.to_owned(), e.to_string()))
    }

    /// The hashes of a tile.
    pub async fn tile(&self, path: TilePath) -> Result<HashTile, Fault> {
        let (found, bytes) = self.widest(path, TILE_BYTES).await?;
        let malformed = |e: charter_tlog::tile::Error| Fault::Malformed(found.to_string(), e.to_string());
        let tile = HashTile::from_bytes(found, &bytes).map_err(malformed)?;
        let (level, index) = (tile.level(), tile.index());
        let mut hashes = tile.into_hashes();
        hashes.truncate(usize::from(path.width()));
        HashTile::new(level, index, hashes).map_err(malformed)
    }

    /// The entries of a bundle.
    pub async fn bundle(&self, path: TilePath) -> Result<Vec<Vec<u8>>, Fault> {
        let (found, bytes) = self.widest(path, BUNDLE_BYTES).await?;
        let malformed = |e: bundle::Error| Fault::Malformed(found.to_string(), e.to_string());
        let entries = bundle::decode(&bytes, found.width()).map_err(malformed)?;
        Ok(entries.into_iter().take(usize::from(path.width())).map(<[u8]>::to_vec).collect())
    }

    /// A log may drop a partial tile when it has the full one (C2SP tlog-tiles, Partial Tiles).
    async fn widest(&self, path: TilePath, limit: usize) -> Result<(TilePath, Vec<u8>), Fault> {
        if let Some(bytes) = self.get(&path.to_string(), limit).await? {
            return Ok((path, bytes));
        }
        let full = path.full();
        let found = if path.is_full() { None } else { self.get(&full.to_string(), limit).await? };
        found.map(|bytes| (full, bytes)).ok_or_else(|| Fault::Missing(path.to_string()))
    }
}
