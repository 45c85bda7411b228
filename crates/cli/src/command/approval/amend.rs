//! `charter approval amend ID COMMAND`: the command that proposes, with the proposal that its draft takes the place of.

use std::ffi::OsString;

use crate::{
    args::Connection,
    exit::{Exit, Failure},
    profile::{self, Parsed},
};

pub async fn run(to: &Connection, id: String, command: Vec<String>) -> Result<Exit, Failure> {
    let given = |option: &str| command.iter().any(|word| word.split('=').next() == Some(option));
    // What follows the id is all of the other command; its connection and profile too, where it names them.
    let inherited = [("--server", &to.server), ("--profile", &to.profile)];
    let inherited = inherited.into_iter().filter(|(option, _)| !given(option));
    let inherited: Vec<_> =
        inherited.flat_map(|(option, value)| [option.to_owned(), value.clone()]).collect();
    let line = ["charter".to_owned()].into_iter().chain(inherited).chain(command);
    let line: Vec<OsString> = line.chain(["--amend".to_owned(), id]).map(OsString::from).collect();
    match profile::parse(&line)? {
        Parsed::Run(asked) => Box::pin(crate::command::run(*asked)).await,
        Parsed::Said(said) => Err(Failure::usage(format!(
            "the command to amend with is not one that proposes: {}",
            said.kind()
        ))
        .hint("give the command as you would propose it, such as `entity revoke ID --reason CODE --propose --why TEXT`")),
    }
}
