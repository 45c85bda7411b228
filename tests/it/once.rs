//! A request sent again: carried out once, answered the same, at both doors; another under its id is refused.

mod import;
mod together;

use std::{collections::BTreeSet, time::Duration};

use charter_proto::charter::registry::v1 as pb;
use charter_server::tasks::requests;
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, Person, status},
};
use futures::future::join_all;
use serde_json::json;
use tonic::Status;

use crate::governance::said;

const ID: &str = "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c11";
const OTHER: &str = "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c12";

async fn request(person: &Person<'_>, id: &str, reason: &str) -> pb::ProposeRequest {
    let change = status(ISSUER, "REVOKED");
    pb::ProposeRequest {
        request_id: id.to_owned(),
        etag: person.etag_of(&change).await.expect("read"),
        reason: reason.to_owned(),
        change: Some(change),
        ..Default::default()
    }
}

async fn propose(person: &Person<'_>, request: pb::ProposeRequest) -> Result<pb::Proposal, Status> {
    let reply = person.client().propose(person.signed(request)).await?;
    Ok(reply.into_inner().proposal.expect("a proposal"))
}

async fn approve(person: &Person<'_>, draft: &pb::Proposal, id: &str) -> Result<pb::Proposal, Status> {
    let request = pb::ApproveProposalRequest {
        proposal_id: draft.proposal_id.clone(),
        hash: draft.hash.clone(),
        etag: draft.etag.clone(),
        request_id: id.to_owned(),
        ..Default::default()
    };
    let reply = person.client().approve_proposal(person.signed(request)).await?;
    Ok(reply.into_inner().proposal.expect("a proposal"))
}

async fn kept(app: &TestApp) -> i64 {
    let admin = app.database.admin(&app.database.name).await;
    admin.query_one("select count(*) from requests", &[]).await.expect("counted").get(0)
}

#[tokio::test]
async fn a_request_sent_again_gets_the_same_answer_and_changes_nothing_more() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let asked = request(&olga, ID, "as tested").await;
    let draft = propose(&olga, asked.clone()).await.expect("proposed");
    assert_eq!(propose(&olga, asked.clone()).await.expect("again"), draft);
    let changed = pb::ProposeRequest { reason: "another".to_owned(), ..asked.clone() };
    assert_eq!(said(&propose(&olga, changed).await.expect_err("other")), "422 REQUEST_ID_REUSED");
    let refused = olga.signed(pb::WithdrawProposalRequest {
        proposal_id: draft.proposal_id.clone(),
        etag: draft.etag.clone(),
        request_id: ID.to_owned(),
        ..Default::default()
    });
    let refused = olga.client().withdraw_proposal(refused).await.expect_err("another method");
    assert_eq!(said(&refused), "422 REQUEST_ID_REUSED");
    let otto = propose(&g.person("otto"), asked.clone()).await.expect("ids are each person's own");
    assert_ne!(otto.proposal_id, draft.proposal_id);
    let anna = g.person("anna");
    let done = approve(&anna, &draft, ID).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
    assert_eq!(approve(&anna, &draft, ID).await.expect("again"), done);
    assert_eq!(said(&approve(&anna, &draft, OTHER).await.expect_err("closed")), "409 PROPOSAL_CLOSED");
    assert_eq!(said(&approve(&g.person("arvo"), &draft, ID).await.expect_err("his")), "409 PROPOSAL_CLOSED");
    let events = g.person("aino").reads_events(ISSUER).await.expect("read");
    assert_eq!(events.iter().filter(|e| e["kind"] == "StatusChanged").count(), 1);
    for bad in ["x", "00000000-0000-0000-0000-000000000000"] {
        let request = pb::ProposeRequest { request_id: bad.to_owned(), ..asked.clone() };
        assert_eq!(said(&propose(&olga, request).await.expect_err("no UUID")), "400 INVALID", "{bad}");
    }
}

#[tokio::test]
async fn both_doors_know_the_same_requests() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let asked = request(&olga, ID, "as tested").await;
    let body = json!({ "reason": "as tested", "change": { "change_status": {
        "entity_id": ISSUER, "state": "REVOKED", "code": "TESTED",
        "hearing_waived": "URGENT", "legal_basis": "Act 1, 1" } } });
    let send = async |id: &str| {
        let headers = [("if-match", asked.etag.as_str()), ("idempotency-key", id)];
        olga.sends_with(&headers, "POST", "/api/v1/proposals", body.to_string()).await
    };
    let first = send(ID).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(send(&format!("\"{ID}\"")).await.body, first.body, "byte for byte");
    let over_grpc = propose(&olga, asked.clone()).await.expect("the same request");
    assert_eq!(over_grpc.proposal_id, first.json()["proposal_id"]);
    let proposals = g.person("aino").lists("OPEN").await.expect("read");
    assert_eq!(proposals.len(), 1);
    assert_eq!(send("nonsense").await.problem(), (400, "INVALID".to_owned()));
}

#[tokio::test]
async fn of_requests_at_once_one_is_carried_out_and_all_are_answered_alike() {
    let g = Governed::start().await;
    let (olga, anna) = (g.person("olga"), g.person("anna"));
    let asked = request(&olga, ID, "as tested").await;
    let drafts = join_all((0..20).map(|_| propose(&olga, asked.clone()))).await;
    let ids: BTreeSet<String> =
        drafts.iter().map(|d| d.as_ref().expect("answered").proposal_id.clone()).collect();
    assert_eq!(ids.len(), 1);
    let draft = drafts.into_iter().next().expect("one").expect("answered");
    let done = join_all((0..20).map(|_| approve(&anna, &draft, ID))).await;
    assert!(done.iter().all(|d| d.as_ref().is_ok_and(|d| d.state == "EXECUTED")), "{done:?}");
    let events = g.person("aino").reads_events(ISSUER).await.expect("read");
    assert_eq!(events.iter().filter(|e| e["kind"] == "StatusChanged").count(), 1);
}

