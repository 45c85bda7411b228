//! `charterd log fsck`: the tree computed again from the events, and compared with everything that says something of it.
//! One flipped bit gives one difference: of three that should agree (event, leaf hash, tile) the odd one is named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use charter_domain::RegistryId;
use charter_store::{Store, log::LogHead};
use charter_tlog::{
    Hash,
    checkpoint::SignedCheckpoint,
    hash,
    note::Vkey,
    tile::{Edge, HashTile, WIDTH},
};

/// Leaves compared at once: whole tiles.
const PAGE: u64 = 16 * WIDTH as u64;
/// Differences named before it ends.
pub const MAX_DIFFERENCES: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The public bytes of an event are not those that were recorded.
    Event(u64),
    /// The leaf hash beside an event is not that of its bytes.
    Leaf(u64),
    /// An event is missing, at this index or soon after.
    Missing(u64),
    /// A tile does not hold the hashes of this tree: level and index.
    Tile(u8, u64),
    /// The row of the log's head says something else.
    Head(String),
    /// What was published, in the database, does not belong to this tree.
    Published(String),
    /// The file beside the database does not belong to this tree.
    File(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(index) => {
                write!(f, "event {} (leaf {index}): its bytes are not those recorded", index + 1)
            }
            Self::Leaf(index) => write!(f, "event {} (leaf {index}): its leaf hash is another", index + 1),
            Self::Missing(index) => write!(f, "events from {} on: at least one is missing", index + 1),
            Self::Tile(level, index) => write!(f, "tile {index} of level {level}: its hashes are others"),
            Self::Head(why) => write!(f, "head: {why}"),
            Self::Published(why) => write!(f, "published checkpoint: {why}"),
            Self::File(why) => write!(f, "file: {why}"),
        }
    }
}

/// What is checked of one registry, besides its events and tiles.
pub struct Subject<'a> {
    pub store: &'a Store,
    pub registry: RegistryId,
    /// The log's key in use.
    pub key: &'a Vkey,
    /// From the file, if there is one; or why it cannot be believed.
    pub file: Result<Option<SignedCheckpoint>, String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Leaves in the tree.
    pub size: u64,
    pub published: u64,
    /// Events that were committed.
    pub events: u64,
    /// There is no file beside the database: another server publishes, whose file it is.
    pub fileless: bool,
    pub differences: Vec<Difference>,
}

impl Found {
    fn note(&mut self, difference: Difference) {
        if self.differences.len() < MAX_DIFFERENCES && !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
    }
}

/// Checks one registry's log; `progress` is told leaves done and leaves in all.
pub async fn check(
    subject: &Subject<'_>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Found, charter_store::Error> {
    let (store, registry) = (subject.store, subject.registry);
    let head = store.log_head(registry).await?;
    let events = u64::try_from(store.epoch(registry).await?).unwrap_or(0);
    let mut found = Found { size: head.size, events, ..Found::default() };
    let claims = claims(subject, &head, &mut found);
    let mut walk = Walk { subject, size: head.size, edge: Edge::default(), upper: BTreeMap::new() };
    let mut roots = BTreeMap::from([(0, hash::EMPTY)]);
    let stops: BTreeSet<u64> = claims.iter().map(|claim| claim.size).chain([head.size]).collect();
    let mut from = 0;
    while from < events && found.differences.len() < MAX_DIFFERENCES {
        let until = (from + PAGE).min(events);
        let leaves = walk.leaves(from, until, &mut found).await?;
        walk.grow(&leaves, &stops, &mut roots, &mut found).await?;
        if (leaves.len() as u64) < until - from {
            break;
        }
        from = until;
        progress(from, events);
    }
    walk.finish(&mut found).await?;
    if head.size > events {
        found.note(Difference::Head(format!("it has {} leaves and there are {events} events", head.size)));
    } else if roots.get(&head.size) != Some(&Hash::new(head.root)) {
        found.note(Difference::Head(format!("its root is not that of the first {} events", head.size)));
    }
    for claim in claims {
        if roots.get(&claim.size) != Some(&claim.root) {
            let why = format!("its root is not that of the first {} events", claim.size);
            found.note((claim.of)(why));
        }
    }
    Ok(found)
}

/// What somebody says the root of a size is.
struct Claim {
    size: u64,
    root: Hash,
    of: fn(String) -> Difference,
}

fn claims(subject: &Subject<'_>, head: &LogHead, found: &mut Found) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |signed: &SignedCheckpoint, of: fn(String) -> Difference, found: &mut Found| {
        let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
        if let Err(why) = signed.verify_log(subject.key) {
            found.note(of(why.to_string()));
        } else if size > found.size {
            found.note(of(format!("it has {size} leaves and the tree has {}", found.size)));
        } else {
            claims.push(Claim { size, root, of });
        }
        size
    };
    if let Some(row) = &head.published {
        found.published = row.size;
        match SignedCheckpoint::parse(row.checkpoint.as_bytes()) {
            Ok(signed) => {
                if claim(&signed, Difference::Published, found) != row.size {
                    found.note(Difference::Published("its size is not that of its row".to_owned()));
                }
            }
            Err(why) => found.note(Difference::Published(why.to_string())),
        }
    }
    match &subject.file {
        Ok(Some(signed)) => {
            claim(signed, Difference::File, found);
        }
        Ok(None) => found.fileless = head.published.is_some(),
        Err(why) => found.note(Difference::File(why.clone())),
    }
    claims
}

