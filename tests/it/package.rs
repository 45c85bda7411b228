//! What the package starts with is enough: services of the compose file and units of systemd, with no more than they are
//! given there.

use std::{collections::BTreeMap, path::PathBuf, process::Output};

use charter_tests::{
    database::Database,
    program::{built, root},
};
use serde_norway::Value;
use tokio::process::Command;

type Variables = BTreeMap<String, String>;

fn package(file: &str) -> PathBuf {
    root().join("server/package").join(file)
}

/// Settings as they are where these tests run: connections, and the file that comes with the package.
fn here(name: &str, database: &Database) -> String {
    match name {
        "CHARTER_DATABASE__OWNER_URL" => database.url("charter_owner"),
        "CHARTER_DATABASE__URL" => database.url("charter_runtime"),
        "CHARTER_CONFIG_FILE" => package("site.toml").display().to_string(),
        other => unreachable!("say here what {other} is"),
    }
}

async fn run(words: &[&str], variables: &Variables) -> Output {
    let mut command = Command::new(built("charterd"));
    command.args(words).env_clear().envs(variables);
    command.output().await.expect("it runs")
}

fn is_good(output: &Output) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn services_of_the_compose_file_have_what_they_need() {
    let (database, text) =
        (Database::create().await, std::fs::read_to_string(package("compose/compose.yaml")));
    let file: Value = serde_norway::from_str(&text.expect("readable")).expect("YAML");
    let given = |service: &str| -> Variables {
        let variables = file["services"][service]["environment"].as_mapping().expect("variables");
        let names = variables.keys().map(|name| name.as_str().expect("a name"));
        names.map(|name| (name.to_owned(), here(name, &database))).collect()
    };
    assert_eq!(file["services"]["migrate"]["command"][0], "migrate");
    is_good(&run(&["migrate"], &given("migrate")).await);
    is_good(&run(&["config", "check"], &given("server")).await);
    for (name, service) in file["services"].as_mapping().expect("services") {
        for needed in service["depends_on"].as_mapping().into_iter().flatten() {
            assert!(file["services"].get(needed.0).is_some(), "{name:?} needs {needed:?}");
        }
    }
}

#[tokio::test]
async fn units_have_what_they_need() {
    let database = Database::create().await;
    // A file of variables has what the comment before its line names.
    for (unit, named, words) in [
        ("charterd-migrate.service", "CHARTER_DATABASE__OWNER_URL", &["migrate"][..]),
        ("charterd.service", "CHARTER_DATABASE__URL", &["config", "check"]),
    ] {
        let text = std::fs::read_to_string(package("systemd").join(unit)).expect("readable");
        let comment = text.lines().find(|line| line.starts_with("# CHARTER_")).expect("what is in the file");
        assert!(comment.starts_with(&format!("# {named}=")), "{unit}: {comment}");
        let given = text.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
        let names = given.map(|(name, _)| name).chain([named]);
        let variables = names.map(|name| (name.to_owned(), here(name, &database))).collect();
        is_good(&run(words, &variables).await);
        let program = words.first().filter(|word| **word == "migrate").unwrap_or(&"serve");
        assert!(text.contains(&format!("ExecStart=/usr/bin/charterd {program}\n")), "{unit}");
    }
}

#[tokio::test]
async fn a_migration_without_a_connection_says_which_one_is_missing() {
    let output = run(&["migrate"], &Variables::new()).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("database.owner_url is empty"));
}
