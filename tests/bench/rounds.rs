//! One round: the limits and Charter in turn, on one registry of 10,000 entities and two superiors above it.

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::Context;

use crate::{
    Pace, client, facades, federated, grpc, load,
    process::{Process, addresses},
    question::{Asking, Question, sequence},
    report::Samples,
    site::{Registry, Server, Site},
    tools::{Done, Tools},
    watched,
};

pub const EU: &str = "did:web:eu-trust.example";
pub const FINLAND: &str = "did:web:trust.fi.example";
pub const EDUCATION: &str = "did:web:education.trust.fi.example";
const ENTITIES: usize = 10_000;
const FEDERATED: usize = 1_000;
/// Requests a second, of the figures that are about latency.
const RATE: u32 = 2_000;

/// A limit and Charter are measured in turn, so often in each round: a machine's speed changes within seconds, and
/// only what was measured next to each other is compared.
pub const ALTERNATIONS: usize = 3;

/// What is the same in every round.
pub struct Field<'a> {
    pub site: &'a Site,
    pub tools: &'a Tools,
    pub pace: Pace,
    pub education: Server,
    pub finland: Server,
    pub eu: Server,
    /// All entities, asked of the education registry itself.
    pub local: Arc<Vec<Question>>,
    /// Fewer entities, asked of the same and of the EU root: federated answers are kept for minutes only, and are measured
    /// while they are kept.
    pub near: Arc<Vec<Question>>,
    pub remote: Arc<Vec<Question>>,
    /// A few with a yes: what the limits answer too.
    pub sample: Arc<Vec<Question>>,
    pub plain: PathBuf,
    pub plain_near: PathBuf,
    pub plain_remote: PathBuf,
    at_time: PathBuf,
    frame: PathBuf,
}

impl<'a> Field<'a> {
    /// Loads the records, once.
    pub async fn prepare(site: &'a Site, tools: &'a Tools, pace: Pace) -> anyhow::Result<Self> {
        let [first, second, third] = addresses()?;
        let server = |name, address, authority, slug, country, superior| Server {
            name,
            address,
            registries: vec![Registry::new(authority, slug, country, superior)],
            sequence: true,
            limits: "",
        };
        let (above, top) = ("https://trust.fi.example", "https://eu-trust.example");
        let education = server("education", first, EDUCATION, "fi-education", "FI", Some(above));
        let finland = server("finland", second, FINLAND, "fi", "FI", Some(top));
        let eu = server("eu", third, EU, "eu", "EU", None);
        let mut running = Vec::new();
        for server in [&education, &finland, &eu] {
            site.prepare(server)?;
            running.push(site.serve(server).await?);
        }
        let records = [(EDUCATION.to_owned(), load::synthetic(ENTITIES))].into();
        let begun = Instant::now();
        let loaded = load::records(site, &education, records).await?;
        println!("{loaded} entities loaded in {:.1} s", begun.elapsed().as_secs_f64());
        load::delegate(site, (&finland, FINLAND), (&education, EDUCATION), (0, &[])).await?;
        load::delegate(site, (&eu, EU), (&finland, FINLAND), (1, &[])).await?;
        for process in running {
            process.stop().await;
        }
        site.analyze(&education).await?;
        site.check_facts(&education, &crate::question::entity(0)).await?;
        let local = sequence(EDUCATION, EDUCATION, ENTITIES);
        let (near, remote) = (sequence(EDUCATION, EDUCATION, FEDERATED), sequence(EU, EDUCATION, FEDERATED));
        let sample: Vec<Question> = local.iter().filter(|q| q.authorized).take(200).cloned().collect();
        Ok(Self {
            plain: tools.bodies("plain.txt", &local, Asking::Plain)?,
            plain_near: tools.bodies("plain-near.txt", &near, Asking::Plain)?,
            plain_remote: tools.bodies("plain-eu.txt", &remote, Asking::Plain)?,
            at_time: tools.bodies("at-time.txt", &local, Asking::AtTime)?,
            frame: tools.frame(sample.first().context("no questions")?)?,
            local: local.into(),
            near: near.into(),
            remote: remote.into(),
            sample: sample.into(),
            site,
            tools,
            pace,
            education,
            finland,
            eu,
        })
    }

