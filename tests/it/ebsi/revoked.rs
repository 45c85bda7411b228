//! After a change was acknowledged nothing that is handed out says otherwise: from memory, from another process, without a
//! lease, and while many ask at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use charter_domain::time::Clock as _;
use charter_proto::charter::registry::v1::{self as pb, change_status, propose_request::Change};
use charter_tests::{
    AUTHORITY, Rest, TestApp,
    governed::{Governed, ISSUER, waived},
};
use serde_json::{Value, json};

use super::{TIR, UNIVERSITY, attribute, claims, ids, keeping, read};
use crate::{kept::beside, schema::enact};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

async fn started() -> TestApp {
    let app = TestApp::start().await;
    app.registry(AUTHORITY).registers(UNIVERSITY).authorized("issue", "Degree").await;
    app.clock.advance(seconds(100));
    app
}

fn kind(attribute: &Value) -> &str {
    attribute["issuerType"].as_str().expect("a role")
}

#[tokio::test]
async fn a_revoked_issuer_keeps_an_accreditation_that_ends_when_it_was_revoked() {
    let app = started().await;
    let rest = app.rest();
    let (before, active) = claims(&rest, UNIVERSITY).await;
    assert_eq!(kind(&before), "TI");
    let id = ids(&rest, UNIVERSITY).await;
    let at = app.clock.now().secs();
    app.registry(AUTHORITY).revokes(UNIVERSITY).await;
    let (after, ended) = claims(&rest, UNIVERSITY).await;
    assert_eq!((kind(&after), &ended["exp"], &ended["nbf"]), ("Revoked", &json!(at), &active["nbf"]));
    assert_eq!(ids(&rest, UNIVERSITY).await, id, "its id stays");
    let list = read(&rest, &format!("{TIR}/issuers?page[size]=50")).await;
    assert_eq!(list["total"], 2, "who was an issuer is one that was revoked");
}

#[tokio::test]
async fn a_suspension_shows_and_ends() {
    let app = started().await;
    let (rest, registry) = (app.rest(), app.registry(AUTHORITY));
    let from = app.clock.now().secs();
    registry.suspends(UNIVERSITY).await;
    let (during, ended) = claims(&rest, UNIVERSITY).await;
    assert_eq!((kind(&during), &ended["exp"]), ("Revoked", &json!(from)));
    app.clock.advance(seconds(50));
    registry.reinstates(UNIVERSITY).await;
    let (after, again) = claims(&rest, UNIVERSITY).await;
    assert_eq!((kind(&after), &again["nbf"]), ("TI", &json!(from + 50)), "without the time in between");
}

#[tokio::test]
async fn a_revoked_statement_leaves_the_others() {
    let g = Governed::start().await;
    let diploma = pb::ImportAuthorization {
        action: "issue".to_owned(),
        resource: "Diploma".to_owned(),
        ..Default::default()
    };
    let stated = Change::MakeStatement(pb::MakeStatement {
        entity_id: ISSUER.to_owned(),
        authorization: Some(diploma),
        ..Default::default()
    });
    let statement = enact(&g, stated).await.expect("stated").seq;
    g.app.clock.advance(seconds(10));
    let revoked = Change::ChangeStatus(pb::ChangeStatus {
        target: Some(change_status::Target::StatementId(statement)),
        state: "REVOKED".to_owned(),
        code: "TESTED".to_owned(),
        ..waived("REVOKED")
    });
    enact(&g, revoked).await.expect("revoked");
    let rest = g.app.rest();
    let mut kinds = Vec::new();
    for id in ids(&rest, ISSUER).await {
        let found = read(&rest, &format!("{TIR}/issuers/{ISSUER}/attributes/{id}")).await;
        kinds.push(kind(&found["attribute"]).to_owned());
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["Revoked", "TI"]);
}

#[tokio::test]
async fn an_accreditation_that_runs_out_is_served_no_longer_than_it_holds() {
    let app = TestApp::start().await;
    let end = app.clock.now().plus(seconds(60));
    let registry = app.registry(AUTHORITY);
    registry.registers(UNIVERSITY).authorized("issue", "Degree").valid("", &end.to_string()).await;
    let rest = app.rest();
    let (first, early) = claims(&rest, UNIVERSITY).await;
    assert_eq!(early["exp"], end.secs());
    app.clock.advance(seconds(61));
    let (later, late) = claims(&rest, UNIVERSITY).await;
    assert_eq!((kind(&later), &late["exp"]), ("TI", &json!(end.secs())), "its own date says that it is over");
    assert_ne!(first["hash"], later["hash"], "what was kept for its life was made anew");
}

