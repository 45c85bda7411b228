//! Reading a log from a size that is verified to a larger one: every entry is hashed, the tree grows by their
//! hashes, and must come to the root of the checkpoint. That is stronger than a consistency proof.

use std::{collections::BTreeMap, sync::Arc};

use charter_tlog::{
    Hash,
    checkpoint::Checkpoint,
    tile::{Edge, Grown, HashTile, Level, TilePath, WIDTH, right_edge},
};
use futures::StreamExt as _;
use indicatif::ProgressBar;

use super::{
    events::{End, Run},
    source::{AT_ONCE, Fault, Source},
};
use crate::exit::{Exit, Failure};

/// Why a log could not be verified.
#[derive(Debug)]
pub enum Trouble {
    /// A file could not be had; it may be there later.
    Fault(Fault),
    /// What is there contradicts itself or what was signed.
    Contradiction(String),
    /// On this side.
    Failed(Failure),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<charter_tlog::tile::Error> for Trouble {
    fn from(error: charter_tlog::tile::Error) -> Self {
        Self::Contradiction(error.to_string())
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Fault(fault) => fault.into(),
            Trouble::Contradiction(what) => Self::new(Exit::CannotVerify, what),
            Trouble::Failed(failure) => failure,
        }
    }
}

/// What is looked at on the way.
pub struct Plan<'a> {
    /// A size on the way at which the tree must have this root.
    pub mark: Option<(u64, Hash)>,
    /// Compare the log's tiles with what the entries come to.
    pub tiles: bool,
    pub bar: &'a ProgressBar,
    /// Takes the new entries, bundle by bundle in order, when their chain is verified; their place in the tree is
    /// verified at the end only.
    pub sink: &'a mut (dyn FnMut(Vec<Vec<u8>>) -> Result<(), Failure> + Send),
}

/// A log as far as it is verified.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    edge: Edge,
    /// Of the last event, where it was seen.
    pub end: Option<End>,
    /// Bytes of the entries that were read.
    pub bytes: u64,
}

/// A bundle as it was read: the new entries in it, and the run that they are.
struct Bundle {
    entries: Vec<Vec<u8>>,
    run: Run,
    /// Of the last entry that was known before, where the bundle has one.
    known: Option<End>,
}

impl Walk {
    /// Takes up a log at a size and root that are trusted.
    pub async fn at(source: &Source, size: u64, root: Hash) -> Result<Self, Trouble> {
        let tiles =
            futures::future::try_join_all(right_edge(size).into_iter().map(|path| source.tile(path))).await?;
        let edge = Edge::new(size, tiles)?;
        if edge.root() != root {
            return Err(Trouble::Contradiction(format!(
                "the log's tiles do not lead to the root that it had at {size} entries: {root}"
            )));
        }
        Ok(Self { edge, ..Self::default() })
    }

    /// Entries that are verified.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Reads on to a checkpoint whose signatures are verified. After an error this is to be thrown away.
    pub async fn advance(
        &mut self,
        source: &Arc<Source>,
        to: &Checkpoint,
        plan: &mut Plan<'_>,
    ) -> Result<(), Trouble> {
        let from = self.size();
        if to.size() < from {
            let what = format!("the log has gone back from {from} entries to {}", to.size());
            return Err(Trouble::Contradiction(what));
        }
        self.check_mark(plan)?;
        let mut partial = BTreeMap::new();
        let tiles = plan.tiles;
        let reads =
            bundles(from, to.size()).map(|path| tokio::spawn(read(Arc::clone(source), path, from, tiles)));
        let mut reads = futures::stream::iter(reads).buffered(AT_ONCE);
        while let Some(joined) = reads.next().await {
            let Bundle { entries, run, known } = joined.map_err(|e| stopped(&e))??;
            run.goes_on(self.end.as_ref().or(known.as_ref())).map_err(Trouble::Contradiction)?;
            for grown in self.grow(&run.leaves, plan)? {
                if tiles {
                    compare(source, grown, &mut partial).await?;
                }
            }
            self.bytes += run.bytes;
            self.end = Some(run.end);
            plan.bar.inc(u64::try_from(entries.len()).unwrap_or(0));
            (plan.sink)(entries).map_err(Trouble::Failed)?;
        }
        for tile in partial.into_values() {
            same(source, &tile).await?;
        }
        if self.root() == to.root() {
            return Ok(());
        }
        let what = format!(
            "the entries of the log do not lead to the root that it signed: at {} entries they come to {}, signed is {}",
            to.size(),
            self.root(),
            to.root()
        );
        Err(Trouble::Contradiction(what))
    }

