//! `charter conformance`: our own registry passes, and a registry with any one fault is found out by the check for it.

mod wrong;

use std::collections::BTreeSet;

use charter_tests::{
    AUTHORITY, TestApp,
    app::SETTINGS,
    terminal::{Done, Terminal},
};
use futures::{StreamExt as _, stream};
use serde_json::Value;

/// Faults, and the check that finds each.
const FAULTS: &[(&str, &str)] = &[
    ("html", "authorization.media-type"),
    ("no time", "authorization.members"),
    ("null time", "authorization.members"),
    ("decision as text", "authorization.members"),
    ("another entity", "authorization.echo"),
    ("recognition: html", "recognition.media-type"),
    ("recognition: no time", "recognition.members"),
    ("recognition: decision as text", "recognition.answered"),
    ("recognition: another entity", "recognition.echo"),
    ("down", "authorization.answered"),
    ("problem as json", "problems.media-type"),
    ("problem as text", "problems.members"),
    ("problem of another status", "problems.members"),
    ("garbage", "refusals.not-json"),
    ("arrays", "refusals.not-object"),
    ("missing is guessed", "refusals.missing"),
    ("any type", "refusals.types"),
    ("empty", "refusals.empty"),
    ("any text", "refusals.identifiers"),
    ("duplicates", "refusals.duplicates"),
    ("deep", "refusals.deep"),
    ("unbounded", "refusals.large"),
    ("unknown entity is yes", "unknown.entity"),
    ("unknown authority fails", "unknown.authority"),
    ("unknown action is yes", "unknown.action"),
    ("unknown resource is yes", "unknown.resource"),
    ("unknown terms differ", "unknown.alike"),
    ("flips", "decisions.repeated"),
    ("yes to all", "decisions.known"),
    ("no history", "decisions.known"),
    ("times swapped", "time.requested"),
    ("times swapped", "time.evaluated"),
    ("no time requested", "time.requested-given"),
    ("any time", "time.invalid"),
    ("only z", "time.offset"),
    ("no past", "time.past"),
    ("no future", "time.future"),
    ("strict context", "context.unknown"),
    ("any context", "context.types"),
    ("strict members", "members.unknown"),
    ("any media", "door.media-type"),
    ("no charset", "door.charset"),
    ("get", "door.not-get"),
    ("no allow", "door.allow"),
    ("no request id", "door.request-id"),
    ("no preflight", "cors.preflight"),
    ("no cors", "cors.answer"),
    ("old version", "metadata.version"),
    ("metadata of its own", "ayra.metadata"),
    ("no 501", "ayra.optional"),
    ("listed otherwise", "ayra.listed"),
];

/// Checks that nothing on loopback can fail: how a framework is found is open, and there is no TLS.
const NEVER: [&str; 2] = ["metadata.governance", "transport.tls"];

/// Examines a registry; how it ended, and the report.
async fn examines(target: &str, known: Option<&str>) -> (Done, Value) {
    let terminal = Terminal::default();
    let out = terminal.home().join("report");
    let mut args = vec!["conformance", "--target", target, "--out", out.to_str().expect("UTF-8")];
    let file = terminal.home().join("known.yaml");
    if let Some(cases) = known {
        std::fs::write(&file, cases).expect("written");
        args.extend(["--known", file.to_str().expect("UTF-8")]);
    }
    let done = terminal.charter(&args).await;
    let page = std::fs::read_to_string(out.join("conformance.html")).unwrap_or_default();
    assert!(page.starts_with("<!DOCTYPE html>") && !page.contains("<script"), "{}\n{page}", done.err);
    let report = std::fs::read_to_string(out.join("conformance.json")).expect("a report");
    (done, serde_json::from_str(&report).expect("JSON"))
}