/// The tree as it is computed, and what of it is not yet compared.
struct Walk<'a> {
    subject: &'a Subject<'a>,
    /// Leaves of the stored tree.
    size: u64,
    edge: Edge,
    /// Tiles above the leaves that are not full yet.
    upper: BTreeMap<(u8, u64), HashTile>,
}

impl Walk<'_> {
    /// The leaf hashes of a page, whoever of the three is believed; tiles of leaves are compared on the way.
    async fn leaves(
        &self,
        from: u64,
        until: u64,
        found: &mut Found,
    ) -> Result<Vec<Hash>, charter_store::Error> {
        let Subject { store, registry, .. } = *self.subject;
        let count = until - from;
        let bodies = store.entries(registry, from, until).await?;
        let recorded = store.leaf_hashes(registry, from, i64::try_from(count).unwrap_or(i64::MAX)).await?;
        let first = from / u64::from(WIDTH);
        let wanted = (first..until.div_ceil(u64::from(WIDTH))).map(|n| (0, n)).collect();
        let tiles: BTreeMap<u64, Vec<u8>> =
            store.log_tiles(registry, wanted).await?.into_iter().map(|t| (t.n, t.hashes)).collect();
        let mut leaves = Vec::new();
        for (index, (body, recorded)) in (from..).zip(bodies.iter().zip(&recorded)) {
            let (n, at) = (index / u64::from(WIDTH), (index % u64::from(WIDTH)) as usize);
            let tiled = tiles.get(&n).and_then(|hashes| hashes.as_chunks::<{ hash::BYTES }>().0.get(at));
            let (leaf, odd) =
                judge(index, &hash::leaf(body), &Hash::new(*recorded), tiled.map(|h| Hash::new(*h)));
            if let Some(odd) = odd {
                found.note(odd);
            }
            if index < self.size && tiled.is_none_or(|tiled| Hash::new(*tiled) != leaf) {
                found.note(Difference::Tile(0, n));
            }
            leaves.push(leaf);
        }
        if (leaves.len() as u64) < count {
            found.note(Difference::Missing(from));
        }
        Ok(leaves)
    }

    /// Appends a page, as far as the stored tree goes; roots are kept at the sizes that somebody speaks of.
    async fn grow(
        &mut self,
        leaves: &[Hash],
        stops: &BTreeSet<u64>,
        roots: &mut BTreeMap<u64, Hash>,
        found: &mut Found,
    ) -> Result<(), charter_store::Error> {
        let start = self.edge.size();
        let until = (start + leaves.len() as u64).min(self.size);
        if until <= start {
            return Ok(());
        }
        let mut full = Vec::new();
        for stop in stops.range(start + 1..until).copied().chain([until]) {
            let Some(part) = part(leaves, start, self.edge.size(), stop) else { break };
            let Ok(grown) = self.edge.grow(part) else { break };
            roots.insert(grown.size, grown.root);
            for tile in grown.tiles.into_iter().filter(|tile| tile.level() > 0) {
                let place = (tile.level(), tile.index());
                if tile.path().is_full() {
                    self.upper.remove(&place);
                    full.push(tile);
                } else {
                    self.upper.insert(place, tile);
                }
            }
            self.edge = grown.edge;
        }
        self.compare(full, found).await
    }

    /// The tiles above the leaves that the tree ends with.
    async fn finish(&mut self, found: &mut Found) -> Result<(), charter_store::Error> {
        let rest = std::mem::take(&mut self.upper).into_values().collect();
        self.compare(rest, found).await
    }

    async fn compare(&self, tiles: Vec<HashTile>, found: &mut Found) -> Result<(), charter_store::Error> {
        if tiles.is_empty() {
            return Ok(());
        }
        let Subject { store, registry, .. } = *self.subject;
        let wanted = tiles.iter().map(|tile| (tile.level(), tile.index())).collect();
        let stored: BTreeMap<(u8, u64), Vec<u8>> = store
            .log_tiles(registry, wanted)
            .await?
            .into_iter()
            .map(|t| ((t.level, t.n), t.hashes))
            .collect();
        for tile in tiles {
            let place = (tile.level(), tile.index());
            // It may have grown since the head was read.
            if stored.get(&place).is_none_or(|bytes| !bytes.starts_with(&tile.to_bytes())) {
                found.note(Difference::Tile(place.0, place.1));
            }
        }
        Ok(())
    }
}

/// The leaves from `at` to `until`, of those that begin at `start`.
fn part(leaves: &[Hash], start: u64, at: u64, until: u64) -> Option<&[Hash]> {
    let (from, to) = (usize::try_from(at - start).ok()?, usize::try_from(until.checked_sub(start)?).ok()?);
    leaves.get(from..to).filter(|part| !part.is_empty())
}

/// Which hash is believed, and who says another: two of three decide, the event where all differ.
fn judge(index: u64, computed: &Hash, recorded: &Hash, tiled: Option<Hash>) -> (Hash, Option<Difference>) {
    if computed == recorded {
        (*computed, None)
    } else if tiled == Some(*recorded) {
        (*recorded, Some(Difference::Event(index)))
    } else {
        (*computed, Some(Difference::Leaf(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_one_of_three_is_named() {
        let (good, bad) = (Hash::new([1; 32]), Hash::new([2; 32]));
        assert_eq!(judge(4, &good, &good, Some(bad)), (good, None), "the tile is compared by itself");
        assert_eq!(judge(4, &bad, &good, Some(good)), (good, Some(Difference::Event(4))));
        assert_eq!(judge(4, &good, &bad, Some(good)), (good, Some(Difference::Leaf(4))));
        assert_eq!(judge(4, &good, &bad, None), (good, Some(Difference::Leaf(4))));
    }
}