    /// Appends leaves, in two steps where the mark is among them.
    fn grow(&mut self, leaves: &[Hash], plan: &Plan<'_>) -> Result<Vec<Vec<HashTile>>, Trouble> {
        let mark = plan.mark.map_or(0, |(size, _)| size).saturating_sub(self.size());
        let cut = usize::try_from(mark).unwrap_or(usize::MAX).min(leaves.len());
        let (before, after) = leaves.split_at(cut);
        let mut all = Vec::new();
        for part in [before, after] {
            if !part.is_empty() {
                let Grown { edge, tiles, .. } = self.edge.grow(part)?;
                self.edge = edge;
                self.check_mark(plan)?;
                all.push(tiles);
            }
        }
        Ok(all)
    }

    fn check_mark(&self, plan: &Plan<'_>) -> Result<(), Trouble> {
        match plan.mark {
            Some((size, root)) if size == self.size() && root != self.root() => {
                Err(Trouble::Contradiction(format!(
                    "the log was rewritten: at {size} entries its root was {root}, now it is {}",
                    self.root()
                )))
            }
            _ => Ok(()),
        }
    }
}

fn stopped(error: &tokio::task::JoinError) -> Trouble {
    Trouble::Failed(Failure::new(Exit::Unexpected, format!("reading the log stopped: {error}")))
}

/// The bundles that hold the entries from one size to another, as wide as the larger size makes them.
fn bundles(from: u64, to: u64) -> impl Iterator<Item = TilePath> {
    let width = u64::from(WIDTH);
    let count = if from < to { to.div_ceil(width) } else { 0 };
    (from / width..count).filter_map(move |n| {
        let entries = u16::try_from((to - n * width).min(width)).ok()?;
        TilePath::new(Level::Entries, n, entries).ok()
    })
}

/// Fetches a bundle, and its tile where that is compared; hashing is done where it holds up nobody.
async fn read(source: Arc<Source>, path: TilePath, from: u64, tiles: bool) -> Result<Bundle, Trouble> {
    let tile = async {
        match TilePath::new(Level::Hashes(0), path.index(), path.width()) {
            Ok(path) if tiles => source.tile(path).await.map(Some),
            _ => Ok(None),
        }
    };
    let (entries, tile) = tokio::try_join!(source.bundle(path), tile)?;
    let checked = tokio::task::spawn_blocking(move || check(path, entries, tile.as_ref(), from)).await;
    checked.map_err(|e| stopped(&e))?
}

fn check(
    path: TilePath,
    mut entries: Vec<Vec<u8>>,
    tile: Option<&HashTile>,
    from: u64,
) -> Result<Bundle, Trouble> {
    let contradiction = |what: String| Trouble::Contradiction(format!("`{path}`: {what}"));
    let start = path.index() * u64::from(WIDTH);
    let skipped = usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX).min(entries.len());
    let new = entries.split_off(skipped);
    let known =
        if entries.is_empty() { None } else { Some(Run::of(start, &entries).map_err(contradiction)?.end) };
    let index = start + u64::try_from(skipped).unwrap_or(0);
    let run = Run::of(index, &new).map_err(contradiction)?;
    if let Some(tile) = tile
        && tile.hashes().get(skipped..) != Some(&run.leaves[..])
    {
        return Err(contradiction(
            "the hashes of its entries are not those of the tile of level 0".to_owned(),
        ));
    }
    Ok(Bundle { entries: new, run, known })
}

/// Compares full tiles above level 0 with those that the log serves, and keeps the partial ones for the end.
async fn compare(
    source: &Source,
    tiles: Vec<HashTile>,
    partial: &mut BTreeMap<u8, HashTile>,
) -> Result<(), Trouble> {
    for tile in tiles.into_iter().filter(|tile| tile.level() > 0) {
        if tile.path().is_full() {
            partial.remove(&tile.level());
            same(source, &tile).await?;
        } else {
            partial.insert(tile.level(), tile);
        }
    }
    Ok(())
}

async fn same(source: &Source, tile: &HashTile) -> Result<(), Trouble> {
    if source.tile(tile.path()).await?.hashes() == tile.hashes() {
        return Ok(());
    }
    Err(Trouble::Contradiction(format!("`{}` does not follow from the entries", tile.path())))
}
