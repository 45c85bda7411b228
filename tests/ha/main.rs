//! `ha`: two sites of real servers under real faults. `make ha-lab`, `make ha-demo`, `make ha-test` and `make soak` run it.

mod check;
mod demo;
mod history;
mod lab;
mod report;
mod soak;
mod test;

use std::process::ExitCode;

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
    Lab(lab::Arguments),
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
    let args = Args::parse();
    let done = runtime().and_then(|runtime| match &args.command {
        Command::Lab(arguments) => runtime.block_on(lab::console::run(arguments)),
        Command::Demo(arguments) => runtime.block_on(demo::run(arguments)),
        Command::Test(arguments) => runtime.block_on(test::run(arguments)),
        Command::Soak(arguments) => runtime.block_on(soak::run(arguments)),
        Command::Sweep(arguments) => lab::sweep::run(arguments),
    });
    match done {
        Ok(good) => ExitCode::from(u8::from(!good)),
        Err(error) => {
            eprintln!("ha: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
