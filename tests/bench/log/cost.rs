//! What the log adds to a write: two servers alike, one of which puts its events into a tree, written to in turn.
//!
//! The disk's speed changes from second to second, more than what is looked for. So the turns are short, each is
//! compared with its neighbour alone, and who comes first changes. Between turns nothing is written until what the last
//! one wrote is published, so that no turn pays for its neighbour.

use std::time::{Duration, Instant};

use super::written;
use crate::site::{Server, Site};

/// Pairs of turns in a round.
const PAIRS: u32 = 12;
/// Writes of a turn: several batches of the sequencer.
const WRITES: u32 = 60;
/// More than a batch and its publication take.
const REST: Duration = Duration::from_millis(600);

/// For each pair, how much longer a write took with the log (0.1 is a tenth), and the writes a second with it.
pub async fn pairs(
    site: &Site,
    [logged, plain]: [&Server; 2],
    round: u32,
) -> anyhow::Result<Vec<(f64, f64)>> {
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let name = format!("c{round}-{pair}");
        let (with, without);
        if pair % 2 == 0 {
            with = turn(site, logged, &name).await?;
            without = turn(site, plain, &name).await?;
        } else {
            without = turn(site, plain, &name).await?;
            with = turn(site, logged, &name).await?;
        }
        pairs.push((with / without - 1.0, f64::from(WRITES) / with));
    }
    Ok(pairs)
}

/// Seconds that one client's writes took, each sent after the answer to the one before.
async fn turn(site: &Site, server: &Server, name: &str) -> anyhow::Result<f64> {
    let identifiers: Vec<_> = (0..WRITES).map(|n| format!("did:web:{name}-{n}.example")).collect();
    tokio::time::sleep(REST).await;
    let began = Instant::now();
    written::write(site, server, &identifiers).await?;
    Ok(began.elapsed().as_secs_f64())
}
