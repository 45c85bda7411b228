//! The binary against a server that says what it is told: exit codes, and what goes to which stream.

mod conventions;
mod fake;
mod governance;
mod transparency;

use std::{path::Path, process::Output};

use fake::Fake;
use serde_json::Value;

const CSV: &str = "identifier,name[en],country\ndid:web:a.example,A,FI\ndid:web:b.example,B,fi\n\
                   did:web:a.example,A,FI\ndid:web:taken.example,T,FI\n";

async fn charter(server: &str, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_charter"));
    command.args(args).env("CHARTER_SERVER", server).env_remove("CHARTER_TOKEN_FILE");
    // Nobody's own sign-in and settings.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", "/nonexistent");
    command.stdin(std::process::Stdio::null()).output().await.expect("runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn write(dir: &Path, name: &str, content: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn a_check_exits_by_its_answer() {
    let server = Fake::start().await;
    for (entity, exit, first) in [
        ("ACTIVE", 0, "AUTHORIZED"),
        ("REVOKED", 3, "NOT AUTHORIZED"),
        ("UNKNOWN_ENTITY", 4, "NOT AUTHORIZED"),
        ("UNVERIFIABLE", 5, "CANNOT TELL"),
    ] {
        let output = charter(&server, &["check", entity, "issue", "Degree"]).await;
        assert_eq!((code(&output), text(&output.stdout).lines().next()), (exit, Some(first)), "{entity}");
        assert_eq!(text(&output.stderr), "");
    }
    let output = charter(&server, &["check", "did:web:missing", "issue", "Degree"]).await;
    assert_eq!((code(&output), text(&output.stdout)), (4, String::new()));
    assert_eq!(text(&output.stderr), "charter: UNKNOWN_ENTITY: no such entity\n");
    let output = charter(&server, &["check", "ACTIVE", "issue", "Degree", "-o", "json"]).await;
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&json["outcome"], &json["verified"]), (&Value::from("yes"), &Value::Null));
}

#[tokio::test]
async fn who_cannot_be_reached_or_proven_gives_no_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = charter("http://127.0.0.1:1", &["check", "ACTIVE", "issue", "Degree"]).await;
    assert_eq!((code(&output), output.stdout.len()), (5, 0));
    assert!(text(&output.stderr).starts_with("charter: cannot reach `http://127.0.0.1:1`: "));
    let output = charter("https://127.0.0.1:1", &["check", "ACTIVE", "issue", "Degree"]).await;
    assert!(code(&output) == 5 && text(&output.stderr).contains("cannot reach"));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = format!("http://{}", silent.local_addr().expect("bound"));
    let output = charter(&address, &["check", "ACTIVE", "issue", "Degree", "--timeout", "200ms"]).await;
    assert_eq!(code(&output), 5);
    assert!(text(&output.stderr).starts_with("charter: DEADLINE_EXCEEDED: "));
    let server = Fake::start().await;
    let anchors = write(dir.path(), "anchors.json", fake::ANCHORS);
    let args = ["check", "ACTIVE", "issue", "Degree", "-o", "json", "--anchor", &anchors];
    let output = charter(&server, &args).await;
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (code(&output), &json["outcome"], &json["verified"]),
        (5, &"indeterminate".into(), &false.into())
    );
}

#[tokio::test]
async fn an_export_writes_the_chain_of_a_yes_only() {
    let server = Fake::start().await;
    let output = charter(&server, &["chain", "export", "ACTIVE", "issue", "Degree"]).await;
    assert_eq!((code(&output), text(&output.stdout)), (0, r#"["a.b.c","d.e.f"]"#.to_owned()));
    let output = charter(&server, &["chain", "export", "SUSPENDED", "issue", "Degree"]).await;
    assert_eq!((code(&output), output.stdout.len()), (3, 0));
    assert_eq!(text(&output.stderr), "charter: SUSPENDED: suspended by the authority\n");
}

#[tokio::test]
async fn an_import_loads_what_is_good_and_keeps_what_is_not() {
    let (server, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let file = write(dir.path(), "in.csv", CSV);
    let token = write(dir.path(), "token", "let-me-in\n");
    let failures = dir.path().join("failed.csv");
    let args = ["import", &file, "--token-file", &token, "--failures", failures.to_str().expect("UTF-8")];
    let output = charter(&server, &args).await;
    assert_eq!((code(&output), text(&output.stdout)), (8, "loaded 1, failed 3\n".to_owned()));
    assert_eq!(
        text(&output.stderr),
        "line 3: INVALID country: must be an ISO 3166-1 alpha-2 code such as `FI`\n\
         line 4: DUPLICATE_ENTITY identifier: `did:web:a.example` is in line 2 already\n\
         line 5: DUPLICATE_ENTITY identifier: is in the registry\n"
    );
    let kept = std::fs::read_to_string(&failures).expect("written");
    assert_eq!(kept, CSV.replacen("did:web:a.example,A,FI\n", "", 1));
    let good = write(dir.path(), "good.csv", "identifier,name[en],country\ndid:web:a.example,A,FI\n");
    let output = charter(&server, &["import", &good, "--dry-run", "--token-file", &token]).await;
    assert_eq!((code(&output), text(&output.stdout)), (0, "would load 1, failed 0\n".to_owned()));
    let other = write(dir.path(), "other", "something-else");
    assert_eq!(code(&charter(&server, &["import", &good, "--token-file", &other]).await), 6);
    assert_eq!(code(&charter(&server, &["import", &good]).await), 6);
    let bad = write(dir.path(), "bad.csv", "identifier,colour\n");
    let output = charter(&server, &["import", &bad, "--token-file", &token]).await;
    assert!(code(&output) == 2 && text(&output.stderr).contains("`colour`"));
}

#[tokio::test]
async fn a_change_of_state_needs_a_reason_a_token_and_a_yes() {
    let (server, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let token = write(dir.path(), "token", "let-me-in");
    let args = ["entity", "revoke", "did:web:a.example", "--reason", "FRAUD", "--token-file", &token];
    assert_eq!(code(&charter(&server, &args).await), 2);
    let output = charter(&server, &[&args[..], &["--yes"]].concat()).await;
    assert_eq!(text(&output.stdout), "entity `did:web:a.example` is REVOKED (epoch 9)\n");
    let sealed =
        ["delegation", "revoke", "did:web:sealed", "--reason", "FRAUD", "--yes", "--token-file", &token];
    let output = charter(&server, &sealed).await;
    assert_eq!(code(&output), 7);
    assert!(text(&output.stderr).starts_with("charter: REGISTRY_SEALED: "));
    assert_eq!(code(&charter(&server, &["entity", "revoke", "did:web:a.example"]).await), 2);
}

#[tokio::test]
async fn entities_are_listed_page_by_page() {
    let server = Fake::start().await;
    let output = charter(&server, &["entity", "list", "--page-size", "1"]).await;
    assert!(text(&output.stderr).starts_with("more: "));
    let output = charter(&server, &["entity", "list", "--all", "--page-size", "1", "-o", "ndjson"]).await;
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|l| &l["names"]["en"]).collect::<Vec<_>>(), ["One", "Two"]);
    assert_eq!(code(&charter(&server, &["entity", "get", "did:web:missing"]).await), 4);
    assert!(text(&charter(&server, &["registry", "list"]).await.stdout).contains("BOOTSTRAP"));
}
