//! Full tiles of transparency logs, which never change (C2SP tlog-tiles): the newest asked for are kept in process.

use std::{sync::Arc, time::Duration};

use charter_domain::RegistryId;
use moka::sync::Cache;

/// Bytes of a full tile: 256 hashes of 32.
pub const FULL: usize = 256 * 32;
/// A tile that was repaired in the database is seen after this.
const LASTING: Duration = Duration::from_mins(1);

/// By registry, level and index.
pub struct Tiles {
    kept: Cache<(RegistryId, u8, u64), Arc<[u8]>>,
}

impl Tiles {
    /// Keeps so many tiles at most.
    pub fn new(most: u64) -> Self {
        Self { kept: Cache::builder().max_capacity(most).time_to_live(LASTING).build() }
    }

    /// The hashes of a full tile, if they are here.
    pub fn get(&self, registry: RegistryId, level: u8, n: u64) -> Option<Arc<[u8]>> {
        self.kept.get(&(registry, level, n))
    }

    /// Keeps a tile if it is full: any other one grows.
    pub fn keep(&self, registry: RegistryId, level: u8, n: u64, hashes: &[u8]) {
        if hashes.len() == FULL {
            self.kept.insert((registry, level, n), hashes.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_that_still_grows_is_not_kept() {
        let (tiles, registry) = (Tiles::new(8), RegistryId(1));
        tiles.keep(registry, 0, 3, &[7; FULL - 32]);
        assert!(tiles.get(registry, 0, 3).is_none());
        tiles.keep(registry, 0, 3, &[7; FULL]);
        assert_eq!(tiles.get(registry, 0, 3).as_deref(), Some([7; FULL].as_slice()));
        for (registry, level, n) in [(RegistryId(2), 0, 3), (registry, 1, 3), (registry, 0, 4)] {
            assert!(tiles.get(registry, level, n).is_none(), "another tile");
        }
    }
}
