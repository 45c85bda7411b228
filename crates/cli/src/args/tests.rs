//! The command line as a whole: what each command must have.

use clap::{Command, CommandFactory as _};

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn values_are_checked_before_anything_is_sent() {
    assert_eq!(member("eqf=7=x"), Ok(("eqf".to_owned(), "7=x".to_owned())));
    assert!(member("=7").is_err() && member("eqf").is_err());
    assert!(reason_code("FRAUD_2").is_ok());
    assert!(reason_code("fraud").is_err() && reason_code("").is_err() && reason_code("2X").is_err());
    assert_eq!(uuid("0190C5A4-7C1E-7000-8000-0000000000AB").map(|id| id.len()), Ok(36));
    assert!(uuid("0190c5a47c1e-7000-8000-0000000000ab-").is_err() && uuid("7").is_err());
    assert!(hash(&"aB".repeat(32)).is_ok_and(|hash| hash == "ab".repeat(32)));
    assert!(hash(&"a".repeat(63)).is_err() && hash(&"g".repeat(64)).is_err());
}

/// Commands that change nothing in a registry, by their last word.
const READERS: [&str; 32] = [
    "accesses",
    "amend",
    "audit-state",
    "check",
    "completion",
    "conformance",
    "deliveries",
    "export",
    "get",
    "graph",
    "history",
    "list",
    "login",
    "logout",
    "man",
    "mirror",
    "peers",
    "policy",
    "proof",
    "scope",
    "serve",
    "show",
    "status",
    "sync",
    "test",
    "types",
    "validate",
    "verify",
    "watch",
    "whoami",
    "witnessed",
    "help",
];
/// Readers that print data in more than one form. `amend` takes the options of the command that it is given.
const SHOWN: [&str; 13] = [
    "accesses",
    "conformance",
    "deliveries",
    "get",
    "history",
    "list",
    "peers",
    "policy",
    "scope",
    "show",
    "types",
    "whoami",
    "witnessed",
];
/// What takes something away at once, so that it is asked for unless `--yes` says so.
const ASKED: [&str; 10] = [
    "charter approval approve",
    "charter delegation end",
    "charter delegation revoke",
    "charter delegation suspend",
    "charter entity emergency-suspend",
    "charter entity end",
    "charter entity revoke",
    "charter entity suspend",
    "charter staff credential revoke",
    "charter webhook delete",
];

/// Every command that runs, by its path.
fn leaves(command: &Command, path: &str) -> Vec<(String, Command)> {
    let path = if path.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{path} {}", command.get_name())
    };
    if !command.has_subcommands() {
        return vec![(path, command.clone())];
    }
    command.get_subcommands().flat_map(|inner| leaves(inner, &path)).collect()
}

fn has(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(long))
}

#[test]
fn what_changes_can_be_tried_and_what_is_read_has_four_forms() {
    let all = leaves(&Cli::command(), "");
    assert!(all.len() > 30, "{}", all.len());
    let mut faults = Vec::new();
    for (path, command) in &all {
        let name = command.get_name();
        if !READERS.contains(&name) && !has(command, "dry-run") {
            faults.push(format!("`{path}` changes something and has no --dry-run"));
        }
        let output = command.get_arguments().find(|arg| arg.get_long() == Some("output"));
        let forms: Vec<_> = output
            .map(|arg| arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect())
            .unwrap_or_default();
        if SHOWN.contains(&name) && forms != ["table", "json", "ndjson", "csv"] {
            faults.push(format!("`{path}` reads and has no -o table|json|ndjson|csv"));
        }
        if command.get_about().is_none() {
            faults.push(format!("`{path}` does not say what it does"));
        }
    }
    for path in ASKED {
        let found = all.iter().find(|(name, _)| name == path).map(|(_, command)| command);
        if !found.is_some_and(|command| has(command, "yes")) {
            faults.push(format!("`{path}` is done without a question, or is gone"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
