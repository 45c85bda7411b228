//! A log that this process has taken: its tree in memory, as far as it was sequenced, and the two steps that go on with
//! it. Sequencing puts committed events into the tree; publishing shows a size to the outside. Neither waits for the
//! other, and no write waits for either.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use charter_domain::{RegistryId, Timestamp};
use charter_store::log::{NewHead, StoredTile};
use charter_tlog::{Hash, hash, tile::Edge};
use tokio::sync::{Mutex, Semaphore};

use super::{fault::Point, file, halt::Halt, keys::NoteKey};
use crate::{App, hosted::Tenant};

/// A clock that is further behind than this is wrong, and nothing is signed by it.
const CLOCK_BACK: Duration = Duration::from_secs(60);

/// The newest head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Leaves.
    pub size: u64,
    pub root: Hash,
}

pub struct Held {
    pub app: Arc<App>,
    pub registry: RegistryId,
    /// Ends when another process takes the log.
    pub term: i64,
    pub key: Arc<NoteKey>,
    /// Steps of this process that are at the database at once.
    pub turns: Arc<Semaphore>,
    pub(super) edge: Mutex<Edge>,
    pub(super) head: RwLock<Head>,
    /// When the newest checkpoint was signed.
    pub(super) at: RwLock<Timestamp>,
}

impl Held {
    pub fn tenant(&self) -> Result<&Tenant, Halt> {
        let gone = || Halt::Stop("the registry is not served here".to_owned());
        self.app.hosted.tenant(self.registry).ok_or_else(gone)
    }

    /// The file that says what was published.
    pub fn file(&self) -> Result<PathBuf, Halt> {
        Ok(file::path(self.app.logs.dir(), &self.tenant()?.registry.slug))
    }

    pub fn head(&self) -> Head {
        *self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step at the database at a time for each turn.
    pub(super) async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Halt> {
        self.turns.acquire().await.map_err(|e| Halt::Later(e.to_string()))
    }

    /// The time of what is signed next: never before the last. A clock far behind stops the log until it is right.
    pub(super) fn next_time(&self) -> Result<Timestamp, Halt> {
        let (last, now) = (*self.at.read().unwrap_or_else(PoisonError::into_inner), self.app.clock.now());
        if now.plus(CLOCK_BACK) < last {
            return Err(Halt::Stop(format!(
                "the clock says {now}, and a checkpoint was signed at {last}: set the clock right"
            )));
        }
        Ok(last.max(now))
    }

    pub(super) fn signed_at(&self, at: Timestamp) {
        let mut last = self.at.write().unwrap_or_else(PoisonError::into_inner);
        *last = at.max(*last);
    }

    /// Puts all committed events into the tree, batch by batch.
    pub async fn sequence(&self) -> Result<(), Halt> {
        let mut edge = self.edge.lock().await;
        while self.batch(&mut edge).await? {}
        Ok(())
    }

    /// One batch; false when no event was left. Head and tiles are written in one transaction, or not at all.
    async fn batch(&self, edge: &mut Edge) -> Result<bool, Halt> {
        let (app, faults) = (&self.app, &self.app.logs.faults);
        let turn = self.turn().await?;
        let (old, most) = (edge.size(), app.config.log_store.max_batch);
        let leaves = faults.at(Point::ReadLeaves, self.leaves(old, most)).await?;
        if leaves.is_empty() {
            return Ok(false);
        }
        let grown = edge.grow(&leaves).map_err(|e| Halt::Stop(e.to_string()))?;
        let tile = |tile: &charter_tlog::tile::HashTile| StoredTile {
            level: tile.level(),
            n: tile.index(),
            hashes: tile.to_bytes(),
        };
        let at = self.app.clock.now();
        let new = NewHead { size: grown.size, root: *grown.root.as_bytes(), at };
        let tiles = grown.tiles.iter().map(tile).collect();
        let writing = app.log_store.advance_log(self.registry, self.term, old, new, tiles);
        let done = faults.at(Point::Advance, async { writing.await.map_err(Halt::from) }).await?;
        if !done {
            return Err(Halt::Over);
        }
        drop(turn);
        let head = Head { size: grown.size, root: grown.root };
        *edge = grown.edge;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        app.logs.set_sequenced(self.registry, head.size);
        metrics::counter!("charter_log_sequenced_total").increment(head.size - old);
        Ok(i64::try_from(leaves.len()).unwrap_or(i64::MAX) == most)
    }

    /// The leaf hashes of committed events, computed from their bytes: what is in the tree cannot be taken back.
    async fn leaves(&self, from: u64, most: i64) -> Result<Vec<Hash>, Halt> {
        let (store, registry) = (&self.app.log_store, self.registry);
        let recorded = store.leaf_hashes(registry, from, most).await?;
        let bodies = store.entries(registry, from, from + recorded.len() as u64).await?;
        let leaves: Vec<Hash> = bodies.iter().map(|body| hash::leaf(body)).collect();
        let differs = leaves.iter().zip(&recorded).position(|(leaf, recorded)| leaf.as_bytes() != recorded);
        let fault = differs.or((leaves.len() != recorded.len()).then_some(leaves.len()));
        match fault.and_then(|fault| u64::try_from(fault).ok()) {
            None => Ok(leaves),
            Some(fault) => Err(Halt::Stop(format!(
                "event {} does not hash to its leaf, or is missing: it was changed; run `charterd log fsck`",
                from + fault + 1
            ))),
        }
    }
}
