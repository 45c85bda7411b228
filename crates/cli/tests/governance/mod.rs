//! Changes under four eyes: what is sent, what is shown, and how each ends.

use std::process::Output;

use serde_json::Value;

use crate::{
    charter, code,
    fake::{
        Fake,
        governance::{BYTES, EVENTS, FORGED, GOOD, HASH, OTHER, OWN, line},
    },
    text, write,
};

/// A server, and a token that it takes.
struct Office {
    server: String,
    dir: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), "token", "let-me-in");
        Self { server: Fake::start().await, dir }
    }
    async fn run(&self, args: &[&str]) -> Output {
        let token = self.dir.path().join("token");
        let token = ["--token-file", token.to_str().expect("UTF-8")];
        charter(&self.server, &[args, &token].concat()).await
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn proposals_are_listed_and_shown() {
    let office = Office::open().await;
    let output = office.run(&["approval", "list", "--state", "OPEN"]).await;
    let lines: Vec<_> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && lines[1].starts_with(GOOD) && lines[1].contains("1 of 2"), "{lines:?}");
    assert!(text(&output.stderr).starts_with("more: "));
    let all = json(&office.run(&["approval", "list", "--all", "-o", "json"]).await);
    let ids: Vec<_> =
        all["proposals"].as_array().expect("a list").iter().map(|p| &p["proposal_id"]).collect();
    assert_eq!(ids, [GOOD, OWN]);
    let shown = text(&office.run(&["approval", "show", GOOD]).await.stdout);
    let row = |name: &str| {
        let line = shown.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("hash"), HASH);
    assert_eq!(row("reason"), "a forged\\u{7} diploma");
    assert!(shown.lines().any(|l| l.split_whitespace().eq(["state", "ACTIVE", "REVOKED"])), "{shown}");
    assert!(text(&office.run(&["approval", "show", FORGED]).await.stdout).contains("DOES NOT FIT"));
    assert_eq!(text(&office.run(&["approval", "show", GOOD, "--bytes"]).await.stdout), BYTES);
    let one = json(&office.run(&["approval", "show", GOOD, "-o", "json"]).await);
    assert_eq!((&one["proposal"]["hash"], &one["proposal"]["quorum"]), (&HASH.into(), &2.into()));
    assert_eq!(code(&office.run(&["approval", "show", &GOOD.replace("01", "09")]).await), 4);
    assert_eq!(code(&office.run(&["approval", "show", "7"]).await), 2);
    assert_eq!(code(&charter(&office.server, &["approval", "list"]).await), 6);
}

