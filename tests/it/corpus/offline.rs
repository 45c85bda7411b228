//! The chain of a yes or a no, held against the anchor of its file: by the library, and by the program.

use std::path::Path;

use charter_domain::{Context, Outcome, Query, Timestamp, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify, verify_denial};
use charter_tests::program::built;
use tokio::process::Command;

use super::{
    build::Servers,
    spec::{Case, Expect, did},
};
use crate::second::case;

/// The question of a case, past the doors.
pub fn query(servers: &Servers, asked: &Case) -> Query {
    let ask = &asked.ask;
    let own = servers.app(ask.server).app.config.listeners[0].registry.to_string();
    let authority = ask.authority.as_deref().map_or(own, did);
    let context = Context::parse(ask.context.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let context = context.expect("a context");
    let entity = did(&ask.entity);
    let terms = (authority.as_str(), entity.as_str(), ask.action.as_str(), ask.resource.as_str());
    Query::parse(ask.kind, terms, context).expect("a question")
}

/// The case as the verifiers are given it.
pub async fn judged(servers: &Servers, asked: &Case, chain: Vec<String>) -> case::Case {
    let (query, now) = (query(servers, asked), servers.clock.now());
    let at: Timestamp = query.context.time.unwrap_or(now);
    let anchors = servers.anchors().await;
    let chain = Chain::new(chain).expect("a chain").to_bytes();
    case::Case { name: asked.name.clone(), chain, anchors, query, at, now, max_age: None, log: None }
}

/// How the proof is not as expected.
pub fn fault(case: &case::Case, expect: &Expect) -> Option<String> {
    let chain = Chain::parse(&case.chain).expect("its own bytes");
    let anchors = AnchorSet::parse(&case.anchors).expect("an anchor set");
    let result = if expect.outcome() == Outcome::No {
        verify_denial(&chain, &case.query, &anchors, case.at, case.now, None).map(|denied| denied.decided_by)
    } else {
        verify(&chain, &case.query, &anchors, case.at, case.now, None).map(|verified| verified.decided_by)
    };
    let (given, expected) = match (result, &expect.offline) {
        (Ok(decided_by), None) => {
            let by = expect.decided_by.as_deref().map_or_else(|| decided_by.to_string(), did);
            (format!("proven by {decided_by}"), format!("proven by {by}"))
        }
        (Ok(_), Some(refused)) => ("proven".to_owned(), refused.to_string()),
        (Err(fault), None) => (fault.to_string(), "proven".to_owned()),
        (Err(fault), Some(refused)) => {
            (format!("{} at link {}", fault.code.as_str(), fault.link), refused.to_string())
        }
    };
    (given != expected).then(|| format!("offline: {given}, expected {expected}"))
}

/// How `charter chain verify --offline` ends otherwise than expected. It reads the question from the chain, but from whom
/// a recognition was to be followed.
pub async fn program(case: &case::Case, expect: &Expect, dir: &Path) -> Option<String> {
    let (chain, anchors) = (dir.join("chain.json"), dir.join("anchors.json"));
    std::fs::write(&chain, &case.chain).expect("written");
    std::fs::write(&anchors, &case.anchors).expect("written");
    let mut command = Command::new(built("charter"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHARTER_")) {
        command.env_remove(name); // The harness' own are no settings.
    }
    command.env("XDG_STATE_HOME", dir).env("XDG_CONFIG_HOME", "/nonexistent");
    command.args(["chain", "verify", "--offline", "-o", "json", "--anchor"]).arg(&anchors).arg(&chain);
    if let Some(time) = case.query.context.time {
        command.args(["--at", &time.to_string()]);
    }
    if case.query.context.follow_recognition {
        command.args(["--recognized-by", case.query.authority.as_str()]);
    }
    let output = command.kill_on_drop(true).output().await.expect("charter runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let (code, part) = match (&expect.offline, expect.outcome()) {
        (Some(refused), _) => (5, refused.to_string()),
        (None, Outcome::Yes) => (0, "\"verified\"".to_owned()),
        (None, _) => (if expect.reason().is_unknown() { 4 } else { 3 }, expect.reason.clone()),
    };
    let by = expect.decided_by.as_deref().filter(|_| expect.offline.is_none()).map(did);
    let as_expected =
        output.status.code() == Some(code) && said.contains(&part) && by.is_none_or(|by| said.contains(&by));
    (!as_expected)
        .then(|| format!("charter chain verify: {}, expected {code} and `{part}`: {said}", output.status))
}
