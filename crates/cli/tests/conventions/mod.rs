//! What all commands share: forms of output, remarks, pages of the manual, and what is not done without a yes.

use std::process::Stdio;

use crate::{
    charter, code,
    fake::{Fake, governance::GOOD},
    text, write,
};

#[tokio::test]
async fn what_is_read_comes_in_four_forms() {
    let server = Fake::start().await;
    let list = ["entity", "list", "--all", "--page-size", "1"];
    let with = async |more: &[&str]| charter(&server, &[&list[..], more].concat()).await;
    assert!(text(&with(&[]).await.stdout).starts_with("IDENTIFIER"));
    let csv = text(&with(&["-o", "csv", "--columns", "name,country"]).await.stdout);
    assert_eq!(csv, "NAME,COUNTRY\nOne,\nTwo,\n");
    let bare = text(&with(&["--columns", "name", "--no-headers"]).await.stdout);
    assert_eq!(bare, "One\nTwo\n");
    let strange = with(&["-o", "csv", "--columns", "colour"]).await;
    assert!(code(&strange) == 2 && text(&strange.stderr).contains("choose from identifier, name"));
    let page = charter(&server, &["entity", "list", "--page-size", "1", "--quiet"]).await;
    assert_eq!((code(&page), text(&page.stderr)), (0, String::new()));
    let registries = text(&charter(&server, &["registry", "list", "-o", "csv"]).await.stdout);
    assert!(registries.starts_with("AUTHORITY,NAME,"), "{registries}");
}

#[tokio::test]
async fn a_reader_that_leaves_ends_it_quietly() {
    let server = Fake::start().await;
    for form in ["table", "json", "ndjson", "csv"] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_charter"));
        command
            .args(["entity", "list", "--all", "--page-size", "1", "-o", form])
            .env("CHARTER_SERVER", &server);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().await.expect("ends");
        assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "{form}");
    }
}

#[tokio::test]
async fn every_command_has_a_page_and_nothing_is_coloured() {
    let dir = tempfile::tempdir().expect("a directory");
    let pages = dir.path().join("man");
    let output = charter("", &["man", "--dir", pages.to_str().expect("UTF-8")]).await;
    assert_eq!((code(&output), output.stdout.len()), (0, 0));
    for page in ["charter.1", "charter-entity-revoke.1", "charter-login.1"] {
        assert!(std::fs::read_to_string(pages.join(page)).is_ok_and(|text| text.contains(".TH")), "{page}");
    }
    assert!(text(&charter("", &["man"]).await.stdout).contains(".TH charter 1"));
    for args in [&["--help"][..], &["entity", "get"], &["nothing"]] {
        let output = charter("", args).await;
        assert!(
            !text(&output.stdout).contains('\u{1b}') && !text(&output.stderr).contains('\u{1b}'),
            "{args:?}"
        );
    }
}

#[tokio::test]
async fn what_would_be_done_is_said_and_not_done() {
    let (server, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let token = write(dir.path(), "token", "let-me-in");
    let dry = async |args: &[&str]| {
        charter(&server, &[args, &["--dry-run", "--token-file", &token]].concat()).await
    };
    for (args, said) in [
        (&["approval", "approve", GOOD][..], "would approve proposal"),
        (&["approval", "refuse", GOOD, "--reason", "r"], "would refuse proposal"),
        (&["entity", "revoke", "did:web:a.example", "--reason", "FRAUD"], "would be REVOKED"),
        (&["entity", "emergency-suspend", "did:web:a.example", "--reason", "FRAUD"], "would suspend"),
    ] {
        let output = dry(args).await;
        assert!(
            code(&output) == 0 && text(&output.stdout).contains(said),
            "{args:?} {}",
            text(&output.stderr)
        );
    }
    assert_eq!(code(&dry(&["approval", "withdraw", GOOD]).await), 6, "as the server says");
    assert_eq!(code(&dry(&["delegation", "revoke", "did:web:sealed", "--reason", "FRAUD"]).await), 7);
}
