//! Transparency logs of this process' registries, as the rest of the server sees them: what is published, how far the
//! sequencer is, and why a log does not go on.

pub mod command;
pub mod fault;
pub mod file;
pub mod fsck;
pub mod halt;
pub mod held;
pub mod keys;
pub mod load;
mod publish;
pub mod tree;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use charter_cache::Tiles;
use charter_domain::{RegistryId, Timestamp};
use charter_tlog::{Hash, checkpoint::SignedCheckpoint};
use tokio::{sync::watch, time::Instant};

use crate::{Error, error::Code};

/// What the outside may see of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Leaves.
    pub size: u64,
    pub root: Hash,
    pub checkpoint: SignedCheckpoint,
    /// The checkpoint with its cosignatures, as it is served.
    pub text: String,
    pub at: Timestamp,
}

impl Published {
    /// From a signed note; it is not verified here.
    pub fn parse(text: &str, at: Timestamp) -> Result<Self, charter_tlog::checkpoint::Error> {
        let checkpoint = SignedCheckpoint::parse(text.as_bytes())?;
        let (size, root) = (checkpoint.checkpoint().size(), checkpoint.checkpoint().root());
        Ok(Self { size, root, checkpoint, text: text.to_owned(), at })
    }
}

/// How far a log is, in leaves: published <= sequenced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    pub sequenced: u64,
    pub published: u64,
}

/// A larger size than ours that somebody has of our log, signed by our key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    pub size: u64,
    /// Name of the witness.
    pub who: String,
}

struct Log {
    published: RwLock<Option<Arc<Published>>>,
    stopped: RwLock<Option<String>>,
    ahead: RwLock<Option<Ahead>>,
    position: watch::Sender<Position>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            published: RwLock::default(),
            stopped: RwLock::default(),
            ahead: RwLock::default(),
            position: watch::Sender::new(Position::default()),
        }
    }
}

/// Tiles of 8 KiB that are kept in process.
const KEPT_TILES: u64 = 2_048;

/// Told by the sequencer of this process, or by the poll of the table where another process sequences.
pub struct Logs {
    dir: PathBuf,
    logs: HashMap<RegistryId, Log>,
    /// Full tiles, for who asks for tiles; proofs are made of what the database has.
    pub tiles: Tiles,
    /// For tests: writes that fail.
    pub faults: fault::Faults,
}

