//! What a drill found, for people and as JSON.

use std::{fmt, time::Instant};

use charter_domain::{AuthorityId, Timestamp};
use serde::Serialize;

use super::Restore;

/// One step and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub name: &'static str,
    /// Milliseconds.
    pub took_ms: u64,
    pub found: String,
    pub good: bool,
}

/// Steps as they are done.
pub struct Steps {
    began: Instant,
    last: Instant,
    all: Vec<Step>,
}

impl Steps {
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, last: now, all: Vec::new() }
    }

    pub fn done(&mut self, name: &'static str, found: String) {
        self.judged(name, found, true);
    }

    /// Says it on standard error too: a restore takes its time.
    pub fn judged(&mut self, name: &'static str, found: String, good: bool) {
        let now = Instant::now();
        eprintln!("{name}: {found}");
        self.all.push(Step { name, took_ms: millis(self.last, now), found, good });
        self.last = now;
    }
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

/// One registry in the restored database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovered {
    pub authority: AuthorityId,
    /// In the database, after a refill where there was one.
    pub events: u64,
    /// When the newest event that the backup has was recorded.
    pub recorded_until: Option<Timestamp>,
    /// Entries that were published, as far as anybody remembers.
    pub published: u64,
    /// Who remembers how many.
    pub remembered: Vec<String>,
    /// Who could not be asked, and why.
    pub silent: Vec<String>,
    /// Published entries that the backup lacks.
    pub missing: u64,
    pub verdict: String,
    /// It could go on, now or after a refill.
    pub whole: bool,
}

/// The whole drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub stanza: String,
    pub to: Option<Timestamp>,
    pub began_at: Timestamp,
    /// How far the archive was replayed.
    pub reached: &'static str,
    pub restored_bytes: u64,
    /// From the newest event that came back to the loss (`to`, else the beginning of the drill), in milliseconds: at
    /// least as long as what was really lost. None where no event came back.
    pub rpo_ms: Option<u64>,
    /// Published events that were missing.
    pub rpo_events: u64,
    /// From the beginning until the restored registries could answer, in milliseconds.
    pub rto_ms: u64,
    pub steps: Vec<Step>,
    pub registries: Vec<Recovered>,
}

impl Report {
    pub fn new(
        wish: &Restore,
        began_at: Timestamp,
        (reached, restored_bytes): (&'static str, u64),
        steps: Steps,
        registries: Vec<Recovered>,
    ) -> Self {
        let lost_at = wish.to.unwrap_or(began_at);
        let newest = registries.iter().filter_map(|one| one.recorded_until).max();
        let lost = newest.map(|newest| u64::try_from(lost_at.since(newest).as_millis()).unwrap_or(u64::MAX));
        Self {
            stanza: wish.stanza.clone(),
            to: wish.to,
            began_at,
            reached,
            restored_bytes,
            rpo_ms: lost,
            rpo_events: registries.iter().map(|one| one.missing).sum(),
            rto_ms: millis(steps.began, steps.last),
            steps: steps.all,
            registries,
        }
    }

    /// Every step was good, and every registry could go on.
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.good) && self.registries.iter().all(|one| one.whole)
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "drill of stanza `{}`, begun {}", self.stanza, self.began_at)?;
        match self.to {
            Some(to) => writeln!(f, "restored to {to}: {}", self.reached)?,
            None => writeln!(f, "restored: {}", self.reached)?,
        }
        writeln!(f)?;
        for step in &self.steps {
            let mark = if step.good { "ok " } else { "BAD" };
            writeln!(f, "  {mark} {:>12}  {}: {}", seconds(step.took_ms), step.name, step.found)?;
        }
        writeln!(f)?;
        for one in &self.registries {
            let until = one.recorded_until.map_or_else(|| "none".to_owned(), |at| at.to_string());
            writeln!(
                f,
                "{}: {} events, the newest of the backup {until}; {} published ({})",
                one.authority,
                one.events,
                one.published,
                one.remembered.join(", ")
            )?;
            for silent in &one.silent {
                writeln!(f, "  could not tell: {silent}")?;
            }
        }
        let lost = self.rpo_ms.map_or_else(|| "no event came back".to_owned(), seconds);
        writeln!(f, "RPO: {lost}, {} published events", self.rpo_events)?;
        writeln!(f, "RTO: {}, {} bytes", seconds(self.rto_ms), self.restored_bytes)?;
        writeln!(f, "{}", if self.is_good() { "good" } else { "NOT GOOD: see the steps marked BAD" })
    }
}
