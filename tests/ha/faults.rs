//! The faults, each as what is done, under load, and what it may cost; and how one of them is carried out and judged.

pub mod probe;

mod around;
mod denial;
mod disk;
mod frozen;
mod heavy;
mod parted;
mod process;
mod reader;
mod restore;
mod rolling;
mod table;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::LocalBoxFuture;
use rand::{SeedableRng as _, rngs::StdRng};
use serde::Serialize;
use tokio::time::Instant;

pub use self::{disk::SMALL, heavy::resident, table::FAULTS};
use crate::{
    check::{self, Violation, gaps},
    history::{Micros, SECOND},
    lab::{Lab, Site},
    load::{Load, Rates, Recorded},
    report::{Limits, Run, milliseconds},
};

/// Connections and caches fill until then; what is late by that is caught up with.
const WARM: Duration = Duration::from_secs(8);
/// Before a fault and after it, so that a gap is not cut off.
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(4);
const WHOLE_WITHIN: Duration = Duration::from_secs(150);
/// Of a thousand writes, how many clients leave before they are answered, in every fault (R11).
const LEFT_ALONE: u32 = 10;

/// These part the sites, or mount a small disk.
pub const NEED_NAMESPACES: [&str; 4] = ["R8", "R9", "R10", "R11"];

/// These begin with sites of their own: a small disk, and no more than what a drill is measured with.
pub const ALONE: [&str; 2] = ["R10", "R12"];

pub type Doing<'a> = LocalBoxFuture<'a, anyhow::Result<()>>;

pub struct Fault {
    pub id: &'static str,
    pub what: &'static str,
    pub limits: Limits,
    pub rates: Rates,
    /// How often it is done in the short set; 0: it is not in it.
    pub short: u32,
    /// How often in the whole set.
    pub all: u32,
    pub act: for<'a> fn(&'a mut Scene) -> Doing<'a>,
}

/// Where a fault is done.
pub struct Scene {
    pub lab: Lab,
    pub load: Load,
    pub random: StdRng,
    pub notes: Vec<String>,
    pub wrong: Vec<Violation>,
    /// Since when gaps count.
    from: Micros,
}

impl Scene {
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub fn wrong(&mut self, text: impl Into<String>) {
        self.wrong.push(Violation::Other(text.into()));
    }

    pub fn demand(&mut self, good: bool, text: &str) {
        if !good {
            self.wrong(text);
        }
    }

    pub async fn leader(&mut self) -> anyhow::Result<Site> {
        let leader = self.lab.leader().await?;
        self.note(format!("the leader was at site {leader}"));
        Ok(leader)
    }

    /// The sites but one.
    pub fn others(site: Site) -> Vec<Site> {
        Site::ALL.into_iter().filter(|other| *other != site).collect()
    }

    pub async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Writes a second from when gaps count until now.
    pub fn acknowledged_each_second(&self) -> f64 {
        let (entries, now) = (self.load.recorder.since(0), self.load.recorder.now());
        let done = entries.iter().filter(|e| e.op.is_write() && e.is_done() && e.completed >= self.from);
        done.count() as f64 * SECOND as f64 / now.saturating_sub(self.from).max(1) as f64
    }

    /// Waits until a write is acknowledged that was sent after now.
    pub async fn until_written(&self, within: Duration) -> anyhow::Result<()> {
        let (mark, end) = (self.load.recorder.now(), Instant::now() + within);
        let mut place = self.load.recorder.since(0).len();
        while Instant::now() < end {
            let new = self.load.recorder.since(place);
            if new.iter().any(|e| e.op.is_write() && e.is_done() && e.invoked >= mark) {
                return Ok(());
            }
            place += new.len();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no write was acknowledged within {} s", within.as_secs())
    }
}

/// How a fault is carried out once.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Its number in the laboratory.
    pub run: u32,
    pub seed: u64,
    /// How long the load lasts at least.
    pub at_least: Duration,
    /// Of the usual load.
    pub per_cent: u32,
}

