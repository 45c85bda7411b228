//! Four levels: what a kept answer costs at the top, what a first one takes, and how soon a revocation at the bottom is
//! seen there by the feeds, and without any.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;

use super::stack::{Level, Stack};
use crate::{
    Pace,
    client::{ask_all, firsts, p99},
    load,
    process::{Process, stop},
    question::{Asking, Question, sequence},
    report::Samples,
    site::{Server, Site},
    tools::{Done, Tools},
};

/// From the top down.
const LEVELS: [Level; 4] = [
    ("level_root", ROOT, "root", None),
    ("level_nation", "did:web:nation.levels.example", "nation", Some(0)),
    ("level_sector", "did:web:sector.levels.example", "sector", Some(1)),
    ("level_office", OFFICE, "office", Some(2)),
];
const ROOT: &str = "did:web:root.levels.example";
const OFFICE: &str = "did:web:office.sector.levels.example";
/// Entities that are asked about again and again; those after them are revoked.
const ENTITIES: usize = 1_000;
/// Figures measured in turn, so often in each round.
const ALTERNATIONS: usize = 3;

/// The same processes without a place for watchers: their superiors must poll.
const UNFED: &str = "max_watchers = 0\n";

struct Levels<'a> {
    site: &'a Site,
    tools: &'a Tools,
    pace: Pace,
    stack: Stack<'a>,
    near: Arc<Vec<Question>>,
    remote: Arc<Vec<Question>>,
    files: [PathBuf; 2],
}

pub async fn run(site: &Site, tools: &Tools, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let levels = Levels::prepare(site, tools, pace).await?;
    for round in 0..pace.rounds as usize {
        println!("four levels, round {} of {}", round + 1, pace.rounds);
        levels.round(round, samples).await?;
    }
    Ok(())
}

impl<'a> Levels<'a> {
    async fn prepare(site: &'a Site, tools: &'a Tools, pace: Pace) -> anyhow::Result<Self> {
        let stack = Stack::prepare(site, &LEVELS, "")?;
        let revoked = 2 * pace.rounds as usize;
        let near = Arc::new(sequence(OFFICE, OFFICE, ENTITIES));
        let remote = Arc::new(sequence(ROOT, OFFICE, ENTITIES));
        let files = [
            tools.bodies("levels-near.txt", &near, Asking::Plain)?,
            tools.bodies("levels-root.txt", &remote, Asking::Plain)?,
        ];
        let running = stack.start().await?;
        let office = stack.servers.last().context("an office")?;
        let records = [(OFFICE.to_owned(), load::synthetic(ENTITIES + revoked))].into();
        load::records(site, office, records).await?;
        stack.delegate(&stack.addresses()).await?;
        stop(running).await;
        site.analyze(office).await?;
        Ok(Self { site, tools, pace, stack, near, remote, files })
    }

    async fn round(&self, round: usize, samples: &mut Samples) -> anyhow::Result<()> {
        let running = self.stack.start().await?;
        let (root, office) = (running.first().context("a root")?, running.last().context("an office")?);
        self.cold(root, samples).await?;
        ask_all(office.address, &self.near, Asking::Plain, 32).await?;
        ask_all(root.address, &self.remote, Asking::Plain, 32).await?;
        for _ in 0..ALTERNATIONS {
            let (local, remote) = (self.wrk(office, 0).await?, self.wrk(root, 1).await?);
            samples.pair("levels", local, remote);
        }
        ask_all(root.address, &self.remote, Asking::Plain, 32).await?;
        samples.add("revoked_fed", self.revoked(ENTITIES + 2 * round).await?);
        stop(running).await;
        self.limited(UNFED)?;
        let running = self.stack.start().await?;
        samples.add("revoked_polled", self.revoked(ENTITIES + 2 * round + 1).await?);
        stop(running).await;
        self.limited("")
    }

    async fn revoked(&self, number: usize) -> anyhow::Result<f64> {
        self.stack.holds(number).await?;
        self.stack.revoked(number).await
    }

    fn limited(&self, limits: &'static str) -> anyhow::Result<()> {
        let mut servers = self.stack.servers.iter();
        servers.try_for_each(|server| self.site.configure(&Server { limits, ..server.clone() }, ""))
    }

    /// The first question about each entity, one after the other; nothing is kept anywhere.
    async fn cold(&self, root: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        let latencies = firsts(root.address, &self.remote, ENTITIES).await?;
        samples.add("levels_first", latencies[0].as_secs_f64() * 1e3);
        samples.add("levels_cold", p99(latencies));
        Ok(())
    }

    async fn wrk(&self, process: &Process, file: usize) -> anyhow::Result<(Done, f64)> {
        let bodies = self.files.get(file).context("a file of bodies")?;
        self.tools.costed(process, bodies, self.pace).await
    }
}
