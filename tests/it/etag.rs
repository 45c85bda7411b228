//! Nobody decides about what they have not seen: a change names the etag of what was read.

use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};
use charter_tests::{
    AUTHORITY, TestApp,
    governed::{Governed, ISSUER, status, waived},
};
use serde_json::json;

use crate::governance::said;

const STALE: &str = "W/\"0123456789abcdef\"";

#[tokio::test]
async fn deciding_a_proposal_needs_its_etag_at_both_doors() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    for (who, verb, body) in [
        ("anna", "approve", json!({ "hash": draft.hash })),
        ("anna", "refuse", json!({ "reason": "no" })),
        ("olga", "withdraw", json!({})),
    ] {
        let path = format!("/api/v1/proposals/{}:{verb}", draft.proposal_id);
        let person = g.person(who);
        let missing = person.sends("POST", &path, &body).await;
        assert_eq!(missing.problem(), (428, "ETAG_REQUIRED".to_owned()), "{verb}");
        assert_eq!(missing.json()["errors"][0]["pointer"], "/etag");
        let other = person.sends_with(&[("if-match", STALE)], "POST", &path, body.to_string()).await;
        assert_eq!(other.problem(), (412, "ETAG_MISMATCH".to_owned()), "{verb}");
        for bad in ["*", "\"a\", \"b\"", "W/\"\u{e4}\""] {
            let refused = person.sends_with(&[("if-match", bad)], "POST", &path, body.to_string()).await;
            assert_eq!(refused.problem().0, 400, "{verb} {bad}");
        }
    }
    let none = pb::Proposal { etag: String::new(), ..draft.clone() };
    let refused = g.person("anna").approves(&none).await.expect_err("missing");
    assert_eq!(
        (refused.code(), said(&refused).as_str()),
        (tonic::Code::InvalidArgument, "428 ETAG_REQUIRED")
    );
    let other = pb::Proposal { etag: STALE.to_owned(), ..draft.clone() };
    let refused = g.person("anna").approves(&other).await.expect_err("another");
    assert_eq!((refused.code(), said(&refused).as_str()), (tonic::Code::Aborted, "412 ETAG_MISMATCH"));
    let amended = g.person("olga").amends(&other, status(ISSUER, "SUSPENDED")).await.expect_err("another");
    assert_eq!(said(&amended), "412 ETAG_MISMATCH");
    let amended = g.person("olga").amends(&draft, status(ISSUER, "SUSPENDED")).await.expect("amended");
    let old = pb::Proposal { etag: draft.etag.clone(), ..amended.clone() };
    let refused = g.person("anna").approves(&old).await.expect_err("as it was before");
    assert_eq!(said(&refused), "412 ETAG_MISMATCH");
    g.person("anna").approves(&amended).await.expect("approved");
}

#[tokio::test]
async fn a_proposal_that_changes_something_needs_the_etag_of_that() {
    let g = Governed::start().await;
    let olga = g.person("olga");
    let mut registry = pb::registry_service_client::RegistryServiceClient::new(g.app.channel());
    let request = pb::GetEntityRequest { entity_id: ISSUER.to_owned(), ..Default::default() };
    let entity = registry.get_entity(request).await.expect("read").into_inner().entity.expect("one");
    let statement = entity.statements[0].statement_id;
    let about = |target: Target| {
        Change::ChangeStatus(pb::ChangeStatus {
            target: Some(target),
            state: "SUSPENDED".to_owned(),
            code: "TESTED".to_owned(),
            ..waived("SUSPENDED")
        })
    };
    for target in [Target::EntityId(ISSUER.to_owned()), Target::StatementId(statement)] {
        let change = about(target);
        let send = async |etag: &str| {
            let request = pb::ProposeRequest {
                reason: "as tested".to_owned(),
                etag: etag.to_owned(),
                change: Some(change.clone()),
                validate_only: true,
                ..Default::default()
            };
            olga.client().propose(olga.signed(request)).await
        };
        assert_eq!(said(&send("").await.expect_err("missing")), "428 ETAG_REQUIRED");
        assert_eq!(said(&send(STALE).await.expect_err("another")), "412 ETAG_MISMATCH");
        let etag = olga.etag_of(&change).await.expect("read");
        send(&etag).await.expect("as it was read");
    }
    let stale = olga.etag_of(&status(ISSUER, "REVOKED")).await.expect("read");
    assert_eq!(stale, entity.etag);
    let draft = olga.proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved");
    let body = json!({ "reason": "x", "change": { "change_status": {
        "entity_id": ISSUER, "state": "REVOKED", "code": "TESTED",
        "hearing_waived": "URGENT", "legal_basis": "Act 1, 1" } } });
    let send = async |etag: &str| {
        olga.sends_with(&[("if-match", etag)], "POST", "/api/v1/proposals", body.to_string()).await
    };
    assert_eq!(send(&stale).await.problem(), (412, "ETAG_MISMATCH".to_owned()));
    let fresh = olga.etag_of(&status(ISSUER, "REVOKED")).await.expect("read");
    assert_eq!(send(&fresh).await.status, 200);
}

