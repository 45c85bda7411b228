//! `charter completion`: a script for the shell.

use clap::CommandFactory as _;

use crate::{
    args::Cli,
    exit::{Exit, Failure},
    output,
};

pub fn run(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "charter", &mut script);
    output::bytes(&script)?;
    Ok(Exit::Ok)
}
