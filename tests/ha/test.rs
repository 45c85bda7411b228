//! Does faults under load, most of them in one laboratory, and checks the recorded history of each.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use charter_server::serve::asked_to_stop;

use crate::{
    faults::{self, FAULTS, Fault, How, NEED_NAMESPACES},
    lab::{Lab, Options},
    report::{self, Limits, Row, Run},
};

/// What `ha test` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The faults, such as R1 R3; all of the set where none is named.
    names: Vec<String>,
    /// The whole set, each several times, instead of the short one.
    #[arg(long)]
    all: bool,
    /// How often each is done; else as often as the set says.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Part of the usual load, for a slow machine or a build without optimisation; the figures are those of that load.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    load: u32,
    /// Show the figures, and judge only what clients were told and what is recorded: for builds and machines that are slow.
    #[arg(long)]
    untimed: bool,
    /// Of what is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Everything on loopback: without partitions, and without being root.
    #[arg(long)]
    loopback: bool,
    /// For all files; a fresh folder where it is left out.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
}

/// True when every figure was met.
pub async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let chosen = chosen(arguments)?;
    tokio::select! {
        done = campaign(arguments, &chosen) => done,
        () = asked_to_stop() => anyhow::bail!("stopped"),
    }
}

/// The faults and how often each is done.
fn chosen(arguments: &Arguments) -> anyhow::Result<Vec<(&'static Fault, u32)>> {
    for name in &arguments.names {
        ensure!(FAULTS.iter().any(|fault| fault.id == name), "there is no fault `{name}`");
    }
    let times = |fault: &Fault| {
        let set = if arguments.all { fault.all } else { fault.short };
        let named = arguments.names.iter().any(|name| name == fault.id);
        let wanted = named || (arguments.names.is_empty() && set > 0);
        if wanted { arguments.repeat.unwrap_or(set.max(1)) } else { 0 }
    };
    Ok(FAULTS.iter().map(|fault| (fault, times(fault))).filter(|(_, times)| *times > 0).collect())
}

async fn campaign(arguments: &Arguments, chosen: &[(&'static Fault, u32)]) -> anyhow::Result<bool> {
    let usual = Options::usual();
    let namespaces = usual.namespaces && !arguments.loopback;
    let chosen: Vec<(&'static Fault, u32)> =
        chosen.iter().copied().filter(|(f, _)| possible(f, namespaces)).collect();
    let mut rows = Vec::new();
    let done = all(&chosen, arguments, namespaces, &mut rows).await;
    rows.extend(order(&rows));
    println!("{}", report::text(&rows));
    eprintln!("every run is in {}", report::write(&rows)?.display());
    done?;
    Ok(rows.iter().all(Row::is_good))
}

/// Says what is left out, where sites have no networks of their own.
fn possible(fault: &Fault, namespaces: bool) -> bool {
    let possible = namespaces || !NEED_NAMESPACES.contains(&fault.id);
    if !possible {
        eprintln!("{} is left out: it needs network namespaces, which need root", fault.id);
    }
    possible
}

/// Carries them out; those that were are in `rows` also where one could not be.
async fn all(
    chosen: &[(&'static Fault, u32)],
    arguments: &Arguments,
    namespaces: bool,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let (mut number, mut shared) = (0, None);
    for (fault, times) in chosen {
        let limits = if arguments.untimed { Limits::default() } else { fault.limits };
        rows.push(Row { fault: fault.id, what: fault.what, limits, runs: Vec::new() });
        let alone = faults::ALONE.contains(&fault.id);
        let mut lab = match shared.take() {
            Some(lab) if !alone => lab,
            one => {
                drop(one);
                started(arguments, namespaces, fault).await?
            }
        };
        for time in 1..=*times {
            number += 1;
            eprintln!("{} ({time} of {times}): {}", fault.id, fault.what);
            let seed = arguments.seed.wrapping_add(u64::from(number));
            let how = How { run: number, seed, at_least: Duration::ZERO, per_cent: arguments.load };
            let (same, run) = faults::play(lab, fault, how).await?;
            lab = same;
            tell(&run, &limits);
            if let Some(row) = rows.last_mut() {
                row.runs.push(run);
            }
        }
        shared = (!alone).then_some(lab);
    }
    Ok(())
}

async fn started(arguments: &Arguments, namespaces: bool, fault: &Fault) -> anyhow::Result<Lab> {
    eprintln!("starting the sites");
    let dir = arguments.dir.as_ref().map(|dir| dir.join(fault.id));
    let options = Options { dir, namespaces, small_disk: (fault.id == "R10").then_some(faults::SMALL) };
    Lab::start(&options).await.context("the laboratory")
}

fn tell(run: &Run, limits: &Limits) {
    eprintln!(
        "  {} writes, {} unknown, {} lost; gap {} ms; {} reads, gap {} ms, P99 {:.0} ms, {} unanswered",
        run.writes,
        run.unknown,
        run.lost,
        run.write_gap,
        run.reads,
        run.read_gap,
        run.read_p99,
        run.read_errors
    );
    for line in run.missed(limits).iter().take(10) {
        eprintln!("  MISSED: {line}");
    }
}

/// R28: whether in every run one order explains all that was seen.
fn order(rows: &[Row]) -> Option<Row> {
    let runs: Vec<&Run> = rows.iter().flat_map(|row| &row.runs).collect();
    let disorder: u64 = runs.iter().map(|run| run.disorder).sum();
    let whole = Run {
        fault: "R28",
        writes: runs.iter().map(|run| run.writes).sum(),
        reads: runs.iter().map(|run| run.reads).sum(),
        violations: (disorder > 0)
            .then(|| format!("{disorder} answers without an order"))
            .into_iter()
            .collect(),
        notes: vec![format!("the histories of {} runs", runs.len())],
        ..Run::default()
    };
    let what = "one order of all that was seen";
    (!runs.is_empty()).then(|| Row { fault: "R28", what, limits: Limits::default(), runs: vec![whole] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(names: &[&str], all: bool, repeat: Option<u32>) -> Arguments {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Arguments { names, all, repeat, load: 100, untimed: false, seed: 1, loopback: true, dir: None }
    }

    fn times(arguments: &Arguments) -> Vec<(&'static str, u32)> {
        let chosen = chosen(arguments).expect("known faults");
        chosen.into_iter().map(|(fault, times)| (fault.id, times)).collect()
    }

    #[test]
    fn what_is_asked_for_is_chosen() {
        assert_eq!(times(&arguments(&["R3"], false, Some(20))), [("R3", 20)]);
        assert_eq!(times(&arguments(&["R4"], false, None)), [("R4", 1)], "not in the short set");
        assert_eq!(times(&arguments(&["R3"], true, None)), [("R3", 20)]);
        assert!(times(&arguments(&[], false, None)).iter().all(|(_, times)| *times == 1));
        let all = times(&arguments(&[], true, None));
        assert_eq!(all.len(), FAULTS.len());
        assert!(all.iter().all(|(id, times)| *times >= 3 || *id == "R27"), "{all:?}");
        assert!(chosen(&arguments(&["R99"], false, None)).is_err());
    }
}
