//! The demo federation: a private Postgres, real server processes, facts, and a walk through them.

pub mod ask;
pub mod cluster;
pub mod ebsi;
pub mod facts;
pub mod four_eyes;
pub mod office;
pub mod plan;
pub mod process;
pub mod recognised;
pub mod show;
pub mod walk;
pub mod witnesses;

use std::{path::PathBuf, time::Instant};

use anyhow::Context;

use self::{office::Office, plan::Plan, process::Federation};
use crate::serve::asked_to_stop;

/// What `charterd demo` was asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Walk through once, say whether every answer was right, clean up.
    pub check: bool,
    pub base_port: u16,
    pub dir: PathBuf,
}

/// Runs the demo; true when every answer was right.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    tokio::select! {
        walked = start_and_walk(options) => {
            let (federation, good) = walked?;
            if !options.check {
                println!("\nThe federation stays up until Ctrl-C.");
                asked_to_stop().await;
                println!("\nstopping");
            }
            federation.stop().await;
            if options.check {
                let word = if good { "all answers were right" } else { "SOME ANSWERS WERE WRONG" };
                println!("demo check: {word}");
            }
            Ok(good)
        }
        () = asked_to_stop(), if options.check => anyhow::bail!("interrupted"),
    }
}

async fn start_and_walk(options: &Options) -> anyhow::Result<(Federation, bool)> {
    let started = Instant::now();
    let plan = Plan::new(options.base_port)?;
    println!(
        "starting {} registries in {} server processes",
        plan.registries().count(),
        plan.processes.len()
    );
    let office = Office::open(&plan).await.context("the provider for sign-in could not be started")?;
    let federation =
        Federation::start(&plan, &options.dir).await.context("the federation could not be started")?;
    let loaded = facts::load(&plan, &federation).await.context("the records could not be loaded")?;
    office.seal(&federation).await.context("the education registry could not be sealed")?;
    println!("ready in {:.1} s: {loaded} institutions loaded\n", started.elapsed().as_secs_f64());
    let good = walk::walk(&plan, &federation, &office).await?;
    show::commands(&plan, &federation);
    Ok((federation, good))
}
