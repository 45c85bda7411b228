//! Commits that are not answered: with a request id it is found out what became of them, without one it is said that it
//! is not known; never twice, and never "failed" but present.

use std::net::SocketAddr;

use charter_domain::{
    Registry,
    policy::{Load, Permit},
};
use charter_proto::charter::registry::v1 as pb;
use charter_store::{
    Error, Store, Tx,
    request::{Call, Earlier},
};
use charter_tests::{AUTHORITY, TestApp, database::Database};
use tonic::Status;
use uuid::Uuid;

use super::{
    beside, holding,
    wire::{Lost, Wire},
};
use crate::{
    governance::said,
    kept::{Kept, record},
    log_sequencer::id,
    store::verify_history,
};

const NAME: &str = "did:web:cut.example";

struct Cut {
    kept: Kept,
    registry: Registry,
    permit: Permit<Load>,
    wire: Wire,
    store: Store,
}

impl Cut {
    async fn start() -> Self {
        let kept = Kept::new().await;
        let (registry, permit) = kept.registry("one").await;
        let wire = Wire::start();
        let url = Database::at(wire.dir(), &kept.database.name).url("charter_runtime");
        let store = beside(&kept, url, 0);
        Self { kept, registry, permit, wire, store }
    }

    async fn writes(&self, call: Option<Call>) -> Result<i64, Error> {
        let permit = self.permit.clone();
        let change = move |tx: &mut Tx<'_>| {
            tx.load(&permit, &[record(NAME)])?;
            tx.keep(call.as_ref(), &"as tested")
        };
        self.store.write("test.cut", self.registry.id, change).await.map(|done| done.epoch)
    }

    async fn found(&self) -> usize {
        holding(&self.kept.store, self.registry.id, NAME).await.len()
    }
}

pub fn call() -> Call {
    let request_id = Uuid::from_u128(0x7d3e_0f4a_95cb_4d05_b5e5_4c2f_7b6d_0c11);
    Call { principal: "7".to_owned(), request_id, method: "Test", payload: [7; 32] }
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_nothing_ends_it_but_its_outcome() {
    let cut = Cut::start().await;
    cut.wire.loses(Lost::Answer, NAME);
    let written = cut.writes(None).await;
    assert!(matches!(written, Err(Error::Unknown(_))), "{written:?}");
    assert_eq!(cut.found().await, 1, "it was recorded");
    let said = cut.wire.said().expect("a COMMIT was lost");
    assert!(said.ends_with(b"set local statement_timeout = 0\0"), "{}", String::from_utf8_lossy(&said));
    cut.store.read("test.read", cut.registry.id, |_| Ok(())).await.expect("another connection");
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_unknown_too_and_left_nothing() {
    let cut = Cut::start().await;
    cut.wire.loses(Lost::Commit, NAME);
    let written = cut.writes(None).await;
    assert!(matches!(written, Err(Error::Unknown(_))), "not carried out twice: {written:?}");
    assert_eq!(cut.found().await, 0);
    assert_eq!(cut.store.settled(cut.registry.id, call()).await.expect("looked up"), None);
}

#[tokio::test]
async fn with_a_request_id_a_commit_that_never_arrived_is_sent_again() {
    let cut = Cut::start().await;
    cut.wire.loses(Lost::Commit, NAME);
    assert_eq!(cut.writes(Some(call())).await.expect("recorded"), 3);
    assert!(cut.wire.said().is_some(), "a COMMIT was lost");
    assert_eq!(verify_history(&cut.kept, cut.registry.id).await.len(), 3);
}

#[tokio::test]
async fn with_a_request_id_what_was_recorded_is_found_and_not_recorded_again() {
    let cut = Cut::start().await;
    cut.wire.loses(Lost::Answer, NAME);
    // The second attempt fails on what the first one left: that is no failure.
    let written = cut.writes(Some(call())).await;
    assert!(matches!(written, Err(Error::Unknown(_))), "{written:?}");
    let settled = cut.store.settled(cut.registry.id, call()).await.expect("looked up");
    assert_eq!(settled, Some(Earlier::Answer("\"as tested\"".to_owned())));
    let other = Call { payload: [8; 32], ..call() };
    assert_eq!(cut.store.settled(cut.registry.id, other).await.expect("looked up"), Some(Earlier::Other));
    assert_eq!(cut.found().await, 1);
    assert_eq!(verify_history(&cut.kept, cut.registry.id).await.len(), 3);
}

#[tokio::test]
async fn what_is_no_event_has_an_unknown_outcome_too() {
    let cut = Cut::start().await;
    cut.wire.loses(Lost::Answer, "and at <= $2");
    let forgotten = cut.store.forget_requests(cut.registry.id).await;
    assert!(matches!(forgotten, Err(Error::Unknown(_))), "{forgotten:?}");
    assert_eq!(cut.store.forget_requests(cut.registry.id).await.expect("forgotten"), 0);
}

/// Suspends an entity through the door.
async fn suspends(app: &TestApp, entity: &str, (code, request_id): (&str, &str)) -> Result<i64, Status> {
    let registry = app.registry(AUTHORITY);
    let request = pb::SetStatusRequest {
        target: Some(pb::set_status_request::Target::EntityId(entity.to_owned())),
        state: "SUSPENDED".to_owned(),
        reason: code.to_owned(),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    let reply = registry.client().set_status(registry.signed(request)).await?;
    Ok(reply.into_inner().epoch)
}

#[tokio::test]
async fn callers_with_a_request_id_get_their_answer_and_others_hear_that_it_is_not_known() {
    let wire = Wire::start();
    let database = Database::at(wire.dir(), &Database::create().await.name);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let app = TestApp::build().start_on(database, address).await.expect("a server");
    for name in ["a", "b", "c", "d"] {
        app.registry(AUTHORITY).registers(&entity(name)).authorized("issue", "Degree").await;
    }
    let recorded = async |code: &str| holding(&app.app.store, id(&app), code).await;
    for (lost, name, code) in [(Lost::Answer, "a", "ANSWER_LOST"), (Lost::Commit, "b", "COMMIT_LOST")] {
        wire.loses(lost, code);
        let request_id = Uuid::new_v4().to_string();
        let epoch = suspends(&app, &entity(name), (code, &request_id)).await.expect("answered");
        assert!(wire.said().is_some(), "{code}");
        assert_eq!(recorded(code).await, [epoch], "once");
        let again = suspends(&app, &entity(name), (code, &request_id)).await.expect("answered");
        assert_eq!(again, epoch);
    }
    for (lost, name, code, there) in
        [(Lost::Answer, "c", "NO_ID_ANSWER", 1), (Lost::Commit, "d", "NO_ID_COMMIT", 0)]
    {
        wire.loses(lost, code);
        let refused = suspends(&app, &entity(name), (code, "")).await.expect_err("nobody knows");
        assert_eq!(said(&refused), "503 OUTCOME_UNKNOWN", "{code}");
        assert_eq!(recorded(code).await.len(), there, "{code}");
    }
}

fn entity(name: &str) -> String {
    format!("did:web:{name}.example")
}
