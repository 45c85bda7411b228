//! `charterd standby`: who leads, a planned switchover, and a promotion when the leader's site is lost. Patroni does the
//! work; this looks before and after, and does nothing that could lose what was acknowledged.

mod act;
mod log;
mod patroni;
mod plan;
mod show;
mod sight;
mod view;

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};
use charter_domain::time::Clock as _;
use clap::{Subcommand, ValueEnum};

use self::{
    act::Act,
    patroni::Api,
    plan::{Plan, Way},
    sight::Sight,
    view::View,
};
use crate::{Config, clock::WallClock, config::Faults};

#[derive(Subcommand)]
pub enum StandbyCommand {
    /// Show members, roles and lag; exits 0 only with one leader and as many standbys as confirm a write.
    Status {
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Let another member lead, by plan: nothing is lost, writes wait for a moment.
    Switchover {
        /// The member; the nearest one that confirms writes where it is left out.
        #[arg(long, value_name = "MEMBER")]
        to: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Let a member lead after the leader's site was lost.
    Promote {
        member: String,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Json,
}

/// How far a command goes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct How {
    /// Print the plan and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go without asking.
    #[arg(long)]
    yes: bool,
}

/// Does what was asked.
pub async fn run(config: &Config, command: &StandbyCommand) -> anyhow::Result<ExitCode> {
    let settings = &config.standby;
    if settings.patroni.is_empty() {
        let text = "standby.patroni is empty: name the REST API of Patroni on each node of the database";
        return Err(Faults(vec![text.to_owned()]).into());
    }
    let api = Api::new(settings).map_err(|why| Faults(vec![why]))?;
    let view = View::of(api.seen().await, WallClock.now());
    match command {
        StandbyCommand::Status { output } => {
            let sight = Sight::look(config).await;
            show::print(&view, sight.as_ref(), *output)?;
            let good = view.is_good() && sight.is_none_or(|sight| sight.fault.is_none());
            Ok(ExitCode::from(u8::from(!good)))
        }
        StandbyCommand::Switchover { to, how } => {
            let way = plan::switchover(&view, to.as_deref()).map_err(|why| anyhow!(why))?;
            go(config, &api, way, *how).await
        }
        StandbyCommand::Promote { member, how } => {
            let way = plan::promote(&view, member).map_err(|why| anyhow!(why))?;
            go(config, &api, way, *how).await
        }
    }
}

async fn go(config: &Config, api: &Api, way: Way, how: How) -> anyhow::Result<ExitCode> {
    let act = Act::new(config, api)?;
    let plan = match way {
        Way::Done(member) => {
            println!("`{member}` leads already");
            // Run again after an interruption: what comes after is looked at all the same.
            if !how.dry_run {
                act.afterwards(&member, None).await?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Way::Go(plan) => plan,
    };
    print!("{plan}");
    if how.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !how.yes && !is_wanted(&plan)? {
        println!("nothing was done");
        return Ok(ExitCode::FAILURE);
    }
    act.run(&plan).await?;
    println!("`{}` leads", plan.to);
    Ok(ExitCode::SUCCESS)
}

/// Asks whoever sits there.
fn is_wanted(plan: &Plan) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    anyhow::ensure!(input.is_terminal(), "nobody can be asked here: look at the plan and add --yes");
    eprint!("let `{}` lead? [yes/no] ", plan.to);
    std::io::stderr().flush().context("standard error")?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).context("standard input")?;
    Ok(answer.trim() == "yes")
}
