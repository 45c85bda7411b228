//! What registries serve: a federated answer with its evidence, every part of it changed, exchanged and outlived.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_domain::time::Clock;
use charter_proof::Chain;
use charter_proto::charter::registry::v1::set_status_request::Target;
use charter_tests::{TestApp, TestClock};
use charter_tlog::{log_proof::LogProof, note::KeyKind};
use serde_json::Value;

use super::{
    case::{Case, LogCase, compare, query},
    made::Key,
};
use crate::logged::published;

const ROOT: &str = "did:web:root.example";
const NATION: &str = "did:web:nation.example";

/// The evidence of a yes, as the root serves it over REST.
async fn served(root: &TestApp, name: &str, entity: &str) -> Case {
    let asking = root.anonymous().asks(entity, "issue", "Degree").with("evidence", "full");
    // Evidence from another registry's log is had within a second, or not: a busy machine asks again.
    let end = Instant::now() + Duration::from_secs(30);
    let evidence = loop {
        let reply = root.rest().post("/authorization", &asking.json()).await;
        let evidence = reply.json()["evidence"].clone();
        if evidence["log_proof"].is_string() {
            break evidence;
        }
        assert!(Instant::now() < end, "{}", reply.text());
    };
    let text = |name: &str| evidence[name].as_str().expect("a member of the evidence").to_owned();
    let links = evidence["chain"].as_array().expect("a chain").iter().filter_map(Value::as_str);
    let chain = Chain::new(links.map(str::to_owned).collect()).expect("a chain");
    let anchors = root.rest().get("/.well-known/trust-anchors").await.body.to_vec();
    let now = root.clock.now();
    Case {
        name: name.to_owned(),
        chain: chain.to_bytes(),
        anchors,
        query: query(ROOT, entity, "issue", "Degree"),
        at: now,
        now,
        max_age: None,
        log: Some(LogCase {
            event: BASE64_URL_SAFE_NO_PAD.decode(text("event")).expect("base64url"),
            log_proof: text("log_proof").into_bytes(),
            configuration: text("configuration").into_bytes(),
            policy: None,
            max_age: None,
        }),
    }
}

/// The same with a cosignature by a witness, and a policy that asks for it.
fn witnessed(case: &Case, witness: &Key) -> Case {
    let cosigned_at = case.now.secs() - 5;
    case.logged(format!("{}, witnessed", case.name), |log| {
        let text = String::from_utf8(log.log_proof.clone()).expect("UTF-8");
        let proof: LogProof = text.parse().expect("a proof");
        let checkpoint = witness.cosigns(proof.checkpoint(), cosigned_at);
        let proof = LogProof::new(None, proof.index(), proof.hashes().to_vec(), checkpoint).expect("a proof");
        log.log_proof = proof.to_string().into_bytes();
        log.policy = Some(format!("witness w {}\nquorum w\n", witness.vkey).into_bytes());
        log.max_age = Some(60);
    })
}

/// One bit of every so many bytes of each part.
fn flipped(base: &Case, every: usize) -> Vec<Case> {
    let log = base.log.as_ref().expect("a log");
    let mut cases = Vec::new();
    for place in (0..base.chain.len()).step_by(every * 3) {
        cases.push(base.with(format!("chain byte {place}"), |c| c.chain[place] ^= 1 << (place % 7)));
    }
    for place in (0..log.event.len()).step_by(every) {
        cases.push(base.logged(format!("event byte {place}"), |l| l.event[place] ^= 1));
    }
    for place in (0..log.log_proof.len()).step_by(every) {
        cases.push(base.logged(format!("proof byte {place}"), |l| l.log_proof[place] ^= 1 << (place % 7)));
    }
    for place in (0..log.configuration.len()).step_by(every * 3) {
        cases.push(base.logged(format!("configuration byte {place}"), |l| l.configuration[place] ^= 1));
    }
    cases
}

#[tokio::test]
async fn both_verifiers_agree_on_what_registries_serve() {
    let clock = Arc::new(TestClock::default());
    let root = TestApp::build().clock(&clock).registry(ROOT).start().await;
    let nation = TestApp::build().clock(&clock).under(NATION, ROOT).start().await;
    root.registry(ROOT).delegates(&nation.registry(NATION), &["Degree"]).await;
    let (above, below) = (root.registry(ROOT), nation.registry(NATION));
    let own = above.registers("did:web:a.example").authorized("issue", "Degree").await;
    let one = below.registers("did:web:b.example").authorized("issue", "Degree").await;
    let two = below.registers("did:web:c.example").authorized("issue", "Degree").await;
    published(&root, ROOT).await;
    published(&nation, NATION).await;
    let witness = Key::new("witness.example/w", KeyKind::CosignatureV1);
    let good = [
        served(&root, "the anchor's own", &own).await,
        served(&root, "of a subordinate", &one).await,
        served(&root, "another of it", &two).await,
    ];
    let seen: Vec<Case> = good.iter().map(|case| witnessed(case, &witness)).collect();
    let mut cases = [good.to_vec(), seen.clone()].concat();
    // Later events make newer checkpoints; what was proven stays so.
    for state in ["SUSPENDED", "ACTIVE"] {
        clock.advance(Duration::from_millis(50));
        below.sets(Target::EntityId(one.clone()), state).await;
    }
    published(&nation, NATION).await;
    cases.push(served(&root, "after a suspension", &one).await);
    for case in &cases {
        assert!(case.verdict().is_ok(), "{}: {:?}", case.name, case.verdict());
    }
    let accepted = cases.len();
    let strange = Key::new("strange.example/w", KeyKind::CosignatureV1);
    cases.push(seen[1].logged("another witness asked for", |l| {
        l.policy = Some(format!("witness w {}\nquorum w\n", strange.vkey).into_bytes());
    }));
    for (name, other) in [("another entity's", &good[2]), ("another registry's", &good[0])] {
        let evidence = other.log.clone().expect("evidence");
        cases.push(good[1].with(format!("{name} evidence"), |c| c.log = Some(evidence.clone())));
        cases.push(good[1].logged(format!("{name} event"), |l| l.event.clone_from(&evidence.event)));
        cases.push(good[1].logged(format!("{name} proof"), |l| l.log_proof.clone_from(&evidence.log_proof)));
        let configuration = evidence.configuration;
        cases.push(good[1].logged(format!("{name} configuration"), |l| l.configuration = configuration));
    }
    cases.extend(flipped(&seen[1], 4));
    let agreed = compare("served", &cases).await;
    // The configuration of the same registry is the same.
    assert_eq!(agreed.accepted, accepted + 1, "of {}", agreed.cases);
}
