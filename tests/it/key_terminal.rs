//! Keys from the command line: rotated, retired and revoked by proposals, shown, and asked about.

use std::path::PathBuf;

use charter_domain::time::Clock;
use charter_signing::{Algorithm, JwkSet, Signer, SoftwareSigner};
use charter_tests::{
    governed::{Governed, ISSUER},
    terminal::{Done, Terminal},
};
use serde_json::Value;

use crate::key::DAY;

struct Desk<'a> {
    g: &'a Governed,
    terminal: Terminal,
}

impl<'a> Desk<'a> {
    fn new(g: &'a Governed) -> Self {
        Self { g, terminal: Terminal::default() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.terminal.home().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    /// As anybody, without a token.
    async fn reads(&self, args: &[&str]) -> Done {
        self.terminal.charter(&[args, &["--server", &self.g.app.url()]].concat()).await
    }

    async fn asks(&self, who: &str, args: &[&str]) -> Done {
        let token = self.file("token", &self.g.issuer.approver_token(who));
        let token = token.to_str().expect("UTF-8");
        self.reads(&[args, &["--token-file", token]].concat()).await
    }

    /// Proposed by one and approved by another.
    async fn decides(&self, (one, other): (&str, &str), args: &[&str]) -> Done {
        let drafted = self.asks(one, args).await;
        assert_eq!(drafted.code, 0, "{args:?} {drafted:?}");
        let id = drafted.out.split("proposal ").nth(1).and_then(|rest| rest.split(':').next());
        let done = self.asks(other, &["approval", "approve", id.expect("an id"), "-y"]).await;
        assert_eq!(done.code, 0, "{args:?} {done:?}");
        drafted
    }

    async fn keys(&self, args: &[&str]) -> Vec<Value> {
        let done = self.reads(&[args, &["-o", "json"]].concat()).await;
        assert_eq!(done.code, 0, "{done:?}");
        let mut list: Value = serde_json::from_str(&done.out).expect("JSON");
        serde_json::from_value(list["keys"].take()).expect("an array")
    }

    fn at(&self) -> String {
        self.g.app.clock.now().to_string()
    }
}

fn states(keys: &[Value]) -> Vec<&str> {
    keys.iter().map(|k| k["state"].as_str().expect("text")).collect()
}

fn kid(key: &Value) -> String {
    key["kid"].as_str().expect("text").to_owned()
}

const SECURITY: (&str, &str) = ("alice", "bob");
const OFFICE: (&str, &str) = ("olga", "anna");

#[tokio::test]
async fn a_key_of_the_registry_from_the_command_line() {
    let g = Governed::start().await;
    let desk = Desk::new(&g);
    let soon = g.app.clock.now().plus(DAY).to_string();
    let rotate = ["key", "rotate", "--active-from", &soon, "--why", "each year"];
    assert_eq!(desk.asks("olga", &rotate).await.code, 6, "an officer");
    let checked = desk.asks("alice", &[&rotate[..], &["--dry-run"]].concat()).await;
    assert!(checked.code == 0 && checked.out.contains("would propose ROTATE_KEY"), "{checked:?}");
    let drafted = desk.decides(SECURITY, &rotate).await;
    let stated = drafted.out.lines().last().expect("a key set");
    assert!(drafted.out.contains("superior must state"), "{}", drafted.out);
    let listed = desk.keys(&["key", "list"]).await;
    assert_eq!(states(&listed), ["ACTIVE", "ANNOUNCED"]);
    assert_eq!([&listed[0]["signs"], &listed[1]["signs"]], [true, false]);
    let (old, new) = (kid(&listed[0]), kid(&listed[1]));
    let stated = JwkSet::parse(stated.as_bytes()).expect("what a delegation takes");
    assert!(stated.find(&old).is_some() && stated.find(&new).is_some());
    let shown = desk.reads(&["key", "show", &new]).await;
    assert!(shown.code == 0 && shown.out.contains("ES256") && shown.out.contains(&soon), "{shown:?}");
    assert_eq!(desk.reads(&["key", "show", "none"]).await.code, 4);
    let retire = ["key", "retire", &old, "--why", "each year"];
    let early = desk.asks("alice", &retire).await;
    assert!(early.code == 7 && early.err.contains("rotate first"), "{early:?}");
    g.app.clock.advance(DAY);
    desk.decides(SECURITY, &retire).await;
    assert_eq!(states(&desk.keys(&["key", "list"]).await), ["ACTIVE"]);
    assert_eq!(states(&desk.keys(&["key", "history"]).await), ["RETIRED", "ACTIVE"]);
    let wrong = desk.asks("alice", &["key", "revoke", &old, "--reason", "STOLEN", "--why", "x"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("COMPROMISED or SUPERSEDED"), "{wrong:?}");
    let since = desk.at();
    let revoke =
        ["key", "revoke", &old, "--reason", "COMPROMISED", "--compromised-since", &since, "--why", "a leak"];
    desk.decides(SECURITY, &revoke).await;
    let history = desk.keys(&["key", "history"]).await;
    assert_eq!((states(&history)[0], &history[0]["compromised_since"]), ("REVOKED", &Value::from(since)));
    let check = desk.reads(&["key", "check", &old]).await;
    assert!(check.code == 3 && check.out.contains("COMPROMISED_UNPROVEN"), "{check:?}");
    assert_eq!(desk.reads(&["key", "check", &new]).await.code, 0);
    assert_eq!(desk.reads(&["key", "check", "none"]).await.code, 4);
}

/// The drill for an issuer's key, as those on duty would do it.
#[tokio::test]
async fn a_key_of_an_issuer_from_the_command_line() {
    let g = Governed::start().await;
    let desk = Desk::new(&g);
    let jwk = SoftwareSigner::generate(Algorithm::Es256).expect("a key").key().to_jwk();
    let mut private = jwk.clone();
    private["d"] = "c2VjcmV0".into();
    let (public, private) = (desk.file("jwk", &jwk.to_string()), desk.file("private", &private.to_string()));
    let add = |file: &PathBuf| {
        let file = file.to_str().expect("UTF-8").to_owned();
        ["entity", "key", "add", ISSUER, "--jwk", &file, "--why", "theirs"].map(str::to_owned)
    };
    let words = add(&private);
    let refused = desk.asks("olga", &words.each_ref().map(String::as_str)).await;
    assert!(refused.code == 2 && refused.err.contains("private"), "{refused:?}");
    assert!(!format!("{refused:?}").contains("c2VjcmV0"), "it is not repeated");
    desk.decides(OFFICE, &add(&public).each_ref().map(String::as_str)).await;
    let listed = desk.keys(&["entity", "key", "list", ISSUER]).await;
    assert_eq!(states(&listed), ["ACTIVE"]);
    let key = kid(&listed[0]);
    let hash = "ab".repeat(32);
    desk.decides(OFFICE, &["key", "evidence", &hash, "--entity", ISSUER, "--why", "a diploma"]).await;
    let early = desk.at();
    g.app.clock.advance(DAY);
    let since = desk.at();
    g.app.clock.advance(DAY);
    let check = ["key", "check", &key, "--entity", ISSUER];
    let dated = [&check[..], &["--claimed-at", &early]].concat();
    let proven = [&dated[..], &["--sha256", &hash]].concat();
    for question in [&check[..], &dated, &proven] {
        assert_eq!(desk.reads(question).await.code, 0, "{question:?}");
    }
    let revoke = ["entity", "key", "revoke", ISSUER, &key, "--reason", "COMPROMISED", "--compromised-since"];
    desk.decides(OFFICE, &[&revoke[..], &[&since, "--why", "reported by them"]].concat()).await;
    assert_eq!(desk.reads(&check).await.code, 3, "now");
    assert_eq!(desk.reads(&dated).await.code, 3, "dated back");
    let good = desk.reads(&[&proven[..], &["-o", "json"]].concat()).await;
    let good: Value = serde_json::from_str(&good.out).expect("JSON");
    assert_eq!((&good["accepted"], good["evidence_seq"].as_i64() > Some(0)), (&Value::from(true), true));
    let shown = desk.reads(&["key", "show", &key, "--entity", ISSUER, "-o", "json"]).await;
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!((&shown["state"], &shown["reason"]), (&Value::from("REVOKED"), &Value::from("COMPROMISED")));
}
