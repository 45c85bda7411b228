//! The witness that each registry is (C2SP tlog-witness, add-checkpoint): what it cosigns, what it refuses and how, and
//! that a refusal changes nothing.

mod listed;
mod race;
mod restored;

use std::path::{Path, PathBuf};

use charter_server::witness::{evidence, state};
use charter_tests::{AUTHORITY, TestApp, hand_log::HandLog, rest::Reply};
use charter_tlog::{
    Hash,
    checkpoint::SignedCheckpoint,
    cosign,
    note::{Note, SignatureLine, Vkey},
    witness::AddCheckpoint,
};
use http::Method;
use http_body_util::Full;

pub const ORIGIN: &str = "log.example/log";
const ADD: &str = "/witness/add-checkpoint";

/// A registry that witnesses one log.
pub async fn witness_of(log: &HandLog) -> TestApp {
    TestApp::build().registry(AUTHORITY).details(&log.setting()).start().await
}

pub async fn submit(app: &TestApp, body: impl Into<bytes::Bytes>) -> Reply {
    let request = app.rest().request(Method::POST, ADD).body(Full::new(body.into()));
    app.rest().send(request.expect("a request")).await
}

pub async fn asks(app: &TestApp, request: &AddCheckpoint) -> Reply {
    submit(app, request.to_string()).await
}

/// The key of a registry's witness.
fn vkey_of(app: &TestApp, authority: &str) -> Vkey {
    let id = app.app.hosted.by_authority(authority).expect("served");
    app.app.hosted.tenant(id).expect("served").log_keys.witness().vkey.clone()
}

fn vkey(app: &TestApp) -> Vkey {
    vkey_of(app, AUTHORITY)
}

/// The folder of its files, and the file of a log.
pub fn folder(app: &TestApp) -> PathBuf {
    state::folder(&app.app.config.log_store.dir, "r0")
}

pub fn file(app: &TestApp, origin: &str) -> PathBuf {
    folder(app).join(state::hash(origin)).with_extension("checkpoint")
}

