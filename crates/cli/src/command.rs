//! One file per command; this one only chooses.

mod approval;
mod audit;
mod chain;
mod check;
mod completion;
mod emergency;
mod entity;
mod grant;
mod import;
mod propose;
mod registry;
mod staff;
mod status;

use crate::{
    args::{Cli, Command, Connection},
    exit::{Exit, Failure},
};

pub async fn run(cli: Cli) -> Result<Exit, Failure> {
    execute(&cli.connection, cli.command).await
}

async fn execute(to: &Connection, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(to, args).await,
        Command::Chain(command) => chain::run(to, command).await,
        Command::Import(args) => import::run(to, args).await,
        Command::Entity(command) => entity::run(to, command).await,
        Command::Delegation(command) => status::delegation(to, command).await,
        Command::Approval(command) => approval::run(to, command).await,
        Command::Accreditation(command) => grant::accreditation(to, command).await,
        Command::Statement(command) => grant::statement(to, command).await,
        Command::Staff(command) => staff::run(to, command).await,
        Command::Audit(command) => audit::run(to, command).await,
        Command::Registry(command) => registry::run(to, command).await,
        Command::Completion { shell } => completion::run(shell),
    }
}
