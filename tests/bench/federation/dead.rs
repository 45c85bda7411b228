//! A root with two branches that may both speak for every question: one falls silent, and the other's answers wait for it
//! or not.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use charter_domain::time::Clock;
use charter_server::clock::WallClock;
use charter_tests::wire::Wire;
use serde_json::{Value, json};

use super::stack::{Level, Stack};
use crate::{
    Pace,
    client::Connection,
    load,
    process::stop,
    question::{ACTION, DEGREE, entity},
    report::Samples,
    site::Site,
};

const LEVELS: [Level; 3] = [
    ("dead_root", ROOT, "root", None),
    ("dead_other", OTHER, "other", Some(0)),
    ("dead_silent", "did:web:silent.dead.example", "silent", Some(0)),
];
const ROOT: &str = "did:web:root.dead.example";
const OTHER: &str = "did:web:other.dead.example";
const ENTITIES: usize = 100;
/// An answer that took longer has waited for somebody.
const WAITED: Duration = Duration::from_millis(50);
/// By then the root has found out, and the roster that the silent one told no longer spares it questions.
const FOUND_OUT: Duration = Duration::from_secs(5);
/// Long enough for the silent one to be tried again several times.
const LASTING: Duration = Duration::from_secs(20);

/// What was counted over all rounds.
#[derive(Default)]
struct Count {
    asked: u32,
    waited: u32,
    /// While it was found out.
    before: u32,
    longest: Duration,
}

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let stack = Stack::prepare(site, &LEVELS, "")?;
    let mut endpoints = stack.addresses();
    let wire = Wire::to(endpoints[2]).await;
    endpoints[2] = wire.address;
    let running = stack.start().await?;
    let records = [(OTHER.to_owned(), load::synthetic(ENTITIES))].into();
    load::records(site, stack.server(1)?, records).await?;
    stack.delegate(&endpoints).await?;
    stop(running).await;
    let mut count = Count::default();
    for round in 1..=pace.rounds {
        println!("one of two branches dead, round {round} of {}", pace.rounds);
        let running = stack.start().await?;
        let root = running.first().context("a root")?.address;
        let mut connection = Connection::open(root).await?;
        for n in 0..ENTITIES {
            asks(&mut connection, n).await?;
        }
        wire.silence();
        counts(&mut connection, &mut count).await?;
        wire.mend();
        stop(running).await;
    }
    samples.add("dead_waits", count.waited.into());
    samples.add("dead_asked", count.asked.into());
    samples.add("dead_before", count.before.into());
    samples.add("dead_longest", count.longest.as_secs_f64() * 1e3);
    Ok(())
}

async fn counts(connection: &mut Connection, count: &mut Count) -> anyhow::Result<()> {
    let silent = Instant::now();
    for n in 0.. {
        let begun = silent.elapsed();
        if begun > LASTING {
            break;
        }
        let took = asks(connection, n % ENTITIES).await?;
        let waited = u32::from(took > WAITED);
        if begun < FOUND_OUT {
            count.before += waited;
            continue;
        }
        count.asked += 1;
        count.waited += waited;
        count.longest = count.longest.max(took);
    }
    Ok(())
}

/// How long a right answer takes: in turn of the root, for which both may speak, and of the other branch by name.
async fn asks(connection: &mut Connection, n: usize) -> anyhow::Result<Duration> {
    let authority = if n.is_multiple_of(2) { ROOT } else { OTHER };
    // With a time nothing is kept: each is looked up anew.
    let now = WallClock.now().to_string();
    let body = json!({
        "entity_id": entity(n), "authority_id": authority, "action": ACTION, "resource": DEGREE,
        "context": { "time": now },
    });
    let begun = Instant::now();
    let (status, answer) = connection.post("/authorization", Bytes::from(body.to_string())).await?;
    let took = begun.elapsed();
    let said: Value = serde_json::from_slice(&answer)?;
    let right = status == 200 && said["authorized"] == true && said["meta"]["decided_by"] == OTHER;
    ensure!(right, "{status} {said}");
    Ok(took)
}
