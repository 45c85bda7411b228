//! Processes that die, that are stopped, and that hand over as planned.

use std::time::Duration;

use super::{Doing, Scene, probe::Probe};
use crate::lab::Site;

/// Of the writes that are due, those acknowledged: some are under way.
const SUSTAINED: f64 = 0.98;

/// What the others are compared with.
pub fn nothing(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        scene.wait(20).await;
        let rate = scene.acknowledged_each_second();
        scene.note(format!("{rate:.0} writes were acknowledged a second"));
        let enough = f64::from(scene.load.rates.writes) * SUSTAINED;
        scene.demand(rate >= enough, "not as many writes were acknowledged as were asked for");
        Ok(())
    })
}

/// R1: the primary's Postgres dies.
pub fn postmaster(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.leader().await?;
        scene.lab.kill_postmaster(leader);
        scene.until_written(Duration::from_secs(30)).await?;
        scene.wait(5).await;
        Ok(())
    })
}

/// R2: the primary's node dies, Patroni and Postgres.
pub fn node(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.leader().await?;
        scene.lab.kill_node(leader);
        let next = scene.lab.wait_leader(Some(leader), Duration::from_secs(60)).await?;
        scene.note(format!("site {next} took over"));
        scene.until_written(Duration::from_secs(30)).await
    })
}

/// R4: Patroni of the primary stands still, its Postgres runs: nobody stops it when another is promoted but the standbys,
/// who no longer confirm what it writes.
pub fn patroni(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let probe = Probe::start(&scene.lab, scene.load.run).await?;
        let leader = scene.leader().await?;
        scene.lab.freeze_patroni(leader);
        scene.wait(30).await;
        scene.lab.thaw_patroni(leader);
        scene.until_written(Duration::from_secs(60)).await?;
        scene.lab.whole(Duration::from_secs(120)).await?;
        let wrong = probe.stop(&scene.lab).await?;
        scene.wrong.extend(wrong);
        Ok(())
    })
}

/// R5: a planned switchover.
pub fn switchover(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.leader().await?;
        // Who is not named takes over sooner: see `charterd standby switchover`.
        let to = if leader == Site::A { Site::B } else { Site::A };
        scene.lab.switchover(None).await?;
        let leads = scene.leader().await?;
        scene.demand(leads == to, "another took over than the one with the highest priority");
        scene.until_written(Duration::from_secs(30)).await?;
        scene.wait(3).await;
        Ok(())
    })
}

/// R6: one of the two standbys dies.
pub fn standby(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.leader().await?;
        let gone = if leader == Site::B { Site::A } else { Site::B };
        scene.lab.kill_node(gone);
        scene.wait(10).await;
        scene.until_written(Duration::from_secs(30)).await
    })
}
