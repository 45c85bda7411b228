//! One file per command; this one only chooses.

mod anchors;
mod approval;
mod audit;
mod chain;
mod check;
mod conformance;
mod delegation;
mod emergency;
mod entity;
mod federation;
mod grant;
mod import;
mod key;
mod life;
mod log;
mod login;
mod mirror;
mod privacy;
mod procedure;
mod proof;
mod propose;
mod record;
mod registry;
mod schema;
mod staff;
mod status;
mod webhook;

use clap::CommandFactory as _;

use crate::{
    args::{Cli, Command, Connection, Proof},
    exit::{Exit, Failure},
    login::{self as signed_in, Place},
    profile::Asked,
};

/// What was parsed; the token of a sign-in is renewed first where it is used.
pub async fn run(asked: Asked) -> Result<Exit, Failure> {
    let Asked { cli, place, uses_login } = asked;
    if uses_login {
        signed_in::renew(&place, &cli.connection).await?;
    }
    execute(&cli.connection, cli.command, &place).await
}

async fn execute(to: &Connection, command: Command, place: &Place) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(to, args).await,
        Command::Conformance(args) => conformance::run(to, args).await,
        Command::Chain(command) => chain::run(to, command).await,
        Command::Anchors(command) => anchors::run(to, command).await,
        Command::Proof(Proof::Verify(args)) => proof::verify(args).await,
        Command::Import(args) => import::run(to, args).await,
        Command::Entity(command) => entity::run(to, command).await,
        Command::Delegation(command) => status::delegation(to, command).await,
        Command::Federation(command) => federation::run(to, command).await,
        Command::Procedure(command) => procedure::run(to, command).await,
        Command::Approval(command) => approval::run(to, command).await,
        Command::Accreditation(command) => grant::accreditation(to, command).await,
        Command::Statement(command) => grant::statement(to, command).await,
        Command::Recognition(command) => grant::recognition(to, command).await,
        Command::Key(command) => key::run(to, command).await,
        Command::Staff(command) => staff::run(to, command).await,
        Command::Audit(command) => audit::run(to, command).await,
        Command::Log(command) => log::run(to, command, place).await,
        Command::Mirror(command) => mirror::run(to, command).await,
        Command::Privacy(command) => privacy::run(to, command).await,
        Command::Schema(command) => schema::run(to, command).await,
        Command::Webhook(command) => webhook::run(to, command).await,
        Command::Registry(command) => registry::run(to, command).await,
        Command::Login(args) => login::login(to, place, args).await,
        Command::Logout => login::logout(place),
        Command::Whoami(args) => login::whoami(to, args).await,
        Command::Pages(pages) => {
            let failed = |e| Failure::new(Exit::Unexpected, format!("cannot write the pages: {e}"));
            pages.run(Cli::command()).map(|()| Exit::Ok).map_err(failed)
        }
    }
}