impl Logs {
    /// Of these registries, with files in `dir`. Nothing is published yet.
    pub fn new(dir: &Path, registries: impl Iterator<Item = RegistryId>) -> Self {
        let logs = registries.map(|registry| (registry, Log::default())).collect();
        let (tiles, faults) = (Tiles::new(KEPT_TILES), fault::Faults::default());
        Self { dir: dir.to_owned(), logs, tiles, faults }
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The newest published checkpoint; none before the first.
    pub fn published(&self, registry: RegistryId) -> Option<Arc<Published>> {
        let log = self.logs.get(&registry)?;
        log.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves in the tree, published or not.
    pub fn sequenced(&self, registry: RegistryId) -> u64 {
        self.position(registry).sequenced
    }

    pub fn position(&self, registry: RegistryId) -> Position {
        self.logs.get(&registry).map_or_else(Position::default, |log| *log.position.borrow())
    }

    /// How far a log has come, now and later.
    pub fn follow(&self, registry: RegistryId) -> Option<watch::Receiver<Position>> {
        self.logs.get(&registry).map(|log| log.position.subscribe())
    }

    /// Why the log does not go on, and what to do; none while it does.
    pub fn stopped(&self, registry: RegistryId) -> Option<String> {
        let log = self.logs.get(&registry)?;
        log.stopped.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `size` leaves are published.
    pub async fn wait(
        &self,
        registry: RegistryId,
        size: u64,
        deadline: Instant,
    ) -> Result<Arc<Published>, Error> {
        self.until(registry, deadline, |position| position.published >= size).await?;
        self.published(registry).ok_or_else(|| late("published"))
    }

    /// Waits until `size` leaves are in the tree.
    pub async fn wait_sequenced(
        &self,
        registry: RegistryId,
        size: u64,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.until(registry, deadline, |position| position.sequenced >= size).await
    }

    async fn until(
        &self,
        registry: RegistryId,
        deadline: Instant,
        reached: impl Fn(&Position) -> bool,
    ) -> Result<(), Error> {
        let log = self.logs.get(&registry).ok_or_else(|| Error::not_found("registry", registry))?;
        let mut position = log.position.subscribe();
        let waiting = position.wait_for(reached);
        match tokio::time::timeout_at(deadline, waiting).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(late("in the log")),
        }
    }

    /// Somebody has more of a log than we have. It may mean that an older database was restored.
    pub fn ahead(&self, registry: RegistryId, size: u64, who: &str) {
        let Some(log) = self.logs.get(&registry) else { return };
        let mut known = log.ahead.write().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.size < size) {
            *known = Some(Ahead { size, who: who.to_owned() });
        }
    }

    /// The largest size that somebody has of our log, where it was more than ours.
    pub fn known_ahead(&self, registry: RegistryId) -> Option<Ahead> {
        let log = self.logs.get(&registry)?;
        log.ahead.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The sequencer moved on. A size that is smaller than the one known is not taken.
    pub(crate) fn set_sequenced(&self, registry: RegistryId, size: u64) {
        let Some(log) = self.logs.get(&registry) else { return };
        log.position.send_if_modified(|position| {
            let more = size > position.sequenced;
            position.sequenced = position.sequenced.max(size);
            more
        });
    }

    /// What everybody may see from now on. An older one is not taken.
    pub(crate) fn set_published(&self, registry: RegistryId, new: Published) {
        let Some(log) = self.logs.get(&registry) else { return };
        let size = new.size;
        {
            let mut known = log.published.write().unwrap_or_else(PoisonError::into_inner);
            if known.as_ref().is_some_and(|known| known.size > size) {
                return;
            }
            *known = Some(Arc::new(new));
        }
        log.position.send_if_modified(|position| {
            let more = size > position.published;
            *position =
                Position { sequenced: position.sequenced.max(size), published: position.published.max(size) };
            more
        });
    }

    /// The log does not go on, and why; none: it does.
    pub(crate) fn set_stopped(&self, registry: RegistryId, why: Option<String>) {
        if let Some(log) = self.logs.get(&registry) {
            *log.stopped.write().unwrap_or_else(PoisonError::into_inner) = why;
        }
    }
}

fn late(what: &str) -> Error {
    Error::new(Code::DeadlineExceeded, format!("it is not {what} yet; ask again later"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use charter_tlog::{
        checkpoint::Checkpoint,
        note::{Note, SignatureLine},
    };

    const REGISTRY: RegistryId = RegistryId(1);

    fn published(size: u64) -> Published {
        let key = "a.example/log".parse().expect("a name");
        let checkpoint = Checkpoint::new(&key, size, Hash::new([1; 32])).expect("a checkpoint");
        // The base64 of a key ID and a signature of 64 bytes, all zero.
        let line = format!("\u{2014} a.example/log {}=\n", "A".repeat(91));
        let lines = SignatureLine::parse_all(&line).expect("a line");
        let note = Note::new(checkpoint.to_string(), lines).expect("a note");
        Published::parse(&note.to_string(), Timestamp::from_secs(1)).expect("a checkpoint")
    }

    #[tokio::test]
    async fn who_waits_is_told_and_nothing_goes_back() {
        let logs = Arc::new(Logs::new(Path::new("/nowhere"), [REGISTRY].into_iter()));
        let soon = Instant::now() + Duration::from_secs(60);
        let waiting = Arc::clone(&logs);
        let waiting = tokio::spawn(async move { waiting.wait(REGISTRY, 5, soon).await });
        logs.set_sequenced(REGISTRY, 7);
        logs.set_published(REGISTRY, published(4));
        logs.set_published(REGISTRY, published(6));
        assert_eq!(waiting.await.expect("no panic").expect("in time").size, 6);
        logs.set_published(REGISTRY, published(3));
        logs.set_sequenced(REGISTRY, 2);
        assert_eq!(logs.position(REGISTRY), Position { sequenced: 7, published: 6 });
        assert_eq!(logs.published(REGISTRY).expect("there is one").size, 6);
        let late = logs.wait(REGISTRY, 8, Instant::now()).await.expect_err("nobody publishes");
        assert_eq!(late.code, Code::DeadlineExceeded);
        assert_eq!(logs.wait(RegistryId(9), 1, soon).await.expect_err("unknown").code, Code::NotFound);
    }
}