#[tokio::test]
async fn another_process_and_one_without_a_lease_say_the_same() {
    let app = started().await;
    let other = beside(&app, TestApp::build().registry(AUTHORITY)).await;
    let rests = [app.rest(), Rest::new(other.addresses[0])];
    for rest in &rests {
        assert_eq!(kind(&attribute(rest, UNIVERSITY).await), "TI");
    }
    app.registry(AUTHORITY).suspends(UNIVERSITY).await;
    for rest in &rests {
        assert_eq!(kind(&attribute(rest, UNIVERSITY).await), "Revoked");
    }
    app.registry(AUTHORITY).reinstates(UNIVERSITY).await;
    app.app.register.drop_lease();
    assert_eq!(kind(&attribute(&rests[0], UNIVERSITY).await), "TI");
    other.stop().await;
}

/// Facts are read, a revocation is acknowledged, and only then is it signed: the signature must not be handed out.
#[tokio::test]
async fn many_who_ask_during_a_revocation_hear_it_once_it_is_acknowledged() {
    let app = started().await;
    let id = ids(&app.rest(), UNIVERSITY).await.remove(0);
    let path = format!("{TIR}/issuers/{UNIVERSITY}/attributes/{id}");
    let (revoked, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = |_| {
        let (rest, path) = (app.rest(), path.clone());
        let (revoked, stop) = (Arc::clone(&revoked), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut asked, mut late) = (0, 0);
            while !stop.load(Ordering::SeqCst) || late == 0 {
                let known = revoked.load(Ordering::SeqCst);
                let role = read(&rest, &path).await["attribute"]["issuerType"].clone();
                assert!(!known || role == "Revoked", "{role} after it was acknowledged");
                (asked, late) = (asked + 1, late + u32::from(known));
            }
            asked
        })
    };
    let readers: Vec<_> = (0..8).map(reader).collect();
    app.registry(AUTHORITY).revokes(UNIVERSITY).await;
    revoked.store(true, Ordering::SeqCst);
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.expect("its answers were right") > 0);
    }
}

#[tokio::test]
async fn bodies_that_are_shown_together_are_of_one_state() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(UNIVERSITY).authorized("issue", "Degree").authorized("issue", "Diploma").await;
    app.clock.advance(seconds(100));
    let path = format!("{TIR}/issuers/{UNIVERSITY}?version=deprecated");
    let revoked = Arc::new(AtomicBool::new(false));
    let reader = |_| {
        let (rest, path, revoked) = (app.rest(), path.clone(), Arc::clone(&revoked));
        tokio::spawn(async move {
            loop {
                let known = revoked.load(Ordering::SeqCst);
                let shown = read(&rest, &path).await;
                let all = shown["attributes"].as_array().expect("a list");
                let kinds: Vec<&str> = all.iter().map(kind).collect();
                assert!(kinds == ["Revoked"; 2] || !known && kinds == ["TI"; 2], "{kinds:?}");
                if known {
                    return;
                }
            }
        })
    };
    let readers: Vec<_> = (0..4).map(reader).collect();
    registry.revokes(UNIVERSITY).await;
    revoked.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("its answers were right");
    }
}

#[tokio::test]
async fn many_who_ask_at_once_get_one_signature_for_half_of_its_life() {
    let app = keeping().await;
    app.registry(AUTHORITY).registers(UNIVERSITY).authorized("issue", "Degree").await;
    let id = ids(&app.rest(), UNIVERSITY).await.remove(0);
    let path = format!("{TIR}/issuers/{UNIVERSITY}/attributes/{id}");
    let asks = (0..16).map(|_| {
        let (rest, path) = (app.rest(), path.clone());
        async move { read(&rest, &path).await["attribute"]["hash"].clone() }
    });
    let hashes = futures::future::join_all(asks).await;
    assert!(
        hashes.iter().all(|hash| *hash == hashes[0]),
        "ECDSA signs the same otherwise each time: {hashes:?}"
    );
    app.clock.advance(seconds(13 * 3_600));
    assert_ne!(read(&app.rest(), &path).await["attribute"]["hash"], hashes[0]);
}
