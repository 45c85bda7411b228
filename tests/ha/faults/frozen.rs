//! R3: the whole node of the primary stands still for half a minute, and goes on as if it were still the primary.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::Instant;

use super::{Doing, Scene, probe::Probe};

/// Longer than Patroni's `ttl`: another has taken over.
const FROZEN: Duration = Duration::from_secs(30);
/// The freeze falls at any point of Patroni's loop (`loop_wait` 1 s).
const WITHIN_MILLIS: u64 = 2_000;
const BACK_WITHIN: Duration = Duration::from_secs(60);

pub fn node(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let probe = Probe::start(&scene.lab, scene.load.run).await?;
        let leader = scene.leader().await?;
        let pause = scene.random.random_range(0..WITHIN_MILLIS);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        scene.lab.freeze_node(leader);
        let thaws = Instant::now() + FROZEN;
        let next = scene.lab.wait_leader(Some(leader), Duration::from_secs(60)).await;
        tokio::time::sleep_until(thaws).await;
        scene.lab.thaw_node(leader);
        let thawed = Instant::now();
        scene.note(format!("frozen after {pause} ms; site {} took over", next?));
        scene.until_written(Duration::from_secs(30)).await?;
        scene.lab.whole(Duration::from_secs(120)).await?;
        scene.note(format!(
            "the old primary was back {:.1} s after it went on",
            thawed.elapsed().as_secs_f64()
        ));
        scene.demand(thawed.elapsed() < BACK_WITHIN, "the old primary was not back within 60 s");
        let wrong = probe.stop(&scene.lab).await?;
        scene.wrong.extend(wrong);
        Ok(())
    })
}
