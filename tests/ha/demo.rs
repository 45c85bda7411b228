//! Kills the primary site under load, prints second by second what clients saw, heals, and judges.

mod chart;

use std::{sync::atomic::Ordering, time::Duration};

use anyhow::Context as _;
use charter_server::serve::asked_to_stop;
use tokio::time::{Instant, sleep, sleep_until};

use self::chart::Chart;
use crate::{
    faults,
    history::SECOND,
    lab::{Lab, Options},
    load::{Load, Rates, USUAL},
    report::{Limits, Run},
};

/// Seconds of the show: all well, then the primary site dies, then until writes have been back for a while.
const KILLED_AFTER: u32 = 6;
const SHOWN_AT_MOST: u32 = 45;
const WELL_FOR: u32 = 6;
const WHOLE_WITHIN: Duration = Duration::from_secs(120);

/// What `ha demo` was asked to do.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Everything on loopback, without being root.
    #[arg(long)]
    loopback: bool,
    /// Part of the usual load, for a slow machine.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    load: u32,
    /// For all files; a fresh folder where it is left out.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
}

/// True when nothing was lost, doubled or stale.
pub async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    tokio::select! {
        shown = show(arguments) => shown,
        () = asked_to_stop() => anyhow::bail!("stopped"),
    }
}

async fn show(arguments: &Arguments) -> anyhow::Result<bool> {
    let usual = Options::usual();
    let namespaces = usual.namespaces && !arguments.loopback;
    let options = Options { dir: arguments.dir.clone(), namespaces, ..usual };
    println!("starting three sites: databases, deciders, servers, a witness");
    let mut lab = Lab::start(&options).await.context("the laboratory")?;
    lab.whole(WHOLE_WITHIN).await?;
    let rates = USUAL.part(arguments.load);
    let load = Load::start(&lab, 1, rates).await?;
    load.left_alone.store(10, Ordering::Relaxed);
    println!("{} writes and {} questions a second, at four servers of two sites", rates.writes, rates.reads);
    watched(&mut lab, &load, rates).await?;
    let until = load.recorder.now();
    println!("everything is started again, and what clients were told is compared with what is recorded");
    lab.whole(WHOLE_WITHIN).await?;
    let recorded = load.stop().await?;
    let mut figures = Run { fault: "demo", ..Run::default() };
    faults::measure(&mut figures, &recorded, (SECOND, until));
    faults::judge(&mut figures, &lab, &recorded, &Limits::default()).await?;
    tell(&figures);
    Ok(figures.violations.is_empty())
}

/// The seconds until writes are back.
async fn watched(lab: &mut Lab, load: &Load, rates: Rates) -> anyhow::Result<()> {
    let (begun, mut chart, mut well) = (Instant::now(), Chart::new(rates), 0);
    for second in 1..=SHOWN_AT_MOST {
        if second == KILLED_AFTER {
            let primary = lab.leader().await?;
            println!("  site {primary} is killed: database, decider, Redis, servers");
            lab.kill_site(primary);
        }
        sleep_until(begun + Duration::from_secs(u64::from(second))).await;
        let line = chart.line(second, &load.recorder);
        println!("{line}");
        well = if second > KILLED_AFTER + 1 && chart.writes > rates.writes / 2 { well + 1 } else { 0 };
        if well == WELL_FOR {
            break;
        }
    }
    sleep(Duration::from_millis(200)).await;
    Ok(())
}

fn tell(figures: &Run) {
    println!(
        "\n{} writes acknowledged, {} unknown, {} lost; {} questions answered, {} not",
        figures.writes, figures.unknown, figures.lost, figures.reads, figures.read_errors
    );
    println!(
        "longest without an acknowledged write {:.1} s, without an answer {:.2} s; P99 of answers {:.0} ms",
        figures.write_gap as f64 / 1e3,
        figures.read_gap as f64 / 1e3,
        figures.read_p99
    );
    match figures.violations.as_slice() {
        [] => println!(
            "nothing acknowledged is lost, nothing is there twice, no answer was stale, the log is one"
        ),
        wrong => wrong.iter().for_each(|line| println!("WRONG: {line}")),
    }
}
