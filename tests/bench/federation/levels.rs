//! Four levels, a process and a database each: what a kept answer costs at the top, what a first one takes, and how
//! soon a revocation at the bottom is seen there.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use charter_proto::charter::registry::v1::{SetStatusRequest, set_status_request::Target};
use charter_server::demo::ask;
use charter_tests::nations::https;
use serde_json::Value;

use crate::{
    Pace,
    client::{Connection, ask_all, p99},
    load,
    process::{Process, addresses, stop},
    question::{Asking, Question, entity, sequence},
    report::Samples,
    site::{Registry, Server, Site},
    tools::{Done, Tools},
};

/// Names of database, authority and registry, from the top down.
const LEVELS: [(&str, &str, &str); 4] = [
    ("level_root", "did:web:root.levels.example", "root"),
    ("level_nation", "did:web:nation.levels.example", "nation"),
    ("level_sector", "did:web:sector.levels.example", "sector"),
    ("level_office", "did:web:office.sector.levels.example", "office"),
];
const ROOT: &str = LEVELS[0].1;
const OFFICE: &str = LEVELS[3].1;
/// Entities that are asked about again and again; those after them are revoked.
const ENTITIES: usize = 1_000;
/// Figures measured in turn, so often in each round.
const ALTERNATIONS: usize = 3;
/// A revocation that is not seen by then is a fault.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(5);

/// The same processes without a place for watchers: their superiors must poll.
const UNFED: &str = "max_watchers = 0\n";

struct Levels<'a> {
    site: &'a Site,
    tools: &'a Tools,
    pace: Pace,
    /// From the top down.
    servers: Vec<Server>,
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

fn servers() -> anyhow::Result<Vec<Server>> {
    let addresses = addresses::<4>()?;
    let superiors = [None].into_iter().chain(LEVELS.map(|(_, authority, _)| Some(https(authority))));
    let each = LEVELS.into_iter().zip(addresses).zip(superiors);
    let server = |(((name, authority, slug), address), superior): (_, Option<String>)| {
        let registries = vec![Registry::new(authority, slug, "FI", superior.as_deref())];
        Server { name, address, registries, sequence: true, limits: "" }
    };
    Ok(each.map(server).collect())
}

impl<'a> Levels<'a> {
    async fn prepare(site: &'a Site, tools: &'a Tools, pace: Pace) -> anyhow::Result<Self> {
        let servers = servers()?;
        for server in &servers {
            site.prepare(server)?;
        }
        let revoked = 2 * pace.rounds as usize;
        let near = Arc::new(sequence(OFFICE, OFFICE, ENTITIES));
        let remote = Arc::new(sequence(ROOT, OFFICE, ENTITIES));
        let files = [
            tools.bodies("levels-near.txt", &near, Asking::Plain)?,
            tools.bodies("levels-root.txt", &remote, Asking::Plain)?,
        ];
        let levels = Self { site, tools, pace, servers, near, remote, files };
        let running = levels.start().await?;
        let [root, nation, sector, office] = levels.each()?;
        let records = [(OFFICE.to_owned(), load::synthetic(ENTITIES + revoked))].into();
        load::records(site, office, records).await?;
        for (below, (above, child)) in (0..).zip([(sector, office), (nation, sector), (root, nation)]) {
            let (superior, subordinate) = ((above, authority(above)?), (child, authority(child)?));
            load::delegate(site, superior, subordinate, (below, &[])).await?;
        }
        stop(running).await;
        site.analyze(office).await?;
        Ok(levels)
    }

    fn each(&self) -> anyhow::Result<[&Server; 4]> {
        let all: Vec<&Server> = self.servers.iter().collect();
        all.try_into().map_err(|_| anyhow::anyhow!("four levels"))
    }

    /// From the bottom up; the processes are in the order of the servers.
    async fn start(&self) -> anyhow::Result<Vec<Process>> {
        let mut running = Vec::new();
        for server in self.servers.iter().rev() {
            running.push(self.site.serve(server).await?);
        }
        running.reverse();
        Ok(running)
    }

    async fn round(&self, round: usize, samples: &mut Samples) -> anyhow::Result<()> {
        let running = self.start().await?;
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
        let running = self.start().await?;
        samples.add("revoked_polled", self.revoked(ENTITIES + 2 * round + 1).await?);
        stop(running).await;
        self.limited("")
    }

    fn limited(&self, limits: &'static str) -> anyhow::Result<()> {
        let mut servers = self.servers.iter();
        servers.try_for_each(|server| self.site.configure(&Server { limits, ..server.clone() }, ""))
    }

    /// The first question about each entity, one after the other; nothing is kept anywhere.
    async fn cold(&self, root: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        let mut connection = Connection::open(root.address).await?;
        let mut seen = std::collections::BTreeSet::new();
        let mut latencies = Vec::new();
        for question in self.remote.iter().filter(|q| seen.insert(q.entity.clone())) {
            let asked = Instant::now();
            let (status, answer) = connection.post(&question.path, question.body(Asking::Plain)).await?;
            latencies.push(asked.elapsed());
            question
                .check(Asking::Plain, status, &answer)
                .with_context(|| format!("{status} {}", String::from_utf8_lossy(&answer)))?;
        }
        ensure!(latencies.len() == ENTITIES, "too few entities");
        samples.add("levels_first", latencies[0].as_secs_f64() * 1e3);
        samples.add("levels_cold", p99(latencies));
        Ok(())
    }

    /// A run of `wrk` after a warm-up, with the server's CPU time for each request in microseconds.
    async fn wrk(&self, process: &Process, file: usize) -> anyhow::Result<(Done, f64)> {
        let bodies = self.files.get(file).context("a file of bodies")?;
        self.tools.wrk(process.address, bodies, self.pace.warm).await?;
        let before = process.cpu()?;
        let done = self.tools.wrk(process.address, bodies, self.pace.seconds).await?;
        Ok((done, (process.cpu()? - before) * 1e6 / done.requests))
    }

    /// Seconds from asking the office to revoke an entity until the root denies it: more than since the commit, which is
    /// a lease before the acknowledgement.
    async fn revoked(&self, number: usize) -> anyhow::Result<f64> {
        let [root, .., office] = self.each()?;
        let question = Question::new("/authorization", ROOT, &entity(number), true, OFFICE);
        let mut connection = Connection::open(root.address).await?;
        ensure!(reason(&mut connection, &question).await? == "ACTIVE", "not yet revoked");
        let request = SetStatusRequest {
            registry_id: OFFICE.to_owned(),
            target: Some(Target::EntityId(entity(number))),
            state: "REVOKED".to_owned(),
            reason: "MEASURED".to_owned(),
            ..SetStatusRequest::default()
        };
        let mut client = ask::importer(&office.url(), &self.site.token(office)?)?;
        let begun = Instant::now();
        let seen = async {
            while reason(&mut connection, &question).await? != "REVOKED" {
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(begun.elapsed().as_secs_f64())
        };
        let (revoked, seen) =
            tokio::join!(client.set_status(request), tokio::time::timeout(SEEN_WITHIN, seen));
        revoked?;
        seen.context("the revocation was not seen at the root")?
    }
}

fn authority(server: &Server) -> anyhow::Result<&str> {
    Ok(&server.registries.first().context("no registry")?.authority)
}

async fn reason(connection: &mut Connection, question: &Question) -> anyhow::Result<String> {
    let (_, answer) = connection.post(&question.path, question.body(Asking::Plain)).await?;
    let said: Value = serde_json::from_slice(&answer)?;
    Ok(said["meta"]["reason"].as_str().unwrap_or_default().to_owned())
}