#[tokio::test]
async fn a_proposal_about_a_member_of_staff_needs_the_etag_of_that() {
    let g = Governed::start().await;
    let alice = g.person("alice");
    let staff_id = g.appoints("brief", &["OFFICER"], false).await;
    let robot = g.appoints("robot", &["OFFICER"], true).await;
    let sha256 = "ab".repeat(32);
    let until = crate::credential::in_days(&g, 1);
    for change in [
        Change::Dismiss(pb::DismissStaff { staff_id }),
        crate::credential::bind(robot, "API_KEY", &sha256, &["SUSPEND"], until),
    ] {
        let send = async |etag: &str| {
            let request = pb::ProposeRequest {
                reason: "as tested".to_owned(),
                etag: etag.to_owned(),
                change: Some(change.clone()),
                validate_only: true,
                ..Default::default()
            };
            alice.client().propose(alice.signed(request)).await
        };
        assert_eq!(said(&send("").await.expect_err("missing")), "428 ETAG_REQUIRED");
        assert_eq!(said(&send(STALE).await.expect_err("another")), "412 ETAG_MISMATCH");
        let etag = alice.etag_of(&change).await.expect("read");
        send(&etag).await.expect("as it was read");
    }
    let listed = alice.sends("GET", "/api/v1/staff", &json!(null)).await.json();
    let member = listed["staff"].as_array().and_then(|all| all.iter().find(|m| m["staff_id"] == staff_id));
    let etag = member.and_then(|m| m["etag"].as_str()).expect("an etag").to_owned();
    let body = json!({ "reason": "x", "change": { "dismiss": { "staff_id": staff_id } } }).to_string();
    let missing = alice.sends("POST", "/api/v1/proposals", &serde_json::from_str(&body).expect("JSON")).await;
    assert_eq!(missing.problem(), (428, "ETAG_REQUIRED".to_owned()));
    let seen = [("if-match", etag.as_str())];
    assert_eq!(alice.sends_with(&seen, "POST", "/api/v1/proposals", body).await.status, 200);
}

#[tokio::test]
async fn a_proposal_that_is_held_is_not_sent_again() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let path = format!("/api/v1/proposals/{}", draft.proposal_id);
    let aino = g.person("aino");
    let first = aino.sends_with(&[], "GET", &path, String::new()).await;
    let etag = first.header("etag").to_owned();
    assert_eq!((etag.as_str(), &json!(etag)), (draft.etag.as_str(), &first.json()["etag"]));
    let again = aino.sends_with(&[("if-none-match", &etag)], "GET", &path, String::new()).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, etag.as_str()));
    g.person("anna").approves(&draft).await.expect("approved");
    let changed = aino.sends_with(&[("if-none-match", &etag)], "GET", &path, String::new()).await;
    assert_eq!(changed.json()["state"], "EXECUTED");
}

/// What is shown is named: entities, accreditations, statements, delegations, staff.
#[tokio::test]
async fn everything_that_can_be_changed_has_an_etag() {
    let app = TestApp::build().registry(AUTHORITY).under("did:web:below.example", AUTHORITY).start().await;
    let registry = app.registry(AUTHORITY);
    registry.registers(ISSUER).authorized("issue", "Degree").await;
    registry.delegates(&app.registry("did:web:below.example"), &["Degree"]).await;
    let mut client = pb::registry_service_client::RegistryServiceClient::new(app.channel());
    let listed = client.list_delegations(pb::ListDelegationsRequest::default()).await.expect("read");
    let listed = listed.into_inner().delegations;
    assert_eq!(listed.len(), 1);
    let request =
        pb::GetDelegationRequest { subordinate_id: "did:web:below.example".into(), ..Default::default() };
    let one = client.get_delegation(request).await.expect("read").into_inner().delegation.expect("one");
    assert_eq!(one, listed[0]);
    assert!(one.etag.starts_with("W/\"") && one.status.expect("a status").state == "ACTIVE");
    let request = pb::GetEntityRequest { entity_id: ISSUER.to_owned(), ..Default::default() };
    let entity = client.get_entity(request).await.expect("read").into_inner().entity.expect("one");
    let statement_id = entity.statements[0].statement_id;
    let request = pb::GetStatementRequest { statement_id, ..Default::default() };
    let statement = client.get_statement(request).await.expect("read").into_inner();
    assert_eq!(statement.statement.as_ref(), entity.statements.first());
    assert_eq!(statement.entity_id, entity.entity_id);
    let missing = pb::GetStatementRequest { statement_id: 9_999, ..Default::default() };
    assert_eq!(said(&client.get_statement(missing).await.expect_err("none")), "404 NOT_FOUND");
}
