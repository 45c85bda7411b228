//! `ha`: two sites of real servers under real faults. `make ha-lab`, `make ha-demo`, `make ha-test` and `make soak` run it.

mod check;
mod demo;
mod faults;
mod history;
mod lab;
mod load;
mod report;
mod soak;
mod test;

use std::process::ExitCode;

use charter_server::serve::asked_to_stop;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "ha", about = "Charter on three sites: to learn on, to watch failing over, to test")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the sites, print where everything is, take commands, stay until Ctrl-C.
    Lab(lab::console::Arguments),
    /// Kill the primary site under load and print what clients saw.
    Demo(demo::Arguments),
    /// Do faults under load, and check the recorded history.
    Test(test::Arguments),
    /// Load for hours, with faults now and then.
    Soak(soak::Arguments),
    /// Remove what a run left behind, as soon as the run has gone.
    #[command(hide = true)]
    Sweep(lab::sweep::Arguments),
}

fn main() -> ExitCode {
    match run(&Args::parse().command) {
        Ok(good) => ExitCode::from(u8::from(!good)),
        Err(error) => {
            eprintln!("ha: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// True when all was good. Ctrl-C ends what runs: the laboratory then, and only then, as it should.
fn run(command: &Command) -> anyhow::Result<bool> {
    if let Command::Sweep(arguments) = command {
        return lab::sweep::run(arguments);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = perform(command) => done,
            () = asked_to_stop() => match command {
                Command::Lab(_) => Ok(true),
                _ => anyhow::bail!("interrupted"),
            },
        }
    });
    runtime.shutdown_background(); // A read of the terminal never ends.
    done
}

async fn perform(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Lab(arguments) => lab::console::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Test(arguments) => test::run(arguments).await,
        Command::Soak(arguments) => soak::run(arguments).await,
        Command::Sweep(arguments) => lab::sweep::run(arguments),
    }
}
