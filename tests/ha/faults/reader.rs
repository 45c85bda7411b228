//! R18: entities are suspended while everybody is asked about; one server stands still again and again in the middle of its
//! answers, and the clock of another is behind. That nobody is told yes too late is for the checker.

use std::time::Duration;

use tokio::time::Instant;

use super::{Doing, Scene};
use crate::{
    history::{Entry, Micros, Op},
    lab::Start,
};

const FROZEN: &str = "a2";
const FOR_SECONDS: u64 = 10;
/// Behind by less than what makes a server say that its clock cannot be right.
const BEHIND: (&str, &str) = ("b2", "-30s");
/// Suspensions that are acknowledged meanwhile: of the usual load in 100 s.
const SUSPENDED: usize = 1_000;
const AT_MOST: Duration = Duration::from_secs(150);
const ACKNOWLEDGED_WITHIN: Micros = 2_500_000;

fn suspensions(scene: &Scene, since: Micros) -> Vec<Entry> {
    let mut entries = scene.load.recorder.since(0);
    entries.retain(|e| e.invoked >= since && e.is_done() && matches!(e.op, Op::Set { active: false, .. }));
    entries
}

pub fn frozen(scene: &mut Scene) -> Doing<'_> {
    Box::pin(async move {
        let (behind, by) = BEHIND;
        scene.lab.stop_server(behind).await?;
        scene.lab.start_server_as(behind, &Start::shifted(by)?).await?;
        let (since, end) = (scene.load.recorder.now(), Instant::now() + AT_MOST);
        while suspensions(scene, since).len() < SUSPENDED && Instant::now() < end {
            scene.lab.freeze_server(FROZEN);
            scene.wait(FOR_SECONDS).await;
            scene.lab.thaw_server(FROZEN);
            scene.wait(3).await;
        }
        let mut took: Vec<Micros> =
            suspensions(scene, since).iter().map(|e| e.completed.saturating_sub(e.invoked)).collect();
        took.sort_unstable();
        let p99 = took.get(took.len() * 99 / 100).copied();
        scene.note(format!("{} suspensions acknowledged, P99 {} ms", took.len(), p99.unwrap_or(0) / 1_000));
        scene.demand(
            p99.is_some_and(|p99| p99 < ACKNOWLEDGED_WITHIN),
            "the P99 of suspensions is not below 2.5 s",
        );
        scene.lab.restart_server(behind).await?;
        Ok(())
    })
}