    pub async fn round(&self, samples: &mut Samples) -> anyhow::Result<()> {
        let charter = self.site.serve(&self.education).await?;
        samples.add("ready", charter.ready_after.as_secs_f64());
        samples.add("resident_start", charter.resident()?);
        client::ask_all(charter.address, &self.local, Asking::Plain, 32).await?;
        samples.add("resident_10k", charter.resident()?);
        self.rest(&charter, samples).await?;
        facades::round(self, &charter, samples).await?;
        self.grpc(&charter, samples).await?;
        self.latency(&charter, samples).await?;
        self.hot_read(&charter, samples).await?;
        charter.stop().await;
        watched::round(self, samples).await?;
        federated::round(self, samples).await
    }

    pub async fn wrk(&self, process: &Process, bodies: &std::path::Path) -> anyhow::Result<(Done, f64)> {
        self.tools.costed(process, bodies, self.pace).await
    }

    async fn rest(&self, charter: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        let [address] = addresses()?;
        let limit = self.site.limit("limit-axum", address).await?;
        client::ask_all(limit.address, &self.sample, Asking::Plain, 4).await?;
        for _ in 0..ALTERNATIONS {
            samples.pair("rest", self.wrk(&limit, &self.plain).await?, self.wrk(charter, &self.plain).await?);
        }
        limit.stop().await;
        Ok(())
    }

    async fn h2load(&self, process: &Process) -> anyhow::Result<(Done, f64)> {
        self.tools.h2load(process.address, &self.frame, self.pace.warm).await?;
        let before = process.cpu()?;
        let done = self.tools.h2load(process.address, &self.frame, self.pace.seconds).await?;
        Ok((done, (process.cpu()? - before) * 1e6 / done.requests))
    }

    async fn tonic(&self, process: &Process) -> anyhow::Result<(Done, f64)> {
        let asked = (&self.local, grpc::IN_FLIGHT);
        grpc::closed_loop(process.address, asked, self.pace.warming()).await?;
        let (before, begun) = (process.cpu()?, Instant::now());
        let requests = grpc::closed_loop(process.address, asked, self.pace.lasting()).await? as f64;
        let per_second = requests / begun.elapsed().as_secs_f64();
        Ok((Done { requests, per_second }, (process.cpu()? - before) * 1e6 / requests))
    }

    async fn grpc(&self, charter: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        let [address] = addresses()?;
        let limit = self.site.limit("limit-tonic", address).await?;
        grpc::ask_all(limit.address, &self.sample, grpc::IN_FLIGHT).await?;
        grpc::ask_all(charter.address, &self.local, grpc::IN_FLIGHT).await?;
        for _ in 0..ALTERNATIONS {
            samples.pair("h2load", self.h2load(&limit).await?, self.h2load(charter).await?);
            samples.pair("tonic", self.tonic(&limit).await?, self.tonic(charter).await?);
        }
        limit.stop().await;
        Ok(())
    }

    /// What `--latency` measures.
    pub async fn latency_round(&self, samples: &mut Samples) -> anyhow::Result<()> {
        let charter = self.site.serve(&self.education).await?;
        client::ask_all(charter.address, &self.local, Asking::Plain, 32).await?;
        self.latency(&charter, samples).await?;
        charter.stop().await;
        Ok(())
    }

    async fn latency(&self, charter: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        let [address] = addresses()?;
        let limit = self.site.limit("limit-axum", address).await?;
        let figures = [
            ("p99_limit", limit.address, Asking::Plain),
            ("p99_cached", charter.address, Asking::Plain),
            ("p99_uncached", charter.address, Asking::AtTime),
        ];
        for (key, address, asking) in figures {
            for (lasting, counts) in [(self.pace.warming(), false), (self.pace.lasting(), true)] {
                let latencies = client::open_loop(address, &self.local, asking, RATE, lasting).await?;
                if counts {
                    samples.add(key, client::p99(latencies));
                }
            }
        }
        limit.stop().await;
        Ok(())
    }

    async fn hot_read(&self, charter: &Process, samples: &mut Samples) -> anyhow::Result<()> {
        client::ask_all(charter.address, &self.local, Asking::AtTime, 32).await?;
        let socket = self.site.postgres()?;
        self.tools.pgbench(socket, ENTITIES, self.pace.warm).await?;
        let limit = self.tools.pgbench(socket, ENTITIES, self.pace.seconds).await?;
        let (done, cpu) = self.wrk(charter, &self.at_time).await?;
        samples.add("hot_limit_rps", limit);
        samples.add("hot_charter_rps", done.per_second);
        samples.add("hot_charter_cpu", cpu);
        samples.add("hot_rps_ratio", done.per_second / limit);
        Ok(())
    }
}