fn of<'a>(report: &'a Value, outcome: &'a str) -> impl Iterator<Item = &'a str> {
    let checks = report["checks"].as_array().expect("checks").iter();
    checks.filter(move |check| check["outcome"] == outcome).map(|check| check["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn our_own_registry_passes_every_check() {
    let cases = format!(
        "authority_id: {AUTHORITY}\ncases:\n\
         - {{ entity_id: 'did:web:good.example', action: issue, resource: Degree, expect: yes }}\n\
         - {{ entity_id: 'did:web:revoked.example', action: issue, resource: Degree, expect: no }}\n\
         - entity_id: did:web:revoked.example\n  action: issue\n  resource: Degree\n  expect: yes\n  \
           context: {{ time: '2025-05-31T23:59:59Z' }}\n\
         - {{ kind: recognition, entity_id: 'did:web:peer.example', action: issue, resource: Degree, expect: yes }}\n\
         - {{ entity_id: 'did:web:stranger.example', action: issue, resource: Degree, expect: unknown }}\n"
    );
    for unknown in ["not_found", "false"] {
        let settings = format!("{SETTINGS}answers = {{ unknown = \"{unknown}\" }}\n");
        let build = TestApp::build().settings(&settings).registry(AUTHORITY);
        let app = build.details("governance_framework = \"https://registry.example/rules\"").start().await;
        let registry = app.registry(AUTHORITY);
        registry.registers("did:web:good.example").authorized("issue", "Degree").await;
        let revoked = registry.registers("did:web:revoked.example").authorized("issue", "Degree");
        revoked.status("REVOKED", "2025-06-01T00:00:00Z").await;
        registry.registers("did:web:peer.example").recognized("issue", "Degree").await;
        for known in [None, Some(cases.as_str())] {
            let (done, report) = examines(&app.url(), known).await;
            let failed: Vec<_> = of(&report, "fail").collect();
            assert!(failed.is_empty(), "unknown = {unknown}: {failed:?}\n{}", done.out);
            let skipped: Vec<_> = of(&report, "skipped").collect();
            let expected = if known.is_some() {
                &["transport.tls"][..]
            } else {
                &["decisions.known", "transport.tls"][..]
            };
            assert_eq!(skipped, expected, "{}", done.out);
            assert_eq!((done.code, &report["conforms"]), (0, &Value::Bool(true)));
            assert_eq!(report["authority_id"], AUTHORITY);
            let ids: BTreeSet<_> = of(&report, "pass").collect();
            let all = report["passed"].as_u64().expect("a number");
            let cases = if known.is_some() { 4 } else { 0 };
            assert_eq!(u64::try_from(ids.len()).expect("few") + cases, all, "each check has one finding");
        }
    }
}

#[tokio::test]
async fn each_fault_is_found_by_the_check_for_it() {
    let (done, report) = examines(&wrong::start("none").await, Some(wrong::KNOWN)).await;
    assert_eq!(of(&report, "fail").count(), 0, "{}", done.out);
    let all: BTreeSet<String> = report["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .map(|check| check["id"].as_str().expect("an id").to_owned())
        .collect();
    let tried = FAULTS.iter().map(|(_, check)| (*check).to_owned()).chain(NEVER.map(str::to_owned));
    assert_eq!(tried.collect::<BTreeSet<_>>(), all, "each check has a fault that it finds");
    let examined = stream::iter(FAULTS.iter().copied()).map(|(fault, check)| async move {
        let (done, report) = examines(&wrong::start(fault).await, Some(wrong::KNOWN)).await;
        (fault, check, done, report)
    });
    let examined: Vec<_> = examined.buffer_unordered(4).collect().await;
    for (fault, check, done, report) in examined {
        assert!(of(&report, "fail").any(|id| id == check), "`{fault}` is not found by {check}\n{}", done.out);
        let failing = |c: &&Value| c["outcome"] == "fail" && c["level"] == "MUST";
        let broken = report["checks"].as_array().expect("checks").iter().find(failing);
        assert_eq!(report["conforms"], broken.is_none(), "{fault}\n{}", done.out);
        assert_eq!(done.code, i32::from(broken.is_some()), "{fault}\n{}", done.err);
    }
}

#[tokio::test]
async fn what_cannot_be_examined_is_said() {
    let terminal = Terminal::default();
    let file = terminal.home().join("known.yaml");
    std::fs::write(&file, "cases: []").expect("written");
    let nobody = charter_tests::program::free_address();
    let url = format!("http://{nobody}");
    let known = file.to_str().expect("UTF-8");
    let cases: [(&[&str], i32); 8] = [
        (&["--target", url.as_str()], 5),
        (&["--target", "http://registry.example"], 2),
        (&["--target", "https://me@registry.example"], 2),
        (&["--target", "https://registry.example/?a=b"], 2),
        (&["--target", url.as_str(), "--known", known], 2),
        (&["--target", url.as_str(), "--known", "nowhere.yaml"], 2),
        (&["--target", url.as_str(), "--out", "a", "--json", "b"], 2),
        (&[], 2),
    ];
    for (args, code) in cases {
        let done = terminal.charter(&[&["conformance"][..], args].concat()).await;
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{args:?}\n{}", done.err);
    }
}
