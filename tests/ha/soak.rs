//! R26: mixed load for hours, with a fault every ten minutes; memory and open files of every server must not grow.

mod slope;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use charter_server::serve::asked_to_stop;
use serde_json::json;
use tokio::time::{Instant, sleep};

use self::slope::slope;
use crate::{
    faults::{self, FAULTS, How},
    lab::{Lab, Options},
    report::{self, Limits, Row},
};

/// What happens in turn.
const IN_TURN: [&str; 3] = ["R1", "R3", "R17"];
const EVERY: Duration = Duration::from_secs(600);
const SAMPLED_EVERY: Duration = Duration::from_secs(10);
/// Caches and pools fill until then: the first audit, which asks about everybody, is over.
const WARM: Duration = Duration::from_secs(780);
/// How often it is said how far it is.
const SAID_EVERY: u32 = 6;
/// MiB and files an hour.
const MEMORY: f64 = 1.0;
const FILES: f64 = 1.0;

/// What `ha soak` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Part of the usual load, for a slow machine; the figures are those of that load.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    load: u32,
    /// Show gaps and latencies, and judge what clients were told, what is recorded, and what grows.
    #[arg(long)]
    untimed: bool,
    /// Everything on loopback, without being root.
    #[arg(long)]
    loopback: bool,
}

/// When, resident MiB, open files.
type Sample = (f64, f64, f64);
/// By process: one that was started again is another.
type Samples = Arc<Mutex<BTreeMap<u32, Vec<Sample>>>>;

/// True when nothing was lost and nothing grows.
pub async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    tokio::select! {
        done = soak(arguments) => done,
        () = asked_to_stop() => anyhow::bail!("stopped"),
    }
}

async fn soak(arguments: &Arguments) -> anyhow::Result<bool> {
    let usual = Options::usual();
    let options = Options { namespaces: usual.namespaces && !arguments.loopback, ..usual };
    let lab = Lab::start(&options).await.context("the laboratory")?;
    let samples = Samples::default();
    let mut rows = Vec::new();
    let done = rounds(lab, arguments, &samples, &mut rows).await;
    println!("{}", report::text(&rows));
    let steady = tell(&samples);
    eprintln!("every run is in {}", write(&rows, &samples)?.display());
    done?;
    Ok(steady && rows.iter().all(Row::is_good))
}

/// After each round: whatever ends the hour, what was measured until then is there.
fn write(rows: &[Row], samples: &Samples) -> anyhow::Result<PathBuf> {
    let samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
    report::write_as("soak.json", &json!({ "faults": rows, "samples": *samples }))
}

/// Rounds of ten minutes, each with a load, a fault in it and an audit of all at its end.
async fn rounds(
    mut lab: Lab,
    arguments: &Arguments,
    samples: &Samples,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let (begun, lasting) = (Instant::now(), Duration::from_secs_f64(arguments.hours * 3_600.0));
    let mut number = 0_u32;
    while begun.elapsed() < lasting {
        let name = IN_TURN[number as usize % IN_TURN.len()];
        let fault = FAULTS.iter().find(|fault| fault.id == name).context("no such fault")?;
        number += 1;
        let pids: Vec<u32> = lab.servers().iter().filter_map(|server| lab.server_pid(&server.name)).collect();
        let sampling = tokio::spawn(sampled(pids, begun, Arc::clone(samples)));
        let rest = EVERY.min(lasting.saturating_sub(begun.elapsed()));
        let how = How { run: number, seed: u64::from(number), at_least: rest, per_cent: arguments.load };
        let limits = if arguments.untimed { Limits::default() } else { fault.limits };
        let started = Instant::now();
        let played = faults::play(lab, fault, how).await;
        sampling.abort();
        let (same, run) = played?;
        lab = same;
        eprintln!(
            "{:.2} h: {name}, {:.0} writes/s, {} lost, P99 {:.0} ms",
            begun.elapsed().as_secs_f64() / 3_600.0,
            run.writes as f64 / started.elapsed().as_secs_f64(),
            run.lost,
            run.read_p99
        );
        match rows.iter_mut().find(|row| row.fault == name) {
            Some(row) => row.runs.push(run),
            None => rows.push(Row { fault: fault.id, what: fault.what, limits, runs: vec![run] }),
        }
        write(rows, samples)?;
    }
    Ok(())
}

async fn sampled(pids: Vec<u32>, begun: Instant, samples: Samples) {
    for round in 0_u32.. {
        let hours = begun.elapsed().as_secs_f64() / 3_600.0;
        if round % SAID_EVERY == 0 {
            let memory = pids
                .iter()
                .map(|pid| faults::resident(*pid).map_or("ended".to_owned(), |m| format!("{m:.0}")));
            eprintln!("{hours:.2} h: MiB of the servers: {}", memory.collect::<Vec<_>>().join(", "));
        }
        for pid in &pids {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count);
            if let (Some(resident), Ok(files)) = (faults::resident(*pid), files) {
                let mut all = samples.lock().unwrap_or_else(PoisonError::into_inner);
                all.entry(*pid).or_default().push((hours, resident, files as f64));
            }
        }
        sleep(SAMPLED_EVERY).await;
    }
}

/// Prints how each process grew, after it was warm; whether none did. One that was started again is warm as long after.
fn tell(samples: &Samples) -> bool {
    let all = samples.lock().unwrap_or_else(PoisonError::into_inner);
    let mut steady = true;
    for (pid, taken) in all.iter() {
        let warm = taken.first().map_or(0.0, |first| first.0) + WARM.as_secs_f64() / 3_600.0;
        let taken: Vec<&Sample> = taken.iter().filter(|sample| sample.0 >= warm).collect();
        let of = |value: fn(&Sample) -> f64| slope(taken.iter().map(|sample| (sample.0, value(sample))));
        let (memory, files) = (of(|sample| sample.1), of(|sample| sample.2));
        let good = memory.is_some_and(|m| m < MEMORY) && files.is_some_and(|f| f < FILES);
        steady &= good;
        let words = if good { "steady" } else { "GROWS, or was looked at for too short" };
        println!("process {pid}: {memory:.2?} MiB/h, {files:.2?} files/h: {words}");
    }
    steady
}
