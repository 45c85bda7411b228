//! What a site needs: registries of 1,000 to 1,000,000 entities at 10 to 10,000 checks a second, and a log of 10,000,000
//! entries. Alone: `bench --sizing`.

mod large;
mod registry;
mod restore;

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use comfy_table::{Table, presets};
use tokio::process::Command;

use self::registry::{Measured, Rate};
use crate::site::Site;

/// Entities of each registry, and its server's name.
const SIZES: [(usize, &str); 3] =
    [(1_000, "thousand"), (100_000, "hundred-thousand"), (1_000_000, "million")];
/// Checks a second.
const RATES: [u32; 3] = [10, 1_000, 10_000];
/// Of an entity in a year: what the disk of a year is reckoned from.
const CHANGES: f64 = 2.0;
const GB: f64 = 1e9;

/// How large, and what a month costs, in any currency.
#[derive(Debug, Clone, clap::Args)]
pub struct Wish {
    /// What a site needs, alone: registries and a log of several sizes. With the default sizes it takes an hour and 40 GB.
    #[arg(long)]
    pub sizing: bool,
    /// Entities of the largest registry that is measured.
    #[arg(long, default_value_t = 1_000_000, requires = "sizing")]
    largest: usize,
    /// Entries of the log; 0 for none.
    #[arg(long, default_value_t = 10_000_000, requires = "sizing")]
    longest: i64,
    /// A month of one core.
    #[arg(long, default_value_t = 0.0, requires = "sizing")]
    core_price: f64,
    /// A month of one GB of memory.
    #[arg(long, default_value_t = 0.0, requires = "sizing")]
    memory_price: f64,
    /// A month of one GB of disk.
    #[arg(long, default_value_t = 0.0, requires = "sizing")]
    disk_price: f64,
}

pub async fn run(site: &Site, lasting: Duration, wish: &Wish) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "entities",
        "checks/s",
        "cores: server",
        "PostgreSQL",
        "P99, ms",
        "memory, MB: server",
        "PostgreSQL",
        "disk, GB: now",
        "a year more",
        "a month costs",
    ]);
    for (entities, name) in SIZES.into_iter().filter(|(entities, _)| *entities <= wish.largest) {
        let found = registry::measure(site, (entities, name), lasting).await?;
        println!("{found}");
        for rate in &found.rates {
            table.add_row(row(&found, rate, wish));
        }
    }
    println!("\n{table}");
    if wish.longest > 0 {
        large::run(site, wish.longest).await?;
    }
    Ok(())
}

fn row(found: &Measured, rate: &Rate, wish: &Wish) -> [String; 10] {
    let cores = rate.cores + rate.postgres_cores;
    let (now, year) = (found.disk() / GB, found.disk_of(CHANGES * found.entities as f64) / GB);
    let memory = (rate.memory + rate.postgres_memory) / 1e3;
    let cost = cores * wish.core_price + memory * wish.memory_price + (now + year) * wish.disk_price;
    let reached = format!("{:.0}", rate.reached);
    [
        found.entities.to_string(),
        if rate.reached < f64::from(rate.wanted) * 0.99 {
            format!("{reached} of {}", rate.wanted)
        } else {
            reached
        },
        format!("{:.2}", rate.cores),
        format!("{:.2}", rate.postgres_cores),
        format!("{:.1}", rate.p99),
        format!("{:.0}", rate.memory),
        format!("{:.0}", rate.postgres_memory),
        format!("{now:.2}"),
        format!("{year:.2}"),
        format!("{cost:.2}"),
    ]
}

/// Bytes below a folder, as they are on disk.
async fn bytes(dir: &Path) -> anyhow::Result<f64> {
    let output = Command::new("du").arg("-s").arg("-B1").arg(dir).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_whitespace().next().context("no size")?.parse()?)
}
