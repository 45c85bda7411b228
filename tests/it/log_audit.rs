//! The auditor's commands against real registries: good ones, ones that are written to meanwhile, and one whose tables
//! are not what its log says.

use charter_tests::{AUTHORITY, TestApp, hand_log, program::built};
use charter_tlog::{hash, log_proof::LogProof, note::KeyKind, policy::Policy};
use serde_json::Value;
use tokio::process::Command;

use crate::logged::{events, id, loads, published, vkey};

const CHILD: &str = "did:web:child.example";

/// Exit code and what it printed, results and faults.
async fn charter(app: &TestApp, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(built("charter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHARTER_")) {
        command.env_remove(name); // The harness' own are no settings.
    }
    command.args(args).args(["--server", &app.url()]);
    command.env("XDG_STATE_HOME", app.directory()).env("XDG_CONFIG_HOME", "/nonexistent");
    let output = command.kill_on_drop(true).output().await.expect("charter runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// The log of the n-th registry, and the options by which it is believed.
async fn by_key(app: &TestApp, n: usize, authority: &str) -> [String; 4] {
    let vkey = vkey(app, authority).await.to_string();
    ["--log".to_owned(), format!("{}/r/r{n}/log", app.url()), "--vkey".to_owned(), vkey]
}

async fn verified(app: &TestApp, options: &[String]) -> Value {
    let options = options.iter().map(String::as_str);
    let args: Vec<&str> = ["log", "verify", "-o", "json"].into_iter().chain(options).collect();
    let (code, text) = charter(app, &args).await;
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).expect("JSON alone")
}

#[tokio::test]
async fn a_log_is_verified_proven_and_found_to_say_what_the_registry_answers() {
    let app = TestApp::start().await;
    loads(&app, AUTHORITY, 0, 150).await;
    let registry = app.registry(AUTHORITY);
    registry.revokes("did:web:issuer-3.example").await;
    registry.suspends("did:web:issuer-4.example").await;
    let now = published(&app, AUTHORITY).await;
    let options = by_key(&app, 0, AUTHORITY).await;
    let report = verified(&app, &options).await;
    assert_eq!((&report["size"], &report["grown_from"]), (&now.size.into(), &Value::Null));
    assert_eq!((&report["root"], &report["registry"]), (&now.root.to_string().into(), &AUTHORITY.into()));
    registry.revokes("did:web:issuer-5.example").await;
    published(&app, AUTHORITY).await;
    assert_eq!(verified(&app, &options).await["grown_from"], now.size, "kept from the run before");

    let [log, url, key, vkey_text] = options.each_ref().map(String::as_str);
    let believed = [log, url, key, vkey_text];
    let out = app.directory().join("first.tlog-proof");
    let out = out.to_str().expect("UTF-8");
    let args = [&["log", "proof", "3", "--out", out], &believed[..]].concat();
    assert_eq!(charter(&app, &args).await.0, 0);
    let proof: LogProof = std::fs::read_to_string(out).expect("written").parse().expect("a proof");
    let (bodies, _) = events(&app, AUTHORITY, now.size).await;
    let policy = Policy::k_of_n(&[vkey(&app, AUTHORITY).await], &[], 0).expect("a policy");
    assert_eq!(proof.verify(hash::leaf(&bodies[2]), &policy).expect("in the log").index, 2);

    let audit = [&["log", "audit-state", "--all", "-o", "json"], &believed[..]].concat();
    let (code, text) = charter(&app, &audit).await;
    assert_eq!(code, 0, "{text}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&report["asked"], &report["agreeing"]), (&150.into(), &150.into()));

    let admin = app.database.admin(&app.database.name).await;
    let registry = id(&app, AUTHORITY).0;
    let sql = format!("update tuples set action = 'forge' where registry_id = {registry}");
    assert!(admin.execute(&sql, &[]).await.expect("tampered") > 0);
    let (code, text) = charter(&app, &[&["log", "audit-state"], &believed[..]].concat()).await;
    assert!(code == 5 && text.contains("150 of 150 answers differ from the log"), "{code}: {text}");
    assert!(text.contains("ACTIVE") && text.contains("REVOKED"), "what the log says is listed: {text}");
    let (code, _) = charter(&app, &[&["log", "verify"], &believed[..]].concat()).await;
    assert_eq!(code, 0, "the log itself is as it was");
}

#[tokio::test]
async fn the_key_of_a_log_comes_from_a_configuration_that_an_anchor_vouches_for() {
    let app = TestApp::build().registry(AUTHORITY).under(CHILD, AUTHORITY).start().await;
    app.registry(AUTHORITY).delegates(&app.registry(CHILD), &["Degree"]).await;
    loads(&app, CHILD, 0, 2).await;
    for authority in [AUTHORITY, CHILD] {
        published(&app, authority).await;
    }
    let anchors = app.directory().join("anchors.json");
    std::fs::write(&anchors, app.rest().get("/.well-known/trust-anchors").await.body).expect("written");
    let anchors = anchors.to_str().expect("UTF-8");
    for (n, authority) in [AUTHORITY, CHILD].into_iter().enumerate() {
        let url = format!("{}/r/r{n}/log", app.url());
        let options = ["--log", &url, "--registry", authority, "--anchor", anchors].map(str::to_owned);
        assert_eq!(verified(&app, &options).await["registry"], authority);
    }
    let url = format!("{}/r/r0/log", app.url());
    let other = ["log", "verify", "--log", &url, "--registry", CHILD, "--anchor", anchors];
    let (code, text) = charter(&app, &other).await;
    assert!(
        code == 5 && text.contains("is of the log"),
        "the superior's log by the subordinate's key: {text}"
    );
    let elsewhere = TestApp::start().await;
    let (code, text) = charter(&elsewhere, &["log", "verify", "--anchor", anchors]).await;
    assert_eq!(code, 5, "keys that the anchor set does not have: {text}");
}

#[tokio::test]
async fn two_logs_verify_and_are_followed_while_load_runs() {
    let app = TestApp::build().registry(AUTHORITY).registry(CHILD).start().await;
    let both = [(0, AUTHORITY), (1, CHILD)];
    for (_, authority) in both {
        loads(&app, authority, 0, 20).await;
        published(&app, authority).await;
    }
    let load = async {
        for round in 1.. {
            for (_, authority) in both {
                loads(&app, authority, round * 20, 20).await;
            }
        }
    };
    let audits = both.map(|(n, authority)| {
        let app = &app;
        async move {
            let options = by_key(app, n, authority).await;
            let state = app.directory().join(format!("watched-{n}"));
            let state = state.to_str().expect("UTF-8");
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let watch = ["log", "watch", "--for", "12s", "--every", "50ms", "-o", "json", "--state", state];
            let args = [&watch[..], &options].concat();
            let watched = charter(app, &args);
            let verifies = async {
                let mut last = 0;
                for _ in 0..4 {
                    let owned: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
                    let size = verified(app, &owned).await["size"].as_u64().expect("a size");
                    assert!(size >= last, "{size} after {last}");
                    last = size;
                }
            };
            let ((code, text), ()) = tokio::join!(watched, verifies);
            assert_eq!(code, 0, "{text}");
            let sizes: Vec<u64> = text
                .lines()
                .map(|line| {
                    serde_json::from_str::<Value>(line).expect("JSON")["size"].as_u64().expect("a size")
                })
                .collect();
            assert!(sizes.len() > 3 && sizes.is_sorted(), "{sizes:?}");
        }
    });
    let [first, second] = audits;
    tokio::select! {
        () = load => unreachable!("it goes on as long as the audits"),
        _ = futures::future::join(first, second) => {}
    }
    for (n, authority) in both {
        let now = published(&app, authority).await;
        assert_eq!(verified(&app, &by_key(&app, n, authority).await).await["size"], now.size);
    }
}

#[tokio::test]
async fn what_too_few_witnessed_is_not_there_and_what_was_witnessed_says_so() {
    let (_, silent) = hand_log::key("witness.example/witness", KeyKind::CosignatureV1);
    let asked = format!(
        "log = {{ quorum = 1, witnesses = [ {{ url = \"http://127.0.0.1:9/witness\", vkey = \"{silent}\" }} ] }}"
    );
    let app = TestApp::build().registry(AUTHORITY).details(&asked).start().await;
    loads(&app, AUTHORITY, 0, 3).await;
    assert_eq!(
        app.anonymous().asks("did:web:issuer-1.example", "issue", "Degree").both().await.line(),
        "200 yes ACTIVE"
    );
    let options = by_key(&app, 0, AUTHORITY).await;
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let (code, text) = charter(&app, &[&["log", "verify"], &options[..]].concat()).await;
    assert!(code == 5 && text.contains("does not have `checkpoint`"), "{text}");

    // One that publishes by its own signature alone is not enough for a policy that asks for a witness.
    let alone = TestApp::start().await;
    loads(&alone, AUTHORITY, 0, 3).await;
    published(&alone, AUTHORITY).await;
    let policy = alone.directory().join("policy");
    let log = vkey(&alone, AUTHORITY).await;
    std::fs::write(&policy, format!("log {log}\nwitness one {silent}\nquorum one\n")).expect("written");
    let url = format!("{}/log", alone.url());
    let args = ["log", "verify", "--log", &url, "--policy", policy.to_str().expect("UTF-8")];
    let (code, text) = charter(&alone, &args).await;
    assert!(code == 5 && text.contains("not witnessed as the policy asks"), "{text}");
}
