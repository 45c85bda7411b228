//! `make bench`: the limits (bare axum, bare tonic, pgbench) and Charter's decision path, in turn, on real processes.
//!
//! Exits 0 also when a target is missed; the table says so, and `target/bench/summary.json` has every sample.

mod client;
mod ebsi_chain;
mod facades;
mod federated;
mod federation;
mod governed;
mod grpc;
mod history;
mod load;
mod log;
mod memory;
mod policy;
mod process;
mod question;
mod report;
mod rounds;
mod site;
mod sizing;
mod tools;
mod watched;

use std::{fs::File, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use charter_server::serve::asked_to_stop;
use clap::Parser;

use crate::{report::Samples, rounds::Field, site::Site, tools::Tools};

#[derive(Parser)]
#[command(name = "bench", about = "Measures Charter's decision path beside the limits of this machine")]
struct Args {
    /// One round of one second each: shows that everything runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Where the private cluster, configurations and logs go.
    #[arg(long, default_value = "./.run/bench")]
    dir: PathBuf,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The figures about latency alone.
    #[arg(long)]
    latency: bool,
    /// The figures about other standards' interfaces alone.
    #[arg(long)]
    facades: bool,
    /// The hot path alone, with traces, the trail, logs and metrics as a site has them.
    #[arg(long)]
    watched: bool,
    /// Reading a history of 1,000,000 events alone.
    #[arg(long)]
    history: bool,
    /// The figures about governance alone.
    #[arg(long)]
    governed: bool,
    /// The figures about the transparency log alone.
    #[arg(long)]
    log: bool,
    /// The figures about many registries alone: four levels, with feeds that die, a dead branch, 200 countries.
    #[arg(long)]
    federation: bool,
    /// Of these, the 200 countries alone.
    #[arg(long)]
    nations: bool,
    /// The policy check alone: no server is started.
    #[arg(long)]
    policy: bool,
    #[command(flatten)]
    sizing: sizing::Wish,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub rounds: u32,
    pub seconds: u32,
    pub warm: u32,
}

impl Pace {
    pub fn lasting(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
    pub fn warming(self) -> Duration {
        Duration::from_secs(self.warm.into())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    if args.policy {
        let mut samples = Samples::default();
        policy::run(&mut samples);
        println!("policy: one check of a right, slowest case: {:.3} us", samples.get("policy_us"));
        return Ok(());
    }
    let pace = if args.quick {
        Pace { rounds: 1, seconds: 1, warm: 1 }
    } else {
        Pace { rounds: args.rounds, seconds: args.seconds, warm: 1 }
    };
    for name in
        ["charterd", "limit-axum", "limit-tonic"].into_iter().filter(|_| !args.history && !args.sizing.sizing)
    {
        process::binary(name)?;
    }
    std::fs::create_dir_all(&args.dir)?;
    let lock = File::create(args.dir.join("lock"))?;
    lock.try_lock().context("another benchmark is running in this folder")?;
    let site = Site::start(&args.dir).await?;
    let mut samples = Samples::default();
    // The servers are dropped, and thereby ended, before Postgres is.
    let measured = tokio::select! {
        measured = measure(&site, pace, args, &mut samples) => measured,
        () = asked_to_stop() => Err(anyhow::anyhow!("interrupted")),
    };
    site.stop().await;
    measured?;
    if args.history || args.sizing.sizing {
        return Ok(());
    }
    let pace = serde_json::json!({ "rounds": pace.rounds, "seconds": pace.seconds, "quick": args.quick });
    report::report(&samples, &pace)
}

async fn measure(site: &Site, pace: Pace, args: &Args, samples: &mut Samples) -> anyhow::Result<()> {
    if args.history {
        return history::run(site, samples).await;
    }
    if args.sizing.sizing {
        return sizing::run(site, pace.lasting(), &args.sizing).await;
    }
    policy::run(samples);
    if args.governed {
        return governed::run(site, pace, samples).await;
    }
    if args.log {
        return log::run(site, pace, samples).await;
    }
    if args.nations {
        return federation::nations::run(site, pace, samples).await;
    }
    let tools = Tools::new(&site.dir.join("tools"))?;
    if args.federation {
        return federation::run(site, &tools, pace, samples).await;
    }
    let field = Field::prepare(site, &tools, pace).await?;
    for round in 1..=pace.rounds {
        println!("round {round} of {}", pace.rounds);
        if args.latency {
            field.latency_round(samples).await?;
        } else if args.facades {
            facades::alone(&field, samples).await?;
        } else if args.watched {
            watched::round(&field, samples).await?;
        } else {
            field.round(samples).await?;
        }
    }
    if args.latency || args.facades || args.watched {
        return Ok(());
    }
    memory::run(site, pace, samples).await?;
    history::run(site, samples).await?;
    governed::run(site, pace, samples).await?;
    log::run(site, pace, samples).await?;
    federation::run(site, &tools, pace, samples).await
}