fn contents(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Seconds since 1970 of the cosignature in an answer, verified.
pub fn time_of(app: &TestApp, request: &AddCheckpoint, reply: &Reply) -> u64 {
    time_of_by(app, AUTHORITY, request, reply)
}

/// The same of another registry's witness.
pub fn time_of_by(app: &TestApp, authority: &str, request: &AddCheckpoint, reply: &Reply) -> u64 {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let lines = SignatureLine::parse_all(&reply.text()).expect("signature lines");
    assert_eq!(lines.len(), 1, "{}", reply.text());
    let signed = request.checkpoint.with_signatures(&lines).expect("a note");
    cosign::verify(&signed, &[vkey_of(app, authority)]).expect("it verifies")[0].time_secs
}

fn conflict(reply: &Reply, size: u64) {
    assert_eq!((reply.status, reply.text()), (409, format!("{size}\n")));
    assert_eq!(reply.header("content-type"), "text/x.tlog.size");
}

#[tokio::test]
async fn a_log_that_grows_is_cosigned_and_monitors_see_it() {
    let log = HandLog::new(ORIGIN, 300);
    let app = witness_of(&log).await;
    let shown = format!("/witness/{}/checkpoint", state::hash(ORIGIN));
    assert_eq!(app.rest().get(&shown).await.problem().0, 404, "nothing was cosigned yet");
    let mut last = 0;
    for (old, new) in [(0, 5), (5, 9), (9, 9), (9, 256), (256, 257), (257, 300)] {
        let request = log.request(old, new);
        let reply = asks(&app, &request).await;
        let time = time_of(&app, &request, &reply);
        assert_eq!(i64::try_from(time).ok(), Some(charter_domain::time::Clock::now(&*app.clock).secs()));
        assert!(time >= last && reply.header("content-type").starts_with("text/plain"), "{old} {new}");
        last = time;
        app.clock.advance(std::time::Duration::from_secs(1));
        let shown = app.rest().get(&shown).await;
        let seen = SignedCheckpoint::parse(&shown.body).expect("a checkpoint");
        seen.verify_log(&log.vkey).expect("the log's signature");
        assert_eq!(cosign::verify(&seen, &[vkey(&app)]).expect("ours")[0].time_secs, time);
        assert_eq!(seen.checkpoint().size(), new);
    }
    // A clock that goes back: time does not.
    app.clock.set(charter_domain::Timestamp::from_secs(1_000));
    let again = log.request(300, 300);
    assert_eq!(time_of(&app, &again, &asks(&app, &again).await), last);
    // Signatures of others are let go, and not kept.
    let foreign = HandLog::new("other.example/log", 300).at(300);
    let with = log.at(300).with_signatures(foreign.note().signatures()).expect("a note");
    let request = AddCheckpoint { old: 300, proof: vec![], checkpoint: with };
    time_of(&app, &request, &asks(&app, &request).await);
    assert!(!contents(&file(&app, ORIGIN)).expect("a file").contains("other.example"));
}

/// Where a log may submit it can also see what was cosigned: one that was restored learns from that.
#[tokio::test]
async fn a_listener_for_peers_takes_checkpoints_and_shows_the_last() {
    let log = HandLog::new(ORIGIN, 9);
    let build = TestApp::build().registry(AUTHORITY).details(&log.setting());
    let app = build.listener("services = [\"peer\"]").start().await;
    let request = log.request(0, 9);
    time_of(&app, &request, &asks(&app, &request).await);
    let shown = app.rest().get(&format!("/witness/{}/checkpoint", state::hash(ORIGIN))).await;
    assert_eq!(SignedCheckpoint::parse(&shown.body).expect("a checkpoint").checkpoint().size(), 9);
    assert_eq!(app.rest().get("/witness/evidence").await.problem().0, 404, "that is for the public");
}

/// Requests that must be refused after the first 9 leaves were cosigned, with their statuses.
fn refused(log: &HandLog) -> Vec<(&'static str, u16, String)> {
    let stranger = HandLog::new("unknown.example/log", 20);
    let impostor = HandLog::new(ORIGIN, 20);
    let fork = log.forked(3);
    let good = log.request(9, 12);
    let text = good.to_string();
    let proven = |proof: Vec<Hash>| AddCheckpoint { proof, ..good.clone() }.to_string();
    let line = good.checkpoint.note().signatures()[0].clone();
    let twice =
        Note::new(good.checkpoint.note().text().to_owned(), vec![line.clone(), line]).expect("a note");
    let spoilt =
        text.replace(&good.checkpoint.checkpoint().root().to_string(), &Hash::new([7; 32]).to_string());
    let lines = |n: usize| vec![Hash::new([1; 32]); n];
    vec![
        ("another old size", 409, log.request(5, 12).to_string()),
        ("old size 0", 409, log.request(0, 12).to_string()),
        ("an old size that nobody has", 409, log.request(11, 12).to_string()),
        ("a replay", 409, log.request(0, 9).to_string().replace("old 0", "old 5")),
        ("a rollback", 409, log.request(5, 5).to_string()),
        ("a rollback from here", 400, log.request(9, 5).to_string()),
        ("a fork", 422, fork.request(9, 20).to_string()),
        ("no proof", 422, proven(vec![])),
        ("63 lines", 422, proven(lines(63))),
        ("64 lines", 400, proven(lines(64))),
        ("a proof of the same size", 422, AddCheckpoint { proof: lines(1), ..log.request(9, 9) }.to_string()),
        ("another's key of that name", 403, impostor.request(9, 12).to_string()),
        ("a spoilt signature", 403, spoilt),
        ("signed twice", 403, format!("old 9\n{}\n{twice}", hashes(&good.proof))),
        ("an unknown log", 404, stranger.request(0, 12).to_string()),
        ("nothing", 400, String::new()),
        ("no old line", 400, text.replacen("old 9\n", "", 1)),
        ("a leading zero", 400, text.replacen("old 9", "old 09", 1)),
        ("a sign", 400, text.replacen("old 9", "old +9", 1)),
        ("beyond 2^63", 400, text.replacen("old 9", "old 9223372036854775808", 1)),
        ("no empty line", 400, text.replacen("\n\n", "\n", 1)),
        ("other line ends", 400, text.replace('\n', "\r\n")),
        ("base64 without padding", 400, text.replacen("=\n", "\n", 1)),
        ("no signature", 400, text.split("\n\n").take(2).map(|part| format!("{part}\n\n")).collect()),
        ("no last newline", 400, text.trim_end().to_owned()),
        ("a long body", 413, format!("{text}{}", "x".repeat(200 * 1024))),
    ]
}

fn hashes(proof: &[Hash]) -> String {
    proof.iter().map(|hash| format!("{hash}\n")).collect()
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let log = HandLog::new(ORIGIN, 20);
    let app = witness_of(&log).await;
    let first = log.request(0, 9);
    time_of(&app, &first, &asks(&app, &first).await);
    let before = contents(&file(&app, ORIGIN)).expect("a file");
    for (what, status, body) in refused(&log) {
        let reply = submit(&app, body).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        match status {
            409 => conflict(&reply, 9),
            _ => assert_eq!(reply.problem().0, status, "{what}"),
        }
        assert_eq!(contents(&file(&app, ORIGIN)).as_ref(), Some(&before), "{what}");
    }
    let binary = submit(&app, bytes::Bytes::from_static(&[0xff, 0x00, 0xfe])).await;
    assert_eq!(binary.problem(), (400, "INVALID".to_owned()));
    // None of it is evidence, and none of it stands in the way of the log.
    assert_eq!(app.rest().get("/witness/evidence").await.json()["evidence"], serde_json::json!([]));
    let next = log.request(9, 20);
    time_of(&app, &next, &asks(&app, &next).await);
    let names = std::fs::read_dir(folder(&app)).expect("a folder").count();
    assert_eq!(names, 2, "one log has a file and a lock");
}

#[tokio::test]
async fn a_first_checkpoint_takes_no_proof_and_an_empty_tree_has_one_root() {
    let log = HandLog::new(ORIGIN, 20);
    let app = witness_of(&log).await;
    let proven = AddCheckpoint { proof: vec![Hash::new([1; 32])], ..log.request(0, 5) };
    assert_eq!(asks(&app, &proven).await.problem(), (422, "INCONSISTENT".to_owned()));
    let wrong = AddCheckpoint { old: 0, proof: vec![], checkpoint: log.signs(0, Hash::new([1; 32])) };
    assert_eq!(asks(&app, &wrong).await.problem(), (422, "INCONSISTENT".to_owned()));
    conflict(&asks(&app, &log.request(3, 5)).await, 0);
    assert!(contents(&file(&app, ORIGIN)).is_none(), "nothing was cosigned");
    let empty = log.request(0, 0);
    time_of(&app, &empty, &asks(&app, &empty).await);
    let grown = log.request(0, 5);
    time_of(&app, &grown, &asks(&app, &grown).await);
}

/// Two roots of one size, whatever the old size says.
#[tokio::test]
async fn two_histories_are_kept_as_evidence_that_verifies_by_itself() {
    for (old, status) in [(9, 422), (5, 409)] {
        let log = HandLog::new(ORIGIN, 20);
        let app = witness_of(&log).await;
        let first = log.request(0, 9);
        time_of(&app, &first, &asks(&app, &first).await);
        let before = contents(&file(&app, ORIGIN));
        let lie = AddCheckpoint { proof: vec![], ..log.forked(3).request(old, 9) };
        assert_eq!(asks(&app, &lie).await.status, status);
        // Whoever has the log's key can tell, with nothing else.
        let listed = app.rest().get("/witness/evidence").await.json();
        let text = listed["evidence"][0]["text"].as_str().expect("a text").to_owned();
        let found: charter_tlog::witness::Equivocation = text.parse().expect("evidence");
        found.verify(&log.vkey).expect("it verifies");
        assert_eq!((found.origin(), found.size()), (ORIGIN, 9));
        found.verify(&HandLog::new(ORIGIN, 1).vkey).expect_err("of another key");
        let kept = evidence::list(&app.app.config.log_store.dir).expect("a list");
        assert_eq!((kept.len(), &kept[0].text), (1, &text));
        // Nothing of the log is cosigned any more, the truth neither.
        for request in [log.request(9, 20), log.request(9, 9)] {
            let reply = asks(&app, &request).await;
            assert_eq!(reply.problem(), (422, "INCONSISTENT".to_owned()));
            assert!(reply.text().contains(&kept[0].id), "{}", reply.text());
        }
        assert_eq!(contents(&file(&app, ORIGIN)), before);
        let ready = app.rest().get("/readyz").await;
        assert_eq!(ready.status, 200, "others' lies do not keep this registry from answering");
        assert!(ready.text().contains(ORIGIN), "{}", ready.text());
        let config = &app.app.config;
        let found = charter_server::doctor::examine(config).await;
        let named =
            |f: &charter_server::doctor::Finding| f.fault.as_ref().is_some_and(|f| f.contains(ORIGIN));
        assert!(found.iter().any(named), "doctor says so too");
        assert!(charter_server::witness::admin::release(config, AUTHORITY, ORIGIN).expect("released"));
        let next = log.request(9, 20);
        time_of(&app, &next, &asks(&app, &next).await);
        assert_eq!(evidence::list(&config.log_store.dir).expect("a list").len(), 1, "evidence stays");
    }
}
