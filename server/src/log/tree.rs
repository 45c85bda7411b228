//! A log's tree as its tiles are kept: its right edge, its roots, and proofs between its sizes.

use async_trait::async_trait;
use charter_domain::RegistryId;
use charter_store::{Store, log::StoredTile};
use charter_tlog::{
    Hash,
    proof::{self, verify_consistency},
    tile::{Edge, HashTile, Level, TilePath, TileSet, right_edge, tiles_of},
    tree::{Frontier, Node, needed_for_root},
};

use crate::{Error, error::Code, witness::client::ConsistencyProofs};

/// Why the tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Store(#[from] charter_store::Error),
    /// What is kept is no tree.
    #[error("{0}")]
    Damaged(String),
}

fn damaged(why: impl std::fmt::Display) -> Fault {
    Fault::Damaged(why.to_string())
}

/// The tile as wide as a path says; `None` if it is kept narrower.
fn cut(path: TilePath, stored: &[StoredTile]) -> Option<Result<HashTile, Fault>> {
    let Level::Hashes(level) = path.level() else { return None };
    let bytes = usize::from(path.width()) * charter_tlog::hash::BYTES;
    let tile = stored.iter().find(|tile| (tile.level, tile.n) == (level, path.index()))?;
    Some(HashTile::from_bytes(path, tile.hashes.get(..bytes)?).map_err(damaged))
}

/// Tiles as wide as their paths say, in order.
async fn read(store: &Store, registry: RegistryId, paths: Vec<TilePath>) -> Result<Vec<HashTile>, Fault> {
    let number = |path: &TilePath| match path.level() {
        Level::Hashes(level) => Some((level, path.index())),
        Level::Entries => None,
    };
    let stored = store.log_tiles(registry, paths.iter().filter_map(number).collect()).await?;
    let tile = |path: TilePath| {
        cut(path, &stored).unwrap_or_else(|| Err(damaged(format!("`{path}` is missing, or too narrow"))))
    };
    paths.into_iter().map(tile).collect()
}

/// The right edge of the tree of `size` leaves.
pub async fn edge(store: &Store, registry: RegistryId, size: u64) -> Result<Edge, Fault> {
    let tiles = read(store, registry, right_edge(size)).await?;
    Edge::new(size, tiles).map_err(damaged)
}

/// Hashes of complete subtrees, in the order of `nodes`.
async fn hashes(store: &Store, registry: RegistryId, nodes: &[Node], size: u64) -> Result<Vec<Hash>, Fault> {
    use charter_tlog::proof::HashReader as _;
    let paths = tiles_of(nodes, size).map_err(damaged)?;
    let mut set = TileSet::new(size);
    for tile in read(store, registry, paths.into_iter().collect()).await? {
        set.insert(tile);
    }
    set.read(nodes).map_err(damaged)
}

/// Root of the tree when it had `size` leaves; it has as many, or more.
pub async fn root(store: &Store, registry: RegistryId, size: u64) -> Result<Hash, Fault> {
    let peaks = hashes(store, registry, &needed_for_root(size), size).await?;
    Ok(Frontier::from_peaks(size, peaks).map_err(damaged)?.root())
}

/// Proofs over the tree of one registry's log.
pub struct Tiles<'a> {
    pub store: &'a Store,
    pub registry: RegistryId,
}

impl Tiles<'_> {
    /// That the tree of `new` leaves begins with the one of `old` (RFC 6962, section 2.1.2), verified.
    pub async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Fault> {
        let plan = proof::needed_for_consistency(old, new).map_err(damaged)?;
        let found = hashes(self.store, self.registry, plan.nodes(), new).await?;
        let proof = plan.assemble(&found).map_err(damaged)?;
        if old > 0 && old < new {
            let old_root = root(self.store, self.registry, old).await?;
            let new_root = root(self.store, self.registry, new).await?;
            verify_consistency(old, old_root, new, new_root, &proof).map_err(damaged)?;
        }
        Ok(proof)
    }
}

#[async_trait]
impl ConsistencyProofs for Tiles<'_> {
    async fn proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        self.consistency(old, new).await.map_err(|fault| match fault {
            Fault::Store(error) => error.into(),
            Fault::Damaged(why) => {
                tracing::error!(registry = self.registry.0, %why, "the log's tiles are damaged");
                Error::new(Code::Internal, "an error of ours; it was logged")
            }
        })
    }
}
