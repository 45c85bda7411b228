//! A registry of so many entities: what it takes on disk, and at several rates of checks in memory and cores.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_postgres::NoTls;

use super::{RATES, bytes};
use crate::{
    client::open_loop,
    load,
    process::{Process, addresses},
    question::{Asking, Question, drawn},
    site::{Registry, Server, Site},
};

const AUTHORITY: &str = "did:web:sized.trust.fi.example";
/// Records that are loaded at once.
const RUN: usize = 20_000;
/// Questions, by Zipf's law over all entities; they come again and again.
const QUESTIONS: usize = 100_000;

pub struct Measured {
    pub entities: usize,
    loaded_in: Duration,
    events: f64,
    /// Bytes of the database, of the log's files, and of what was written ahead while it was loaded: what an archive keeps.
    database: f64,
    log: f64,
    ahead: f64,
    ready: f64,
    pub rates: Vec<Rate>,
}

/// What so many checks a second take.
pub struct Rate {
    pub wanted: u32,
    pub reached: f64,
    pub cores: f64,
    pub postgres_cores: f64,
    /// In ms.
    pub p99: f64,
    /// In MB.
    pub memory: f64,
    pub postgres_memory: f64,
}

impl Measured {
    /// Bytes of what is there now, its archive with it.
    pub fn disk(&self) -> f64 {
        self.disk_of(self.events)
    }

    /// Bytes of so many events.
    pub fn disk_of(&self, events: f64) -> f64 {
        events / self.events * (self.database + self.log + self.ahead)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |bytes: f64| bytes / self.events;
        write!(
            f,
            "{} entities, {:.0} events: loaded in {:.0} s; an event takes {:.0} bytes of database, {:.0} of log, {:.0} of \
             archive before it is compressed; ready in {:.2} s",
            self.entities,
            self.events,
            self.loaded_in.as_secs_f64(),
            each(self.database),
            each(self.log),
            each(self.ahead),
            self.ready,
        )
    }
}

pub async fn measure(
    site: &Site,
    (entities, name): (usize, &'static str),
    lasting: Duration,
) -> anyhow::Result<Measured> {
    let [address] = addresses()?;
    let registries = vec![Registry::new(AUTHORITY, "sized", "FI", None)];
    let server = Server { name, address, registries, sequence: true, limits: "" };
    site.prepare(&server)?;
    let loader = site.serve(&server).await?;
    let before = counts(site, &server).await?;
    let loaded_in = loads(site, &server, entities).await?;
    let events = counts(site, &server).await?.events;
    crate::log::Observer::start(&server).await?.until(events as u64).await?;
    loader.stop().await;
    let ahead = counts(site, &server).await?.ahead - before.ahead;
    site.analyze(&server).await?;
    let database = counts(site, &server).await?.database - before.database;
    let log = bytes(&site.dir.join(name).join("transparency")).await?;
    let process = site.serve(&server).await?;
    let ready = process.ready_after.as_secs_f64();
    let questions = Arc::new(drawn(AUTHORITY, entities, QUESTIONS));
    let mut rates = Vec::new();
    for rate in RATES {
        rates.push(at(site, &process, &questions, (rate, lasting)).await?);
    }
    process.stop().await;
    Ok(Measured { entities, loaded_in, events, database, log, ahead, ready, rates })
}

async fn loads(site: &Site, server: &Server, entities: usize) -> anyhow::Result<Duration> {
    let began = Instant::now();
    for from in (0..entities).step_by(RUN) {
        let records = load::some_synthetic(from..entities.min(from + RUN));
        load::records(site, server, BTreeMap::from([(AUTHORITY.to_owned(), records)])).await?;
        println!("{} of {entities} entities loaded", entities.min(from + RUN));
    }
    Ok(began.elapsed())
}

/// Checks at an even rate, after a second of them.
async fn at(
    site: &Site,
    process: &Process,
    questions: &Arc<Vec<Question>>,
    (wanted, lasting): (u32, Duration),
) -> anyhow::Result<Rate> {
    open_loop(process.address, questions, Asking::Plain, wanted, Duration::from_secs(1)).await?;
    let (began, own, others) = (Instant::now(), process.cpu()?, site.postgres_cpu()?);
    let mut took = open_loop(process.address, questions, Asking::Plain, wanted, lasting).await?;
    let seconds = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Rate {
        wanted,
        reached: took.len() as f64 / seconds,
        cores: (process.cpu()? - own) / seconds,
        postgres_cores: (site.postgres_cpu()? - others) / seconds,
        p99: p99.as_secs_f64() * 1e3,
        memory: process.resident()?,
        postgres_memory: site.postgres_memory()?,
    })
}

struct Counts {
    database: f64,
    events: f64,
    /// Written ahead since the cluster was made.
    ahead: f64,
}

async fn counts(site: &Site, server: &Server) -> anyhow::Result<Counts> {
    let (client, connection) =
        tokio_postgres::connect(&site.database(server.name, "charter_admin")?, NoTls).await?;
    let connection = tokio::spawn(connection);
    let sql = "select pg_database_size(current_database())::float8, (select count(*) from events)::float8,
                      (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8";
    let row = client.query_one(sql, &[]).await?;
    let found = Counts { database: row.try_get(0)?, events: row.try_get(1)?, ahead: row.try_get(2)? };
    drop(client);
    connection.await??;
    Ok(found)
}
