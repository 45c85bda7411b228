//! `charter approval amend ID COMMAND`: the command that proposes, with the proposal that its draft takes the place of.

use clap::Parser as _;

use crate::{
    args::{Cli, Connection},
    exit::{Exit, Failure},
};

pub async fn run(to: &Connection, id: String, command: Vec<String>) -> Result<Exit, Failure> {
    let its_own = command.iter().any(|word| word.starts_with("--server"));
    let line = ["charter".to_owned()].into_iter().chain(command).chain(["--amend".to_owned(), id]);
    let cli = Cli::try_parse_from(line).map_err(|e| {
        Failure::usage(format!("the command to amend with is not one that proposes: {}", e.kind()))
            .hint("give the command as you would propose it, such as `entity revoke ID --reason CODE --propose --why TEXT`")
    })?;
    // What follows the id is all of the other command; its connection too, where it names one.
    let to = if its_own { &cli.connection } else { to };
    Box::pin(crate::command::execute(to, cli.command)).await
}
