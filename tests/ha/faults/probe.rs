//! Writes at every node of the database by itself: at most one of them may acknowledge within a second, and what it
//! acknowledged is there in the end.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::timeout};
use tokio_postgres::Client;

use crate::{
    check::{Violation, found::connect},
    lab::{Lab, Site},
};

const TABLE: &str = "create table if not exists ha_probe (run int, site text, n bigint)";
const WRITE: &str = "insert into ha_probe values ($1, $2, $3)";
const READ: &str = "select site, n from ha_probe where run = $1";
const EVERY: Duration = Duration::from_millis(50);
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// No two nodes acknowledge within this.
const APART: Duration = Duration::from_secs(1);

/// A write that a node acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    site: Site,
    number: i64,
    at: Instant,
}

/// Writing at all nodes until it is asked what it found.
pub struct Probe {
    run: i32,
    over: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Acknowledged>>,
}

impl Probe {
    pub async fn start(lab: &Lab, run: u32) -> anyhow::Result<Self> {
        connect(&lab.node_url(lab.leader().await?)).await?.batch_execute(TABLE).await?;
        let mut probe = Self { run: i32::try_from(run)?, over: Arc::default(), tasks: JoinSet::new() };
        for site in Site::ALL {
            let (url, over, run) = (lab.node_url(site), Arc::clone(&probe.over), probe.run);
            probe.tasks.spawn(async move { write(&url, site, run, &over).await });
        }
        Ok(probe)
    }

    /// What must not be, once the laboratory is whole again.
    pub async fn stop(mut self, lab: &Lab) -> anyhow::Result<Vec<Violation>> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(acknowledged) = self.tasks.join_next().await {
            all.extend(acknowledged?);
        }
        let client = connect(&lab.node_url(lab.leader().await?)).await?;
        let mut there = BTreeSet::new();
        for row in client.query(READ, &[&self.run]).await? {
            there.insert((row.try_get::<_, String>(0)?, row.try_get::<_, i64>(1)?));
        }
        let lost = all.iter().filter(|one| !there.contains(&(one.site.to_string(), one.number))).count();
        let mut wrong = together(all);
        if lost > 0 {
            wrong
                .push(Violation::Other(format!("{lost} writes that a node acknowledged by itself are lost")));
        }
        Ok(wrong)
    }
}

async fn write(url: &str, site: Site, run: i32, over: &AtomicBool) -> Vec<Acknowledged> {
    let (mut client, mut all): (Option<Client>, _) = (None, Vec::new());
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        if client.is_none() {
            client = connect(url).await.ok();
        }
        if let Some(there) = &client {
            let named = site.to_string();
            let done = timeout(ANSWERED_WITHIN, there.execute(WRITE, &[&run, &named, &number])).await;
            if matches!(done, Ok(Ok(_))) {
                all.push(Acknowledged { site, number, at: Instant::now() });
            } else {
                // It stands by, or has gone, or is frozen: what it says later is for nobody.
                client = None;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    all
}

/// Two nodes that acknowledged at about the same time.
fn together(mut all: Vec<Acknowledged>) -> Vec<Violation> {
    all.sort_by_key(|one| one.at);
    let pairs = all.windows(2).filter(|pair| pair[0].site != pair[1].site && pair[1].at - pair[0].at < APART);
    let words = |pair: &[Acknowledged]| {
        let apart = (pair[1].at - pair[0].at).as_millis();
        Violation::Other(format!(
            "two writers: {} and {} acknowledged within {apart} ms",
            pair[0].site, pair[1].site
        ))
    };
    pairs.map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_that_acknowledge_within_a_second_are_found() {
        let begun = Instant::now();
        let at = |site, millis| Acknowledged { site, number: 0, at: begun + Duration::from_millis(millis) };
        assert_eq!(together(vec![at(Site::A, 0), at(Site::A, 10), at(Site::B, 1_010)]), []);
        assert_eq!(together(vec![at(Site::B, 1_009), at(Site::A, 0), at(Site::A, 10)]).len(), 1);
        assert_eq!(together(vec![at(Site::A, 0), at(Site::B, 1), at(Site::A, 2)]).len(), 2);
    }
}
