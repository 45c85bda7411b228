//! Proofs from the log at the command line: asked for, kept, and verified without a connection.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_server::{log::keys, tasks::renewal};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner, jws};
use charter_store::log_key::LogPurpose;
use charter_tests::{
    TestApp, TestClock,
    terminal::{Done, Terminal},
};
use charter_tlog::note::{KeyKind, Vkey};
use serde_json::Value;

use crate::logged::{hold, id, published, release};

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";
const ISSUER: &str = "did:web:university.example";

/// A root and a nation, whose statement about a university the log of the nation has.
struct Site {
    root: TestApp,
    nation: TestApp,
    terminal: Terminal,
}

impl Site {
    async fn start() -> Self {
        let clock = Arc::new(TestClock::default());
        let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
        let nation = TestApp::build().clock(&clock).under(NATION, ROOT).start().await;
        root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
        let site = Self { root, nation, terminal: Terminal::default() };
        let anchors = site.root.rest().get("/.well-known/trust-anchors").await;
        std::fs::write(site.file("anchors.json"), &anchors.body).expect("written");
        site
    }

    fn file(&self, name: &str) -> String {
        self.terminal.home().join(name).to_str().expect("UTF-8").to_owned()
    }

    async fn checks(&self, more: &[&str]) -> Done {
        let (url, anchors) = (self.root.url(), self.file("anchors.json"));
        let args = ["check", ISSUER, "issue", "Degree", "--server", &url, "--anchor", &anchors, "--prove"];
        self.terminal.charter(&[&args[..], more].concat()).await
    }

    /// Where nobody answers.
    async fn verifies(&self, more: &[&str]) -> Done {
        let (proof, anchors) = (self.file("proof.json"), self.file("anchors.json"));
        let args =
            ["proof", "verify", &proof, "--anchor", &anchors, "--offline", "--server", "http://127.0.0.1:1"];
        self.terminal.charter(&[&args[..], more].concat()).await
    }
}

/// A policy that asks for a witness that has seen nothing.
fn policy(path: &str) {
    let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
    let x = signer.key().to_jwk()["x"].as_str().map(|x| BASE64_URL_SAFE_NO_PAD.decode(x).expect("base64url"));
    let key = x.expect("a coordinate").try_into().expect("32 bytes");
    let vkey = Vkey::new("w.example".parse().expect("a name"), KeyKind::CosignatureV1, key);
    std::fs::write(path, format!("witness w {vkey}\nquorum w\n")).expect("written");
}

/// A member of the proof file, and what becomes of its text.
type Change = (&'static str, fn(&str) -> String);

fn changed(path: &str, member: &str, change: impl FnOnce(&str) -> String) {
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    let was = file[member].as_str().expect("text").to_owned();
    file[member] = change(&was).into();
    std::fs::write(path, file.to_string()).expect("written");
}

/// The log that the configuration on file names.
async fn stated(app: &TestApp) -> Value {
    let filed = app.app.store.document(id(app, ROOT), "configuration").await.expect("read").expect("on file");
    let claims: Value = serde_json::from_slice(&jws::peek(&filed).expect("a JWS")).expect("JSON");
    claims["metadata"]["trust_registry"]["log"].clone()
}

#[tokio::test]
async fn a_configuration_names_the_log_and_follows_its_key() {
    let app = TestApp::build().registry(ROOT).start().await;
    let (id, store) = (id(&app, ROOT), &app.app.store);
    let keys = store.log_keys(id).await.expect("keys");
    let vkey = |purpose| keys.iter().find(|k| k.purpose == purpose).expect("a key").vkey.clone();
    let log = stated(&app).await;
    assert_eq!((&log["origin"], &log["vkey"]), (&"root.example/log".into(), &vkey(LogPurpose::Log).into()));
    assert!(log["url"].as_str().is_some_and(|url| url.ends_with("/log")), "{log}");
    assert_eq!(log["witness"]["vkey"], vkey(LogPurpose::Witness));
    let tenant = app.app.hosted.tenant(id).expect("a tenant");
    let (vault, entity, now) = (tenant.vault.as_ref(), &tenant.registry.entity_identifier, store.now());
    let next = keys::make(vault, entity, (LogPurpose::Log, 2), now).expect("a key");
    let vkey = next.vkey.clone();
    assert!(store.retire_log_key(id, next).await.expect("retired"));
    renewal::once(&app.app).await;
    let log = stated(&app).await;
    assert_eq!((&log["origin"], &log["vkey"]), (&"root.example/log/2".into(), &vkey.into()));
    renewal::once(&app.app).await;
    assert_eq!(stated(&app).await, log, "it stays");
}

#[tokio::test]
async fn an_answer_is_proven_kept_and_verified_offline() {
    let site = Site::start().await;
    site.nation.registry(NATION).registers(ISSUER).authorized("issue", "Degree").await;
    let size = published(&site.nation, NATION).await.size;
    let proof = site.file("proof.json");
    let done = site.checks(&["--out", &proof]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("in the log nation.example/log at leaf "), "{done:?}");
    assert!(done.out.contains("no witness was asked for"), "{done:?}");
    let json: Value = serde_json::from_str(&site.checks(&["-o", "json"]).await.out).expect("JSON");
    assert_eq!((&json["verified"], &json["log"]["size"]), (&true.into(), &size.into()));
    let done = site.verifies(&["-o", "json", "--entity", ISSUER]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let json: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!((&json["decided_by"], &json["log"]["origin"]), (&NATION.into(), &"nation.example/log".into()));
    assert!(
        Path::new(&proof).is_file() && site.verifies(&[]).await.out.contains("in the log nation.example/log")
    );
}

#[tokio::test]
async fn what_is_not_proven_is_no_yes() {
    let site = Site::start().await;
    published(&site.nation, NATION).await;
    hold(&site.nation);
    site.nation.registry(NATION).registers(ISSUER).authorized("issue", "Degree").await;
    let early = site.checks(&[]).await;
    assert!(early.code == 5 && early.err.contains("not in the published log yet"), "{early:?}");
    release(&site.nation);
    published(&site.nation, NATION).await;
    let (proof, strict) = (site.file("proof.json"), site.file("policy"));
    policy(&strict);
    for (more, code) in [(["--log-policy", &strict], "UNWITNESSED"), (["--max-age", "1h"], "TOO_OLD")] {
        let done = site.checks(&more).await;
        assert!(done.code == 5 && done.err.contains(code) && !Path::new(&proof).exists(), "{done:?}");
    }
    assert_eq!(site.checks(&["--out", &proof]).await.code, 0);
    for (more, code) in
        [(["--log-policy", &strict], "UNWITNESSED"), (["--entity", "did:web:x.example"], "MISMATCH")]
    {
        let done = site.verifies(&more).await;
        assert!(done.code == 5 && done.err.contains(code), "{done:?}");
    }
    let kept = std::fs::read(&proof).expect("a file");
    let changes: [Change; 4] = [
        ("event", |text| text.replacen(&text[..4], "AAAA", 1)),
        ("event", |text| text.chars().rev().collect()),
        ("log_proof", |text| text.replacen("index ", "index 1", 1)),
        ("configuration", |text| text.replacen('e', "f", 1)),
    ];
    for (member, change) in changes {
        changed(&proof, member, change);
        let done = site.verifies(&[]).await;
        assert!(done.code == 5 && done.out.is_empty(), "{member}: {done:?}");
        std::fs::write(&proof, &kept).expect("written");
    }
    assert_eq!(site.verifies(&[]).await.code, 0);
}