/// Does a fault once, and judges what became of it. The error is that the laboratory does not become whole again.
pub async fn play(mut lab: Lab, fault: &Fault, how: How) -> anyhow::Result<(Lab, Run)> {
    let (begun, How { run, seed, at_least, per_cent }) = (Instant::now(), how);
    let mut figures = Run { fault: fault.id, seed, ..Run::default() };
    lab.whole(WHOLE_WITHIN).await.with_context(|| format!("before {}", fault.id))?;
    let load = Load::start(&lab, run, fault.rates.part(per_cent)).await?;
    load.left_alone.store(LEFT_ALONE, std::sync::atomic::Ordering::Relaxed);
    let (notes, wrong, random) = (Vec::new(), Vec::new(), StdRng::seed_from_u64(seed));
    tokio::time::sleep(WARM).await;
    let from = load.recorder.now();
    let mut scene = Scene { lab, load, random, notes, wrong, from };
    tokio::time::sleep(BEFORE).await;
    if let Err(error) = (fault.act)(&mut scene).await {
        figures.broken = Some(format!("{error:#}"));
    }
    tokio::time::sleep(AFTER.max(at_least.saturating_sub(begun.elapsed()))).await;
    let Scene { mut lab, load, notes, mut wrong, from, .. } = scene;
    wrong.extend(lab.ended().into_iter().map(Violation::Other));
    let span = (from, load.recorder.now());
    figures.notes = notes;
    figures.blame(&wrong);
    // Healed before the clients end, who would try a minute for nothing else.
    let healed = lab.whole(WHOLE_WITHIN).await;
    let recorded = load.stop().await?;
    measure(&mut figures, &recorded, span);
    if let Err(error) = healed {
        figures.violations.push(format!("under load: {error:#}"));
        lab.whole(WHOLE_WITHIN).await.with_context(|| format!("after {}", fault.id))?;
    }
    judge(&mut figures, &lab, &recorded, &fault.limits).await?;
    Ok((lab, figures))
}

/// Gaps and latencies from the beginning of the load until the fault was over.
pub fn measure(figures: &mut Run, recorded: &Recorded, span: (Micros, Micros)) {
    let entries = &recorded.entries;
    let (writes, reads): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.op.is_write());
    let done = |all: &[&crate::history::Entry]| all.iter().filter(|e| e.is_done()).count() as u64;
    (figures.writes, figures.reads) = (done(&writes), done(&reads));
    figures.read_errors = reads.len() as u64 - figures.reads;
    let unknown = writes.iter().filter(|e| e.outcome == crate::history::Outcome::Unknown);
    figures.unknown = unknown.count() as u64;
    let gap = |write| gaps::longest(gaps::done(entries, move |e| e.op.is_write() == write), span);
    (figures.write_gap, figures.read_gap) = (milliseconds(gap(true)), milliseconds(gap(false)));
    figures.read_p50 = gaps::latency(entries, 500, span) as f64 / 1e3;
    figures.read_p99 = gaps::latency(entries, 990, span) as f64 / 1e3;
    figures.troubles = recorded.recorder.troubles();
    if recorded.recorder.skipped() > 0 {
        figures
            .notes
            .push(format!("{} operations were not sent, being too late", recorded.recorder.skipped()));
    }
}

/// Compares the history with what is recorded.
pub async fn judge(figures: &mut Run, lab: &Lab, recorded: &Recorded, limits: &Limits) -> anyhow::Result<()> {
    ensure!(figures.writes > 0 || recorded.entries.is_empty(), "no write was acknowledged");
    let (found, wrong) = check::found::read(lab, recorded).await?;
    figures.blame(&wrong);
    figures.blame(&check::judge(&recorded.entries, &found, &recorded.seen));
    if !figures.missed(limits).is_empty() {
        keep(figures, recorded, &found)?;
    }
    Ok(())
}

/// The history of a run that missed something, and the events of its operations, for whoever looks into it.
fn keep(figures: &mut Run, recorded: &Recorded, found: &check::Found) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Kept<'a> {
        history: &'a [crate::history::Entry],
        events: &'a std::collections::BTreeMap<u32, Vec<i64>>,
    }
    let name = format!("{}-{}.json", figures.fault, recorded.run);
    let kept = Kept { history: &recorded.entries, events: &found.events };
    let path = crate::report::write_as(&name, &kept)?;
    figures.notes.push(format!("its history is in {}", path.display()));
    Ok(())
}
