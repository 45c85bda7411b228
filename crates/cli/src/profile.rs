//! Settings by profile. Each is an option of the command line, and what the file says is its default: so an option
//! that is given comes first, then its environment variable, then the profile, then the built-in default.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, parser::ValueSource};
use figment::{
    Figment,
    providers::{Format as _, Toml},
};

use crate::{args::Cli, exit::Failure, login::Place};

/// Options that a profile may set, by their names.
const SETTINGS: [&str; 11] = [
    "server",
    "timeout",
    "registry",
    "token-file",
    "ca-file",
    "client-cert",
    "client-key",
    "issuer",
    "client-id",
    "scope",
    "acr-values",
];

/// What a command line came to.
pub enum Parsed {
    Run(Box<Asked>),
    /// Help and version, or a fault in the arguments.
    Said(clap::Error),
}

pub struct Asked {
    pub cli: Cli,
    pub place: Place,
    /// The command uses the token of the profile's sign-in.
    pub uses_login: bool,
}

/// A profile's options and their values.
type Settings = BTreeMap<String, String>;

pub fn parse(args: &[OsString]) -> Result<Parsed, Failure> {
    let first = match Cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        // Defaults of a profile would mend nothing: no option that one can set is required.
        Err(said) => return Ok(Parsed::Said(said)),
    };
    let profile = first.get_one::<String>("profile").cloned().unwrap_or_default();
    let place = Place::of(&profile);
    let mut settings = read(&profile)?;
    let signed_in = place.token().filter(|path| path.is_file());
    // A certificate says who this is; a token would go before it.
    let certified = first.contains_id("client_cert") || settings.contains_key("client-cert");
    let uses_login = !certified && !settings.contains_key("token-file") && signed_in.is_some();
    if let Some(path) = signed_in.filter(|_| uses_login) {
        let path = path.into_os_string().into_string();
        settings.insert("token-file".to_owned(), path.map_err(|_| not_text())?);
    }
    let matches = match with_defaults(Cli::command(), &settings).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(said) => return Ok(Parsed::Said(said)),
    };
    let uses_login = uses_login && takes_default(&matches, "token_file");
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => Ok(Parsed::Run(Box::new(Asked { cli, place, uses_login }))),
        Err(said) => Ok(Parsed::Said(said)),
    }
}

fn not_text() -> Failure {
    Failure::usage("the path of the kept sign-in is not UTF-8: set XDG_STATE_HOME to another")
}

/// Whether the command that runs has an option, and takes it from its default.
fn takes_default(matches: &ArgMatches, id: &str) -> bool {
    let mut leaf = matches;
    while let Some((_, inner)) = leaf.subcommand() {
        leaf = inner;
    }
    leaf.try_contains_id(id).is_ok() && leaf.value_source(id) == Some(ValueSource::DefaultValue)
}

fn with_defaults(mut command: clap::Command, settings: &Settings) -> clap::Command {
    let long = |arg: &clap::Arg| arg.get_long().and_then(|name| settings.get(name)).cloned();
    let found: Vec<_> =
        command.get_arguments().filter_map(|arg| Some((arg.get_id().clone(), long(arg)?))).collect();
    for (id, value) in found {
        command = command.mut_arg(id, |arg| arg.default_value(value));
    }
    command.mut_subcommands(|inner| with_defaults(inner, settings))
}

/// `$XDG_CONFIG_HOME/charter/config.toml`.
fn file() -> Option<PathBuf> {
    Some(home("XDG_CONFIG_HOME", ".config")?.join("charter/config.toml"))
}

/// A directory of the XDG base directory specification; relative paths in its variables count for nothing.
pub fn home(variable: &str, usual: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| Some(PathBuf::from(std::env::var_os("HOME").filter(|h| !h.is_empty())?).join(usual)))
}

/// The settings of a profile; none where there is no file. Faults anywhere in the file are told.
fn read(profile: &str) -> Result<Settings, Failure> {
    let Some(path) = file().filter(|path| path.is_file()) else {
        return Ok(Settings::new());
    };
    let told = |what: String| Failure::usage(format!("`{}`: {what}", path.display()));
    let all: BTreeMap<String, Settings> =
        Figment::from(Toml::file_exact(&path)).extract().map_err(|e| told(e.to_string()))?;
    let strange = all.iter().find_map(|(profile, settings)| {
        let strange = settings.keys().find(|name| !SETTINGS.contains(&name.as_str()))?;
        Some((profile, strange))
    });
    if let Some((profile, name)) = strange {
        let known = SETTINGS.join(", ");
        return Err(told(format!("[{profile}] sets `{name}`, which is none of {known}")));
    }
    // A profile that is only signed in needs no settings.
    Ok(all.get(profile).cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_sets_defaults_that_options_override() {
        let settings = Settings::from([
            ("server".to_owned(), "http://127.0.0.1:9".to_owned()),
            ("token-file".to_owned(), "/kept/token".to_owned()),
        ]);
        let parse = |args: &[&str]| {
            let command = with_defaults(Cli::command(), &settings);
            let matches = command.try_get_matches_from(args).expect("good arguments");
            let uses = takes_default(&matches, "token_file");
            (Cli::from_arg_matches(&matches).expect("a command").connection.server, uses)
        };
        assert_eq!(parse(&["charter", "staff", "list"]), ("http://127.0.0.1:9".to_owned(), true));
        let given = ["charter", "staff", "list", "--server", "http://a", "--token-file", "t"];
        assert_eq!(parse(&given), ("http://a".to_owned(), false));
        assert!(!parse(&["charter", "registry", "list"]).1, "it takes no token");
    }
}