#[tokio::test]
async fn only_what_was_seen_is_approved() {
    let office = Office::open().await;
    let output = office.run(&["approval", "approve", GOOD, "--yes"]).await;
    let expected = format!("proposal {GOOD} is approved; executed as event 12 (epoch 12)\n");
    assert_eq!((code(&output), text(&output.stdout)), (0, expected));
    for (id, why) in [(FORGED, "do not have its hash"), (OTHER, "is another proposal")] {
        let output = office.run(&["approval", "approve", id, "--yes"]).await;
        assert_eq!((code(&output), output.stdout.len()), (5, 0), "{id}");
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
    let unasked = office.run(&["approval", "approve", GOOD]).await;
    assert!(code(&unasked) == 2 && text(&unasked.stderr).contains("REVOKED"));
    let other = "0".repeat(64);
    let output = office.run(&["approval", "approve", GOOD, "--hash", &other, "--yes"]).await;
    assert_eq!(code(&output), 7);
    assert!(text(&output.stderr).starts_with("charter: PROPOSAL_CHANGED: "));
    assert_eq!(code(&office.run(&["approval", "approve", OWN, "--hash", HASH, "--yes"]).await), 6);
    let output = office.run(&["approval", "refuse", GOOD, "--reason", "no evidence"]).await;
    assert_eq!((code(&output), text(&output.stdout)), (0, format!("proposal {GOOD} is REFUSED\n")));
    assert_eq!(code(&office.run(&["approval", "refuse", GOOD]).await), 2);
    assert_eq!(code(&office.run(&["approval", "withdraw", GOOD]).await), 6);
}

#[tokio::test]
async fn a_sealed_registry_is_changed_by_a_proposal() {
    let office = Office::open().await;
    let revoke = ["delegation", "revoke", "did:web:sealed", "--reason", "FRAUD", "--yes"];
    let output = office.run(&revoke).await;
    assert!(code(&output) == 7 && text(&output.stderr).contains("hint: propose it: the same command"));
    let output = office.run(&[&revoke[..], &["--propose", "--why", "a forged stamp"]].concat()).await;
    let expected = format!("proposal {GOOD}: REVOKE\nneeds 1 more: `charter approval approve {GOOD}`\n");
    assert_eq!((code(&output), text(&output.stdout)), (0, expected));
    assert_eq!(code(&office.run(&[&revoke[..], &["--propose"]].concat()).await), 2);
    let end =
        ["entity", "end", "did:web:a.example", "--reason", "MERGED", "--successor", "did:web:b.example"];
    assert_eq!(code(&office.run(&[&end[..], &["--yes"]].concat()).await), 2);
    let back = ["--propose", "--why", "w", "--reach", "FROM", "--legal-basis", "Act 1"];
    assert_eq!(code(&office.run(&[&end[..], &back].concat()).await), 2);
    let back = [&end[..], &back, &["--from", "2026-01-01T00:00:00Z", "-o", "json"]].concat();
    let sent = json(&office.run(&back).await)["proposal"]["change_json"].to_string();
    for part in ["EntityId", "ENDED", "MERGED", "FROM", "Act 1", "1767225600", "did:web:b.example"] {
        assert!(sent.contains(part), "{part} in {sent}");
    }
    let amend = ["approval", "amend", GOOD];
    let revoke = ["delegation", "revoke", "did:web:sealed", "--reason", "LAPSE", "--propose", "--why", "w"];
    let sent = json(&office.run(&[&amend[..], &revoke, &["-o", "json"]].concat()).await);
    assert_eq!(sent["proposal"]["revision"], 2);
    assert!(sent["proposal"]["change_json"].to_string().contains("LAPSE"), "{sent}");
    assert_eq!(code(&office.run(&[&amend[..], &["entity", "list"]].concat()).await), 2);
    let at_once = office
        .run(&["entity", "emergency-suspend", "did:web:a.example", "--reason", "KEY_LOST", "--yes"])
        .await;
    let first = "entity `did:web:a.example` is SUSPENDED until 1970-01-02T00:00:00Z (epoch 13)";
    assert_eq!((code(&at_once), text(&at_once.stdout).lines().next()), (0, Some(first)));
}

#[tokio::test]
async fn each_kind_of_proposal_is_sent_as_it_was_given() {
    let office = Office::open().await;
    let (id, why) = ("did:web:a.example", ["--why", "as asked", "-o", "json"]);
    let cases: [(&[&str], &[&str]); 7] = [
        (
            &["entity", "register", id, "--name", "fi=Yliopisto", "--country", "FI"],
            &["RegisterEntity", "Yliopisto"],
        ),
        (
            &["accreditation", "grant", id, "--body", "B", "--legal-basis", "L"],
            &["GrantAccreditation", "\"L\\"],
        ),
        (&["accreditation", "suspend", GOOD, "--reason", "R"], &["AccreditationId", "SUSPENDED"]),
        (
            &["statement", "authorize", id, "issue", "D", "--jurisdiction", "FI"],
            &["MakeStatement", "[\\\"FI\\\"]"],
        ),
        (&["statement", "revoke", "12", "--reason", "R"], &["StatementId(12)", "REVOKED"]),
        (
            &["staff", "appoint", "--issuer", "I", "--subject", "S", "--role", "AUDITOR"],
            &["Appoint", "AUDITOR"],
        ),
        (&["staff", "dismiss", "7"], &["Dismiss", "7"]),
    ];
    for (args, parts) in cases {
        let output = office.run(&[args, &why].concat()).await;
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        let proposal = &json(&output)["proposal"];
        assert_eq!(proposal["reason"], "as asked");
        let sent = proposal["change_json"].to_string();
        assert!(parts.iter().all(|part| sent.contains(part)), "{parts:?} in {sent}");
    }
    let dry = office.run(&["staff", "dismiss", "7", "--why", "w", "--dry-run"]).await;
    assert_eq!(text(&dry.stdout), "would propose REVOKE\n");
    let staff = text(&office.run(&["staff", "list"]).await.stdout);
    assert!(staff.lines().any(|l| l.split_whitespace().eq(["4", "OFFICER,", "AUDITOR", "you"])), "{staff}");
}

#[tokio::test]
async fn events_are_listed_over_all_pages() {
    let office = Office::open().await;
    let output = office.run(&["audit", "list"]).await;
    let table = text(&output.stdout);
    assert!(table.lines().count() == 3 && table.contains("6 (APPROVER)"), "{table}");
    let output = office.run(&["audit", "list", "--limit", "1", "-o", "json"]).await;
    assert_eq!(text(&output.stdout), format!("{{\"events\":[{}],\"next_after\":1}}\n", EVENTS[0]));
    assert!(text(&output.stderr).starts_with("more: "));
    let output = office.run(&["audit", "list", "--subject", "loop"]).await;
    assert_eq!(code(&output), 1);
    let output = office.run(&["audit", "accesses"]).await;
    assert!(text(&output.stdout).contains("LIST_EVENTS"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("--before 9"));
}

#[tokio::test]
async fn an_export_is_verified_without_a_connection() {
    let office = Office::open().await;
    let output = office.run(&["audit", "export"]).await;
    assert_eq!((code(&output), text(&output.stdout)), (0, format!("{}\n{}\n", line(0), line(1))));
    let output = office.run(&["audit", "export", "--limit", "1"]).await;
    assert_eq!(text(&output.stdout), format!("{}\n", line(0)));

    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    std::fs::write(path, &output.stdout).expect("written");
    let verify =
        async |more: &[&str]| charter(&office.server, &[&["audit", "verify", path], more].concat()).await;
    let output = verify(&[]).await;
    let said = text(&output.stdout);
    assert!(said.starts_with("1 events, 1 to 1: verified\nhead "), "{said} {}", text(&output.stderr));
    let head = said.trim().rsplit(' ').next().expect("a head").to_owned();
    assert_eq!(code(&verify(&["--head", &head]).await), 0);
    assert_eq!(code(&verify(&["--head", &"0".repeat(64)]).await), 5);
    // The second does not name the first.
    for lines in [format!("{}\n{}\n", line(0), line(1)), line(0).replace("bootstrap", "init"), String::new()]
    {
        std::fs::write(path, &lines).expect("written");
        assert_eq!(code(&verify(&[]).await), 5, "{lines}");
    }
}

/// What corrects, renews and delegates: only what was given is sent.
#[tokio::test]
async fn corrections_renewals_and_delegations_are_sent_as_they_were_given() {
    let office = Office::open().await;
    let (id, why) = ("did:web:a.example", ["--why", "as asked", "-o", "json"]);
    let keys = write(office.dir.path(), "keys", "{\"keys\":[]}");
    let scope = write(
        office.dir.path(),
        "scope",
        "[{\"actions\":[\"issue\"],\"resources\":[\"edu:*\"],\"conditions\":{\"eqf\":[\"7\"]}}]",
    );
    let (keys, scope) = (keys.as_str(), scope.as_str());
    let until = "2030-01-01T00:00:00Z";
    let make = ["delegation", "make", id, "--entity-identifier", "https://a.example", "--jwks", keys];
    let make = [&make[..], &["--endpoint", "http://a.example", "--resource", "edu:*"]].concat();
    let tls_key = "0a".repeat(32);
    let tls_key = tls_key.as_str();
    let cases: [(&[&str], &[&str]); 12] = [
        (
            &["entity", "correct", id, "--name", "sv=", "--add-identifier", "lei=5", "--end-identifier", "x"],
            &["CorrectEntity", "sv", "lei", "country: \\\"\\\"", "[\\\"x\\\"]"],
        ),
        (&["accreditation", "correct", GOOD, "--body", "B"], &["CorrectAccreditation", "valid_from: None"]),
        (&["accreditation", "renew", GOOD, "--until", until], &["Renew", GOOD, "1893456000"]),
        (&["statement", "renew", "12", "--until", until], &["Renew", "StatementId(12)"]),
        (&["recognition", "recognize", id, "issue", "D"], &["MakeStatement", "recognition"]),
        (&["recognition", "end", "12", "--reason", "R"], &["StatementId(12)", "ENDED"]),
        (&["delegation", "renew", id, "--until", until], &["Renew", "SubordinateId"]),
        (&make, &["Delegation", "edu:*", "[\\\"*\\\"]"]),
        (
            &["delegation", "narrow", id, "--scope", scope, "--answers-as-own", "false"],
            &["CorrectDelegation", "eqf", "answers_as_own: Some(false)", "max_path_length: None"],
        ),
        (&["delegation", "narrow", id, "--tls-key", tls_key], &["CorrectDelegation", tls_key]),
        (
            &["delegation", "narrow", id, "--permit-name", ".EDU.example", "--exclude-name", "x.edu.example"],
            &["CorrectDelegation", "permitted: [\\\".edu.example\\\"]", "excluded: [\\\"x.edu.example\\\"]"],
        ),
        (&["delegation", "narrow", id, "--no-tls-keys"], &["Some(SpkiPins { sha256: [] })"]),
    ];
    for (args, parts) in cases {
        let output = office.run(&[args, &why].concat()).await;
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        let sent = json(&output)["proposal"]["change_json"].to_string();
        assert!(parts.iter().all(|part| sent.contains(part)), "{parts:?} in {sent}");
    }
    let none = ["delegation", "make", id, "--entity-identifier", "https://a.example", "--jwks", keys];
    let none = [&none[..], &["--endpoint", "http://a.example", "--why", "w"]].concat();
    assert_eq!(code(&office.run(&none).await), 2, "no scope");
    let end = ["delegation", "end", id, "--reason", "R", "--propose", "--why", "w", "-o", "json"];
    assert!(json(&office.run(&end).await)["proposal"]["change_json"].to_string().contains("ENDED"));
}
