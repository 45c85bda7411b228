//! Corrections, renewals, recognitions and delegations from the command line, at a sealed registry.

use charter_domain::time::Clock;
use charter_tests::{
    AUTHORITY,
    governed::{Governed, ISSUER},
    program::built,
};
use tokio::process::Command;

const CHILD: &str = "did:web:child.example";

/// Exit code and what it printed, results and faults.
async fn charter(g: &Governed, who: &str, args: &[&str]) -> (i32, String) {
    let token = g.app.directory().join(format!("token-{who}"));
    std::fs::write(&token, g.issuer.approver_token(who)).expect("written");
    run(g, args, &["--token-file", token.to_str().expect("UTF-8")]).await
}

async fn run(g: &Governed, args: &[&str], more: &[&str]) -> (i32, String) {
    let mut command = Command::new(built("charter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHARTER_")) {
        command.env_remove(name); // The harness' own are no settings.
    }
    let command = command.args(args).args(["--server", &g.app.url()]).args(more);
    let output = command.env("NO_COLOR", "1").output().await.expect("charter runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// What is read needs no token.
async fn prints(g: &Governed, args: &[&str]) -> String {
    let (code, text) = run(g, args, &[]).await;
    assert_eq!(code, 0, "{args:?}: {text}");
    text
}

/// Proposed by one and approved by as many as it takes.
async fn decided(g: &Governed, who: &str, args: &[&str]) {
    let (code, text) = charter(g, who, &[args, &["--why", "as tested"]].concat()).await;
    assert_eq!(code, 0, "{args:?}: {text}");
    let id = text.split("proposal ").nth(1).and_then(|rest| rest.split(':').next()).expect("an id");
    let mut said = String::new();
    for approver in ["anna", "arvo"] {
        let (code, text) = charter(g, approver, &["approval", "approve", id, "-y"]).await;
        assert_eq!(code, 0, "{args:?}: {text}");
        said = text;
        if said.contains("executed") {
            break;
        }
    }
    assert!(said.contains("executed"), "{args:?} is open still: {said}");
}

/// The first column of the row that has a text.
fn first(table: &str, having: &str) -> String {
    let row = table.lines().find(|line| line.contains(having)).unwrap_or_default();
    row.split_whitespace().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn entities_accreditations_statements_and_recognitions_live_from_the_command_line() {
    let g = Governed::start().await;
    let until = |days: u32| g.app.clock.now().plus(std::time::Duration::from_secs(86_400) * days).to_string();
    decided(&g, "olga", &["entity", "correct", ISSUER, "--name", "fi=Yliopisto", "--country", "SE"]).await;
    decided(&g, "olga", &["entity", "correct", ISSUER, "--add-identifier", "lei=5299000"]).await;
    let shown = prints(&g, &["entity", "show", "5299000"]).await;
    assert!(shown.contains("Yliopisto [fi]") && shown.contains("SE"), "{shown}");

    let grant = ["accreditation", "grant", ISSUER, "--body", "Ministry", "--legal-basis", "Act 1"];
    decided(&g, "olga", &[&grant[..], &["--valid-until", &until(3)]].concat()).await;
    let ground = first(&prints(&g, &["accreditation", "list"]).await, "Ministry");
    decided(&g, "olga", &["accreditation", "correct", &ground, "--body", "Agency"]).await;
    decided(&g, "olga", &["accreditation", "correct", &ground, "--valid-until", &until(4)]).await;
    decided(&g, "olga", &["accreditation", "renew", &ground, "--until", &until(9)]).await;
    let shown = prints(&g, &["accreditation", "show", &ground]).await;
    assert!(shown.contains("Agency") && shown.contains(&until(9)) && shown.contains("ACTIVE"), "{shown}");

    let on = ["--accreditation", &ground, "--valid-until", &until(2)];
    decided(&g, "olga", &[&["statement", "authorize", ISSUER, "issue", "Diploma"], &on[..]].concat()).await;
    let number = first(&prints(&g, &["statement", "list", ISSUER]).await, "Diploma");
    decided(&g, "olga", &["statement", "renew", &number, "--until", &until(8)]).await;
    let shown = prints(&g, &["statement", "show", &number]).await;
    assert!(shown.contains(&ground) && shown.contains(&until(8)), "{shown}");
    let shorter = ["statement", "renew", &number, "--until", &until(1), "--why", "w"];
    assert_eq!(charter(&g, "olga", &shorter).await.0, 7, "a conflict");
    let dry = ["statement", "renew", &number, "--until", &until(20), "--why", "w", "--dry-run"];
    assert_eq!(charter(&g, "olga", &dry).await, (0, "would propose RENEW\n".to_owned()));

    let recognize = ["recognition", "recognize", ISSUER, "issue", "Licence", "--valid-until", &until(2)];
    decided(&g, "olga", &recognize).await;
    let listed = prints(&g, &["recognition", "list", ISSUER]).await;
    let number = first(&listed, "Licence");
    assert!(!listed.contains("Diploma"), "{listed}");
    decided(&g, "olga", &["recognition", "renew", &number, "--until", &until(5)]).await;
    let asking = g.app.anonymous().asks(ISSUER, "issue", "Licence").recognition();
    for (verb, line) in [
        ("suspend", "200 no SUSPENDED"),
        ("reinstate", "200 yes ACTIVE"),
        ("end", "200 no ENDED"),
        ("revoke", "200 no REVOKED"),
    ] {
        let waived = ["--hearing-waived", "URGENT", "--legal-basis", "Act 1"];
        let spared = if matches!(verb, "suspend" | "revoke") { &waived[..] } else { &[] };
        let args = ["recognition", verb, &number, "--reason", "TESTED"];
        decided(&g, "olga", &[&args[..], spared].concat()).await;
        assert_eq!(asking.both().await.line(), line);
    }
}

#[tokio::test]
async fn a_delegation_lives_from_the_command_line() {
    let g = Governed::start().await;
    let own = g.app.registry(AUTHORITY);
    let keys = own.delegation(&own, &["edu:*"]).jwks_json;
    let jwks = g.app.directory().join("child.json");
    std::fs::write(&jwks, keys).expect("written");
    let until = |days: u32| g.app.clock.now().plus(std::time::Duration::from_secs(86_400) * days).to_string();
    let make = ["delegation", "make", CHILD, "--entity-identifier", "https://child.example", "--jwks"];
    let make = [&make[..], &[jwks.to_str().expect("UTF-8"), "--endpoint", "http://127.0.0.1:9"]].concat();
    let make = [&make[..], &["--permit-name", ".EXAMPLE", "--resource", "edu:*"]].concat();
    let make = [&make[..], &["--max-path-length", "3", "--valid-until"]].concat();
    decided(&g, "otto", &[&make[..], &[until(3).as_str()]].concat()).await;
    let wider = ["delegation", "narrow", CHILD, "--resource", "*", "--why", "w"];
    assert_eq!(charter(&g, "otto", &wider).await.0, 7, "a conflict");
    let less = ["delegation", "narrow", CHILD, "--resource", "edu:a", "--max-path-length", "1"];
    let names = ["--permit-name", ".example", "--exclude-name", ".child.example"];
    decided(&g, "otto", &[&less[..], &names].concat()).await;
    decided(&g, "otto", &["delegation", "renew", CHILD, "--until", &until(6)]).await;
    let shown = prints(&g, &["delegation", "show", CHILD, "-o", "json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let held = &shown["delegation"];
    assert_eq!((&held["max_path_length"], &held["valid_until"]), (&1.into(), &until(6).into()));
    assert_eq!(held["scope"][0]["resources"], serde_json::json!(["edu:a"]));
    let names = serde_json::json!({ "permitted": [".example"], "excluded": [".child.example"] });
    assert_eq!(held["naming_constraints"], names);
    let listed = prints(&g, &["delegation", "list"]).await;
    assert!(first(&listed, "edu:a") == CHILD && listed.contains("ACTIVE"), "{listed}");
    for verb in ["suspend", "reinstate", "end"] {
        decided(&g, "otto", &["delegation", verb, CHILD, "--reason", "TESTED", "--propose", "-y"]).await;
    }
}
