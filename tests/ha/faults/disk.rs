//! R10: no space is left on the disk of a node.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::{Doing, Scene};
use crate::lab::Site;

/// The site whose node has the small disk.
pub const SMALL: Site = Site::A;
const WELL_WITHIN: Duration = Duration::from_secs(60);

pub fn full(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        if scene.leader().await? != SMALL {
            scene.lab.switchover(Some(SMALL)).await?;
            scene.until_written(Duration::from_secs(30)).await?;
        }
        scene.lab.fill_disk()?;
        scene.wait(20).await;
        scene.lab.free_disk()?;
        let freed = Instant::now();
        scene.until_written(WELL_WITHIN).await?;
        scene.note(format!("written {:.1} s after space was there", freed.elapsed().as_secs_f64()));
        scene.lab.whole(Duration::from_secs(120)).await?;
        let took = freed.elapsed();
        scene.note(format!("whole {:.1} s after space was there", took.as_secs_f64()));
        scene.demand(took < WELL_WITHIN, "the node with the full disk was not back within 60 s");
        scene.lab.amcheck(SMALL).await.context("after the disk was full")?;
        scene.note("pg_amcheck found nothing");
        Ok(())
    })
}