#[tokio::test]
async fn requests_are_forgotten_after_a_day() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let first = propose(&olga, request(&olga, ID, "as tested").await).await.expect("proposed");
    g.app.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    let olga = g.person("olga");
    let again = propose(&olga, request(&olga, ID, "as tested").await).await.expect("answered");
    assert_eq!(again.proposal_id, first.proposal_id);
    requests::once(&g.app.app).await;
    assert_eq!(kept(&g.app).await, 1);
    g.app.clock.advance(Duration::from_secs(1));
    let olga = g.person("olga");
    let anew = propose(&olga, request(&olga, ID, "another").await).await.expect("carried out");
    assert_ne!(anew.proposal_id, first.proposal_id);
    g.app.clock.advance(Duration::from_secs(24 * 3_600));
    requests::once(&g.app.app).await;
    assert_eq!(kept(&g.app).await, 0);
}

#[tokio::test]
async fn what_is_only_validated_meets_every_check_and_leaves_nothing() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let (anna, aino) = (g.person("anna"), g.person("aino"));
    let before = aino.reads_events("").await.expect("read").len();
    let request = pb::ApproveProposalRequest {
        proposal_id: draft.proposal_id.clone(),
        hash: draft.hash.clone(),
        etag: draft.etag.clone(),
        validate_only: true,
        ..Default::default()
    };
    let tried = anna.client().approve_proposal(anna.signed(request.clone())).await.expect("would do");
    let tried = tried.into_inner();
    assert_eq!((tried.epoch, tried.proposal.expect("a proposal").state.as_str()), (0, "EXECUTED"));
    let own = g.person("olga");
    let refused = own.client().approve_proposal(own.signed(request)).await.expect_err("her own");
    assert_eq!(said(&refused), "403 SELF_APPROVAL_FORBIDDEN");
    let emergency = pb::SuspendInEmergencyRequest {
        entity_id: ISSUER.to_owned(),
        code: "KEY_STOLEN".to_owned(),
        validate_only: true,
        ..Default::default()
    };
    let tried = own.client().suspend_in_emergency(own.signed(emergency)).await.expect("would do");
    assert!(tried.into_inner().epoch == 0);
    let end = json!({ "reason": "no", "validate_only": true }).to_string();
    let path = format!("/api/v1/proposals/{}:refuse", draft.proposal_id);
    let tried = anna.sends_with(&[("if-match", &draft.etag)], "POST", &path, end).await;
    assert_eq!(tried.json()["state"], "REFUSED", "{}", tried.text());
    assert_eq!(aino.lists("OPEN").await.expect("read").len(), 1);
    assert_eq!(aino.reads_events("").await.expect("read").len(), before);
    assert_eq!(g.app.anonymous().asks(ISSUER, "issue", "Degree").both().await.line(), "200 yes ACTIVE");
}

/// With the bootstrap token too.
#[tokio::test]
async fn loading_and_sealing_are_carried_out_once() {
    let app = TestApp::start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    let request = |validate_only: bool| {
        registry.signed(pb::SetStatusRequest {
            target: Some(pb::set_status_request::Target::EntityId(ISSUER.to_owned())),
            state: "SUSPENDED".to_owned(),
            reason: "TESTED".to_owned(),
            request_id: ID.to_owned(),
            validate_only,
            ..Default::default()
        })
    };
    let set =
        async |only: bool| registry.client().set_status(request(only)).await.expect("set").into_inner().epoch;
    assert_eq!(set(true).await, 0);
    let epoch = set(false).await;
    assert!(epoch > 0 && set(false).await == epoch);
    let schema = |text: &str| {
        registry.signed(pb::PutSchemaRequest {
            resource: "Degree".to_owned(),
            uri: "https://schemas.example/degree".to_owned(),
            schema_json: text.to_owned(),
            request_id: OTHER.to_owned(),
            ..Default::default()
        })
    };
    let put = registry.client().put_schema(schema("{}")).await.expect("put").into_inner();
    assert_eq!(registry.client().put_schema(schema("{}")).await.expect("put").into_inner(), put);
    let other = registry.client().put_schema(schema("{\"a\":1}")).await.expect_err("another");
    assert_eq!(said(&other), "422 REQUEST_ID_REUSED");
    let who =
        |subject: &str| pb::Administrator { issuer: "https://i.example".into(), subject: subject.into() };
    let seal = || {
        registry.signed(pb::SealRegistryRequest {
            administrators: vec![who("a"), who("b")],
            request_id: "7d3e0f4a-95cb-4d05-b5e5-4c2f7b6d0c13".to_owned(),
            ..Default::default()
        })
    };
    let sealed = registry.client().seal_registry(seal()).await.expect("sealed").into_inner();
    assert_eq!(registry.client().seal_registry(seal()).await.expect("again").into_inner(), sealed);
    let anonymous = registry.client().seal_registry(seal().into_inner()).await.expect_err("nobody");
    assert_eq!(said(&anonymous), "401 UNAUTHENTICATED");
}
