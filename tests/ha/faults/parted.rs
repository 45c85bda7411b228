//! Sites that cannot reach each other, or not the deciders; clients reach all of them.

use std::{sync::atomic::Ordering, time::Duration};

use super::{Doing, Scene, probe::Probe};
use crate::lab::Site;

const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(60);
/// Of a thousand writes, how many clients leave in R11: ten times what they do always.
const LEFT_ALONE: u32 = 100;

/// R7: two of three members of etcd stand still for a minute.
pub fn etcd(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let leader = scene.leader().await?;
        let two: Vec<Site> = Scene::others(leader);
        scene.lab.freeze_etcd(&two);
        scene.wait(60).await;
        scene.lab.thaw_etcd(&two);
        scene.until_written(Duration::from_secs(30)).await?;
        scene.wait(5).await;
        Ok(())
    })
}

/// R8: the primary is cut off from the two others.
pub fn primary(scene: &mut Scene) -> Doing<'_> {
    Box::pin(parted(scene, cut, true))
}

/// R9: the primary reaches the standbys, and no etcd but its own. It may go on, as long as they say that it leads.
pub fn from_etcd(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let cut = |scene: &Scene, site: Site, others: &[Site]| scene.lab.cut_etcd_only(site, others);
        parted(scene, cut, false).await
    })
}

/// R11: as R8, while many clients leave before they are answered.
pub fn leaving(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        scene.load.left_alone.store(LEFT_ALONE, Ordering::Relaxed);
        parted(scene, cut, true).await
    })
}

fn cut(scene: &Scene, site: Site, others: &[Site]) -> anyhow::Result<()> {
    scene.lab.cut(site, others)
}

async fn parted(
    scene: &mut Scene,
    cut: impl Fn(&Scene, Site, &[Site]) -> anyhow::Result<()>,
    taken_over: bool,
) -> anyhow::Result<()> {
    let probe = Probe::start(&scene.lab, scene.load.run).await?;
    let leader = scene.leader().await?;
    cut(scene, leader, &Scene::others(leader))?;
    let next = scene.lab.wait_leader(Some(leader), TAKEN_OVER_WITHIN).await;
    let written = scene.until_written(Duration::from_secs(30)).await;
    scene.wait(5).await;
    scene.lab.join()?;
    match next {
        Err(error) if taken_over => return Err(error),
        Err(_) => scene.note("it went on as the leader"),
        Ok(site) => scene.note(format!("site {site} took over")),
    }
    written?;
    scene.lab.whole(Duration::from_secs(120)).await?;
    let wrong = probe.stop(&scene.lab).await?;
    scene.wrong.extend(wrong);
    Ok(())
}
