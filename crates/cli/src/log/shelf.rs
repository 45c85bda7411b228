//! A copy of a log in a directory: bundles and tiles as the log serves them (C2SP tlog-tiles), each written whole. The
//! checkpoint comes last, when all that it is of is verified and on the disk.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use charter_tlog::{
    bundle,
    checkpoint::{Checkpoint, SignedCheckpoint},
    hash, note,
    note::Vkey,
    tile::{Edge, HashTile, Level, TilePath, WIDTH, right_edge},
};
use futures::future::try_join_all;

use super::{source::Source, walk::Trouble};
use crate::exit::{Exit, Failure};

const CHECKPOINT: &str = "checkpoint";

/// A copy that grows.
pub struct Shelf {
    dir: PathBuf,
    edge: Edge,
    /// The newest tile of each level that is not full.
    partial: BTreeMap<u8, HashTile>,
    /// Entries of the bundle that is not full.
    bundle: Vec<Vec<u8>>,
}

/// What a copy was verified to before; `None` if there is none yet.
pub fn kept(dir: &Path, log: &Vkey) -> Result<Option<SignedCheckpoint>, Failure> {
    let path = dir.join(CHECKPOINT);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::usage(format!("cannot read `{}`: {error}", path.display()))),
    };
    let unusable = |why: String| {
        let text = format!("`{}` is no checkpoint of this log: {why}", path.display());
        Failure::usage(text).hint("give another directory, or remove this one")
    };
    if bytes.len() > note::MAX_BYTES {
        return Err(unusable("it is too long".to_owned()));
    }
    let signed = SignedCheckpoint::parse(&bytes).map_err(|e| unusable(e.to_string()))?;
    signed.verify_log(log).map_err(|e| unusable(e.to_string()))?;
    Ok(Some(signed))
}

impl Shelf {
    /// Goes on from what is in the directory.
    pub async fn open(dir: &Path, from: Option<&Checkpoint>) -> Result<Self, Trouble> {
        let (source, size) = (Source::in_directory(dir), from.map_or(0, Checkpoint::size));
        let tiles = try_join_all(right_edge(size).into_iter().map(|path| source.tile(path))).await?;
        let bundle = match u16::try_from(size % u64::from(WIDTH)) {
            Ok(width @ 1..) => {
                source.bundle(TilePath::new(Level::Entries, size / u64::from(WIDTH), width)?).await?
            }
            _ => Vec::new(),
        };
        let partial = tiles.iter().map(|tile| (tile.level(), tile.clone())).collect();
        Ok(Self { dir: dir.to_owned(), edge: Edge::new(size, tiles)?, partial, bundle })
    }

    /// The next entries, up to the end of their bundle. Full bundles and tiles are written at once.
    pub fn put(&mut self, entries: Vec<Vec<u8>>) -> Result<(), Failure> {
        let leaves: Vec<_> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        let grown = self.edge.grow(&leaves).map_err(|e| unexpected(&e))?;
        self.edge = grown.edge;
        for tile in grown.tiles {
            if tile.path().is_full() {
                self.partial.remove(&tile.level());
                self.write(&tile.path().to_string(), &tile.to_bytes())?;
            } else {
                self.partial.insert(tile.level(), tile);
            }
        }
        self.bundle.extend(entries);
        if self.bundle.len() >= usize::from(WIDTH) {
            self.write_bundle(self.edge.size() / u64::from(WIDTH) - 1)?;
            self.bundle.clear();
        }
        Ok(())
    }

    /// What is not full yet, and the checkpoint that all of it was verified against.
    pub fn finish(self, signed: &SignedCheckpoint) -> Result<(), Failure> {
        for tile in self.partial.values() {
            self.write(&tile.path().to_string(), &tile.to_bytes())?;
        }
        if !self.bundle.is_empty() {
            self.write_bundle(self.edge.size() / u64::from(WIDTH))?;
        }
        self.write(CHECKPOINT, signed.to_string().as_bytes())
    }

    fn write_bundle(&self, index: u64) -> Result<(), Failure> {
        let width = u16::try_from(self.bundle.len()).map_err(|e| unexpected(&e))?;
        let path = TilePath::new(Level::Entries, index, width).map_err(|e| unexpected(&e))?;
        self.write(&path.to_string(), &bundle::encode(&self.bundle).map_err(|e| unexpected(&e))?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        replace(&path, bytes)
            .map_err(|e| Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display())))
    }
}

fn unexpected(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, error.to_string())
}

/// Whoever reads meanwhile has the old file or the new one, and so has who reads after a crash.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(folder)?.sync_all()
}
