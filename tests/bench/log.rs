//! The transparency log: from an acknowledged write to what everybody may see, what it adds to a write, what proofs
//! cost, and a log of 1,000,000 events put into a tree and verified.

mod cost;
pub mod large;
mod written;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::watch, task::JoinHandle};

use crate::{
    Pace, client,
    client::Connection,
    process::{self, addresses},
    report::Samples,
    site::{Registry, Server, Site},
};

const AUTHORITY: &str = "did:web:logged.trust.fi.example";
const PLAIN: &str = "did:web:plain.trust.fi.example";
const WITNESS: &str = "did:web:witness.trust.fi.example";
/// Writes a second of the even load, and those of a burst, one burst a second.
const RATE: u32 = 50;
const BURST: usize = 100;
/// Clients that write at once, and the writes of each in a round.
const TOGETHER: (u32, u32) = (32, 20);
/// Requests of proofs and of tiles in each round.
const READS: usize = 1_000;
/// How often it is looked what is published.
const LOOK: Duration = Duration::from_millis(2);

pub async fn run(site: &Site, pace: Pace, samples: &mut Samples) -> anyhow::Result<()> {
    let [address, other, third] = addresses()?;
    let server = |name, address, authority: &str, slug| Server {
        name,
        address,
        registries: vec![Registry::new(authority, slug, "FI", None)],
        sequence: true,
        limits: "",
    };
    let mut logged = server("logged", address, AUTHORITY, "logged");
    let mut witness = server("witness", other, WITNESS, "witness");
    for one in [&logged, &witness] {
        site.prepare(one)?;
    }
    let (log, cosigner) = (keys(site, &logged).await?.0, keys(site, &witness).await?.1);
    let origin = log.split('+').next().context("a key without a name")?;
    logged.registries[0].details = format!(
        "log = {{ quorum = 1, witnesses = [ {{ url = \"http://{other}/witness\", vkey = \"{cosigner}\" }} ] }}"
    );
    witness.registries[0].details =
        format!("witness = {{ logs = [ {{ origin = \"{origin}\", vkey = \"{log}\" }} ] }}");
    site.configure(&witness, "")?;
    let cosigning = site.serve(&witness).await?;
    let plain = Server { sequence: false, ..server("plain", third, PLAIN, "plain") };
    site.prepare(&plain)?;
    site.configure(&logged, "")?;
    let (beside, process) = (site.serve(&plain).await?, site.serve(&logged).await?);
    for round in 1..=pace.rounds {
        println!("log: round {round} of {}", pace.rounds);
        for (added, writes) in cost::pairs(site, [&logged, &plain], round).await? {
            samples.add("log_cost", added);
            samples.add("log_writes", writes);
        }
        let together = written::together(site, &plain, TOGETHER, &format!("t{round}")).await?;
        samples.add("writes_together", together);
        published_in(site, &logged, pace, samples, round).await?;
    }
    for process in [process, beside, cosigning] {
        process.stop().await;
    }
    large::run(site, samples).await
}

/// The verifier keys of a server's first registry: its log's, and its witness's.
async fn keys(site: &Site, server: &Server) -> anyhow::Result<(String, String)> {
    let mut command = Command::new(process::binary("charterd")?);
    command.args(["log", "keys", "--config"]).arg(site.config_file(server));
    let output = command.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = |word: &str| text.lines().find_map(|l| l.trim().strip_prefix(word)).map(str::to_owned);
    line("log ").zip(line("witness ")).context("no keys were printed")
}

/// From an acknowledged write until everybody may see it, and what reading the log costs.
async fn published_in(
    site: &Site,
    server: &Server,
    pace: Pace,
    samples: &mut Samples,
    round: u32,
) -> anyhow::Result<()> {
    let mut seen = Observer::start(server).await?;
    let even = written::evenly(site, server, (RATE, pace.lasting()), &seen, &round.to_string()).await?;
    samples.add("log_published", client::p99(even));
    let bursts = written::bursts(site, server, (BURST, pace.seconds), &seen, &round.to_string()).await?;
    samples.add("log_burst", client::p99(bursts));
    let size = *seen.size.borrow_and_update();
    reads(server, size, samples).await
}

/// Looks all the time what is published.
pub struct Observer {
    size: watch::Receiver<u64>,
    looking: JoinHandle<anyhow::Result<()>>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Observer {
    pub async fn start(server: &Server) -> anyhow::Result<Self> {
        let mut connection = Connection::open(server.address).await?;
        let (send, size) = watch::channel(0);
        let looking = tokio::spawn(async move {
            loop {
                let found = published(&mut connection).await?.unwrap_or(0);
                send.send_if_modified(|known| {
                    let more = found > *known;
                    *known = found.max(*known);
                    more
                });
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Self { size, looking })
    }

    /// How long it takes from now on until so much is published.
    pub async fn until(&self, size: u64) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.size.clone().wait_for(|known| *known >= size).await?;
        Ok(began.elapsed())
    }
}

/// Leaves in the published checkpoint: its second line (C2SP tlog-checkpoint).
async fn published(connection: &mut Connection) -> anyhow::Result<Option<u64>> {
    let (status, body) = connection.get("/log/checkpoint").await?;
    if status != 200 {
        return Ok(None);
    }
    let text = std::str::from_utf8(&body)?;
    Ok(Some(text.lines().nth(1).context("no checkpoint")?.parse()?))
}

/// Inclusion proofs and tiles over HTTP, one after the other on one connection.
async fn reads(server: &Server, size: u64, samples: &mut Samples) -> anyhow::Result<()> {
    ensure!(size >= 256, "{size} leaves are no full tile");
    let mut connection = Connection::open(server.address).await?;
    let proof = |n: u64| format!("/api/v1/log/proof?seq={}", 1 + n * 7_919 % size);
    let tile = |n: u64| format!("/log/tile/0/{:03}", n % (size / 256).min(1_000));
    let kinds: [(&str, &dyn Fn(u64) -> String); 2] = [("log_proof", &proof), ("log_tile", &tile)];
    for (name, path) in kinds {
        let mut latencies = Vec::new();
        for n in 0..READS as u64 {
            let path = path(n);
            let began = Instant::now();
            let (status, _) = connection.get(&path).await?;
            latencies.push(began.elapsed());
            ensure!(status == 200, "`{path}` is answered with {status}");
        }
        samples.add(name, client::p99(latencies));
    }
    Ok(())
}
