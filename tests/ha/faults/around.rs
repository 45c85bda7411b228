//! What the servers stand on besides the database: the witness, Redis, their clock.

use std::time::Duration;

use charter_tlog::checkpoint::SignedCheckpoint;
use tokio::time::Instant;

use super::{Doing, Scene};
use crate::lab::{Site, Start};

/// The server whose clock is wrong.
const SHIFTED: &str = "b2";
const PUBLISHED_WITHIN: Duration = Duration::from_secs(5);
/// How old what is not published may be before a server says so.
const ALARM_SECONDS: f64 = 5.0;

/// Size of the largest checkpoint that a server shows now.
async fn published(scene: &Scene) -> u64 {
    let mut largest = 0;
    for server in 0..scene.load.endpoints.len() {
        let text = scene.load.endpoints.checkpoint(server).await.unwrap_or_default();
        let size = SignedCheckpoint::parse(text.as_bytes()).map_or(0, |signed| signed.checkpoint().size());
        largest = largest.max(size);
    }
    largest
}

/// Whether a server says that events wait for being published.
async fn alarmed(scene: &Scene) -> bool {
    for server in 0..scene.load.endpoints.len() {
        let Some(reply) = scene.load.endpoints.get(server, "/metrics").await else { continue };
        let text = reply.text();
        let lines = text.lines().filter(|line| line.starts_with("charter_log_unpublished_seconds"));
        let mut values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        if values.any(|seconds| seconds >= ALARM_SECONDS) {
            return true;
        }
    }
    false
}

/// R16: the only witness of the quorum stands still: nothing is published, all else goes on.
pub fn witness(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let witness = scene.lab.witness()?;
        witness.freeze();
        scene.wait(3).await;
        let before = published(scene).await;
        scene.wait(8).await;
        let (after, alarmed) = (published(scene).await, alarmed(scene).await);
        witness.thaw();
        let thawed = Instant::now();
        scene.demand(before == after, "something was published without the witness");
        scene.demand(alarmed, "no server says that events wait to be published");
        while published(scene).await <= after && thawed.elapsed() < 2 * PUBLISHED_WITHIN {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let took = thawed.elapsed();
        scene.note(format!("published again {:.1} s after the witness went on", took.as_secs_f64()));
        scene.demand(took < PUBLISHED_WITHIN, "the log was not published within 5 s of the witness' return");
        Ok(())
    })
}

/// R17: Redis frozen, full, written to by a stranger, emptied and killed, at both sites.
pub fn redis(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let sites = [Site::A, Site::B];
        for site in sites {
            scene.lab.freeze_redis(site);
        }
        scene.wait(4).await;
        for site in sites {
            scene.lab.thaw_redis(site);
            let url = scene.lab.redis(site)?.url;
            scene.note(format!("{} values at site {site} were poisoned", poisoned(&url).await?));
        }
        scene.wait(2).await;
        for site in sites {
            let url = scene.lab.redis(site)?.url;
            full(&url).await?;
        }
        scene.wait(2).await;
        for site in sites {
            scene.lab.kill_redis(site);
        }
        scene.wait(4).await;
        Ok(())
    })
}

async fn connected(url: &str) -> anyhow::Result<redis::aio::MultiplexedConnection> {
    Ok(redis::Client::open(url)?.get_multiplexed_async_connection().await?)
}

/// Puts one key's value under every other: the right form, and wrong. How many.
async fn poisoned(url: &str) -> anyhow::Result<usize> {
    let mut connection = connected(url).await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
    let Some(first) = keys.first() else { return Ok(0) };
    let value: Vec<u8> = redis::cmd("GET").arg(first).query_async(&mut connection).await?;
    for key in &keys {
        redis::cmd("SET").arg(key).arg(value.as_slice()).exec_async(&mut connection).await?;
    }
    Ok(keys.len())
}

/// Empties it, and lets it take nothing any more.
async fn full(url: &str) -> anyhow::Result<()> {
    let mut connection = connected(url).await?;
    redis::cmd("FLUSHALL").exec_async(&mut connection).await?;
    for (name, value) in [("maxmemory-policy", "noeviction"), ("maxmemory", "1mb")] {
        redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(&mut connection).await?;
    }
    Ok(())
}

/// R27: the clock of one server is an hour ahead, then an hour behind.
pub fn clock(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        for by in ["+1h", "-1h"] {
            scene.lab.stop_server(SHIFTED).await?;
            let started = scene.lab.start_server_as(SHIFTED, &Start::shifted(by)?).await;
            match started {
                Ok(()) => scene.wait(10).await,
                // It may say that its clock cannot be right.
                Err(error) => scene.note(format!("with {by}: {error:#}")),
            }
        }
        scene.lab.restart_server(SHIFTED).await?;
        scene.wait(5).await;
        Ok(())
    })
}
