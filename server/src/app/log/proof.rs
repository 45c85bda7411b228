//! Proofs of the published log, from its tiles. Each is verified against the published root before it is given away:
//! a damaged tile becomes an error, never a proof.

use charter_domain::{Invalid, RegistryId};
use charter_tlog::{
    Hash,
    log_proof::LogProof,
    proof::{
        HashReader as _, Plan, needed_for_consistency, needed_for_inclusion, verify_consistency,
        verify_inclusion,
    },
    tile::{HashTile, Level, TileSet, tiles_of},
    tree::{Frontier, Node, needed_for_root},
};

use super::{beyond, damaged, published, size};
use crate::{App, Error, error::Code, log::Published};

/// That an event is in the log.
pub struct Inclusion {
    pub index: u64,
    pub size: u64,
    pub leaf: Hash,
    pub hashes: Vec<Hash>,
    pub root: Hash,
    /// With the newest checkpoint, where the proof is about its tree.
    pub text: Option<String>,
}

/// That one tree begins with another.
pub struct Consistency {
    pub old: u64,
    pub new: u64,
    pub hashes: Vec<Hash>,
    pub old_root: Hash,
    pub new_root: Hash,
}

/// The hashes of these subtrees of the published tree.
struct Tiles<'a> {
    published: &'a Published,
    set: TileSet,
}

impl<'a> Tiles<'a> {
    async fn fetch(
        app: &App,
        registry: RegistryId,
        published: &'a Published,
        nodes: &[Node],
    ) -> Result<Self, Error> {
        let paths = tiles_of(nodes, published.size).map_err(damaged)?;
        let numbers = paths.iter().filter_map(|path| match path.level() {
            Level::Hashes(level) => Some((level, path.index())),
            Level::Entries => None,
        });
        let mut set = TileSet::new(published.size);
        for tile in app.store.log_tiles(registry, numbers.collect()).await? {
            let (hashes, rest) = tile.hashes.as_chunks::<{ charter_tlog::hash::BYTES }>();
            if !rest.is_empty() {
                return Err(damaged(format!("tile {} of level {}", tile.n, tile.level)));
            }
            let hashes = hashes.iter().copied().map(Hash::new).collect();
            set.insert(HashTile::new(tile.level, tile.n, hashes).map_err(damaged)?);
        }
        Ok(Self { published, set })
    }

    fn read(&self, nodes: &[Node]) -> Result<Vec<Hash>, Error> {
        self.set.read(nodes).map_err(damaged)
    }

    fn assemble(&self, plan: &Plan) -> Result<Vec<Hash>, Error> {
        plan.assemble(&self.read(plan.nodes())?).map_err(damaged)
    }

    /// Root of the tree of `size` leaves, which the published tree begins with.
    fn root(&self, size: u64) -> Result<Hash, Error> {
        let peaks = self.read(&needed_for_root(size))?;
        let root = Frontier::from_peaks(size, peaks).map_err(damaged)?.root();
        let to_published = needed_for_consistency(size, self.published.size).map_err(damaged)?;
        let proof = self.assemble(&to_published)?;
        verify_consistency(size, root, self.published.size, self.published.root, &proof).map_err(damaged)?;
        Ok(root)
    }
}

/// What [`Tiles::root`] reads.
fn nodes_of_root(size: u64, published: u64) -> Result<Vec<Node>, Error> {
    let mut nodes = needed_for_root(size);
    nodes.extend(needed_for_consistency(size, published).map_err(damaged)?.nodes());
    Ok(nodes)
}

/// An event by its number or its place in the log.
pub fn place(seq: Option<i64>, index: Option<i64>) -> Result<u64, Error> {
    let index = match (seq, index) {
        (Some(seq), None) => {
            let index = u64::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
            return index.ok_or_else(|| Invalid::new("seq", "must be 1 or more").into());
        }
        (None, Some(index)) => index,
        _ => return Err(Invalid::new("seq", "give either `seq` or `index`").into()),
    };
    u64::try_from(index).map_err(|_| Invalid::new("index", "must be 0 or more").into())
}

/// That the event at `index` is in the published tree of a size (absent: the newest).
pub async fn inclusion(
    app: &App,
    registry: RegistryId,
    index: u64,
    wanted: Option<i64>,
) -> Result<Inclusion, Error> {
    let published = published(app, registry)?;
    let size = size("size", wanted, published.size)?;
    if index >= published.size {
        return Err(beyond("index", index, published.size));
    }
    if index >= size {
        let why = format!("must be larger than the index, which is {index}");
        return Err(Invalid::new("size", why).into());
    }
    let (leaf, plan) = (Node { level: 0, index }, needed_for_inclusion(index, size).map_err(damaged)?);
    let mut nodes = nodes_of_root(size, published.size)?;
    nodes.push(leaf);
    nodes.extend(plan.nodes());
    let tiles = Tiles::fetch(app, registry, &published, &nodes).await?;
    let leaf = tiles.read(&[leaf])?.first().copied().ok_or_else(|| damaged("no leaf"))?;
    let (hashes, root) = (tiles.assemble(&plan)?, tiles.root(size)?);
    verify_inclusion(leaf, index, size, &hashes, root).map_err(damaged)?;
    let whole = size == published.size;
    let text = if whole { Some(text(index, &hashes, &published)?) } else { None };
    Ok(Inclusion { index, size, leaf, hashes, root, text })
}

fn text(index: u64, hashes: &[Hash], published: &Published) -> Result<String, Error> {
    let proof = LogProof::new(None, index, hashes.to_vec(), published.checkpoint.clone());
    proof.map(|proof| proof.to_string()).map_err(damaged)
}

/// The proof of an event whose bytes are given away beside it: they are what was logged.
pub async fn of_entry(app: &App, registry: RegistryId, index: u64, entry: &[u8]) -> Result<String, Error> {
    let proof = inclusion(app, registry, index, None).await?;
    if charter_tlog::hash::leaf(entry) != proof.leaf {
        return Err(damaged(format!("event {} is not what was logged", index + 1)));
    }
    proof.text.ok_or_else(|| Error::new(Code::Internal, "an error of ours; it was logged"))
}

/// That the published tree of `new` leaves (absent: the newest) begins with the one of `old`.
pub async fn consistency(
    app: &App,
    registry: RegistryId,
    old: Option<i64>,
    new: Option<i64>,
) -> Result<Consistency, Error> {
    let published = published(app, registry)?;
    let old = old.ok_or_else(|| Invalid::new("old", "must be given: the smaller size, 1 or more"))?;
    let old = size("old", Some(old), published.size)?;
    let new = size("new", new, published.size)?;
    if old > new {
        return Err(Invalid::new("old", format!("must be no larger than `new`, which is {new}")).into());
    }
    let plan = needed_for_consistency(old, new).map_err(damaged)?;
    let mut nodes = nodes_of_root(old, published.size)?;
    nodes.extend(nodes_of_root(new, published.size)?);
    nodes.extend(plan.nodes());
    let tiles = Tiles::fetch(app, registry, &published, &nodes).await?;
    let (hashes, old_root, new_root) = (tiles.assemble(&plan)?, tiles.root(old)?, tiles.root(new)?);
    verify_consistency(old, old_root, new, new_root, &hashes).map_err(damaged)?;
    Ok(Consistency { old, new, hashes, old_root, new_root })
}
