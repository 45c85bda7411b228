//! `charter log proof`: that an event is in a log, as a file that verifies without a connection (C2SP tlog-proof).

use charter_tlog::{
    Hash,
    log_proof::LogProof,
    proof::{needed_for_inclusion, verify_inclusion},
    tile::{Level, TilePath, TileSet, WIDTH, tiles_of},
};
use futures::future::try_join_all;

use crate::{
    args::{Connection, ProofOf},
    exit::{Exit, Failure},
    log::{Believed, Seen, Source, events::Run},
    output,
};

pub async fn run(to: &Connection, args: ProofOf) -> Result<Exit, Failure> {
    let believed = Believed::open(to, &args.source).await?;
    let seen = believed.checkpoint(None).await?;
    let (index, size) = (args.seq - 1, seen.size());
    if index >= size {
        let text = format!("event {} is not in the log: it has {size} entries so far", args.seq);
        return Err(Failure::new(Exit::Unknown, text));
    }
    let leaf = leaf(&believed.source, index, size).await?;
    let hashes = hashes(&believed.source, index, &seen).await?;
    verify_inclusion(leaf, index, size, &hashes, seen.signed.checkpoint().root())
        .map_err(|e| wrong(format!("the log's tiles do not prove event {}: {e}", args.seq)))?;
    let proof = LogProof::new(None, index, hashes, seen.signed).map_err(|e| wrong(e.to_string()))?;
    let text = proof.to_string();
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).map_err(|e| {
                Failure::new(Exit::Unexpected, format!("cannot write `{}`: {e}", path.display()))
            })?;
            output::note(&format!("event {} of {size}: proven in `{}`", args.seq, path.display()));
        }
        None => drop(output::bytes(text.as_bytes())?),
    }
    Ok(Exit::Ok)
}

/// Hash of the event, which is fetched and must have its number.
async fn leaf(source: &Source, index: u64, size: u64) -> Result<Hash, Failure> {
    let (bundle, place) = (index / u64::from(WIDTH), index % u64::from(WIDTH));
    let width = (size - bundle * u64::from(WIDTH)).min(u64::from(WIDTH));
    let path = TilePath::new(Level::Entries, bundle, u16::try_from(width).unwrap_or(WIDTH))
        .map_err(|e| wrong(e.to_string()))?;
    let entries = source.bundle(path).await?;
    let entry = usize::try_from(place).ok().and_then(|place| entries.into_iter().nth(place));
    let run = Run::of(index, entry.as_slice()).map_err(wrong)?;
    run.leaves.first().copied().ok_or_else(|| wrong(format!("`{path}` is too short")))
}

async fn hashes(source: &Source, index: u64, seen: &Seen) -> Result<Vec<Hash>, Failure> {
    let size = seen.size();
    let plan = needed_for_inclusion(index, size).map_err(|e| wrong(e.to_string()))?;
    let paths = tiles_of(plan.nodes(), size).map_err(|e| wrong(e.to_string()))?;
    let mut set = TileSet::new(size);
    for tile in try_join_all(paths.into_iter().map(|path| source.tile(path))).await? {
        set.insert(tile);
    }
    plan.read(&set).map_err(|e| wrong(e.to_string()))
}

fn wrong(what: String) -> Failure {
    Failure::new(Exit::CannotVerify, what)
}
