//! The chain of a yes or a no, held against the anchor of its file.

use charter_domain::{Context, Outcome, Query, Timestamp, time::Clock};
use charter_proof::{AnchorSet, Chain, verify::verify, verify_denial};

use super::{
    build::Servers,
    spec::{Case, Expect, did},
};
use crate::second::case;

/// The case as the verifiers are given it.
pub async fn judged(servers: &Servers, asked: &Case, chain: Vec<String>) -> case::Case {
    let ask = &asked.ask;
    let own = servers.app(ask.server).app.config.listeners[0].registry.to_string();
    let authority = ask.authority.as_deref().map_or(own, did);
    let context = Context::parse(ask.context.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let context = context.expect("a context");
    let now = servers.clock.now();
    let at: Timestamp = context.time.unwrap_or(now);
    let entity = did(&ask.entity);
    let terms = (authority.as_str(), entity.as_str(), ask.action.as_str(), ask.resource.as_str());
    let query = Query::parse(ask.kind, terms, context).expect("a question");
    let anchors = servers.app(1).rest().get("/.well-known/trust-anchors").await.body.to_vec();
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
        (Ok(_), Some(refused)) => ("proven".to_owned(), format!("{} at link {}", refused.code, refused.link)),
        (Err(fault), None) => (fault.to_string(), "proven".to_owned()),
        (Err(fault), Some(refused)) => (
            format!("{} at link {}", fault.code.as_str(), fault.link),
            format!("{} at link {}", refused.code, refused.link),
        ),
    };
    (given != expected).then(|| format!("offline: {given}, expected {expected}"))
}
