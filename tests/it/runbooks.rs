//! docs/runbooks: where to look is looked at, with the programs, on a server that stands; and an alert is explained with what
//! that server says.

use std::{process::Stdio, time::Duration};

use charter_tests::{
    AUTHORITY, TestApp,
    database::{CLUSTER, REDIS},
    program::{built, root},
};
use tokio::process::Command;

use crate::walkthrough::blocks;

const PATIENCE: Duration = Duration::from_secs(60);

/// Each runbook's name and the lines of its `sh` blocks.
fn runbooks() -> Vec<(String, Vec<String>)> {
    let files = std::fs::read_dir(root().join("docs/runbooks")).expect("docs/runbooks").flatten();
    let page = |file: std::fs::DirEntry| {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file.path()).expect("a page");
        let lines = blocks(&text, "sh").collect::<Vec<_>>().join("\n");
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        (name, lines.collect())
    };
    files.map(page).filter(|(name, _)| name != "README.md").collect()
}

/// At the desk of who was called: the programs, the site's configuration, a server.
async fn runs(line: &str, config: &str, server: &str) -> (Option<i32>, String) {
    let programs = built("charterd").parent().expect("a folder").display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").expect("a path"));
    let mut bash = Command::new("bash");
    bash.args(["-o", "pipefail", "-c", line]).env("PATH", path).env("SERVER", server);
    bash.env("CHARTER_CONFIG_FILE", config)
        .env_remove("CHARTER_SHARED")
        .env_remove(CLUSTER)
        .env_remove(REDIS)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, bash.output()).await.expect("it ends").expect("bash runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_runbooks_say_to_look_there_is_something_to_see() {
    let build = || TestApp::build().registry(AUTHORITY).owner();
    let app = build().start().await;
    app.registry(AUTHORITY).registers("did:web:issuer.example").authorized("issue", "Degree").await;
    let config = app.directory().join("site.toml");
    std::fs::write(&config, build().toml(&app.database, app.directory(), app.address)).expect("written");
    let (config, server) = (config.display().to_string(), app.url());

    let all = runbooks();
    assert!(all.len() >= 15);
    let mut faults = Vec::new();
    for (name, lines) in &all {
        assert!(!lines.is_empty(), "{name} says nowhere to look");
        for line in lines {
            let (code, said) = runs(line, &config, &server).await;
            // What this server has none of, such as Redis, is not found.
            let none = line.contains("| grep") && code == Some(1) && said.is_empty();
            if code != Some(0) && !none {
                faults.push(format!("{name}: `{line}` exits with {code:?}: {said}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let line = "charterd doctor --explain CharterNothingProven --server $SERVER";
    let (code, said) = runs(line, &config, &server).await;
    assert_eq!(code, Some(0), "{said}");
    for part in
        ["CharterNothingProven (critical)", "charter_epoch_lease_held 1", "# No primary, or another one"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (code, said) = runs("charterd doctor --explain CharterSad", &config, &server).await;
    assert!(code == Some(1) && said.contains("there is no alert `CharterSad`"), "{said}");
}
