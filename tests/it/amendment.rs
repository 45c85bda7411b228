//! Amended and expired proposals: what was approved of an earlier draft counts for nothing.

use std::time::Duration;

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_tests::governed::{Governed, ISSUER, status};
use serde_json::json;

use crate::governance::said;

const THREE: &str = "REVOKE_BACK";

/// Takes three persons, so that one approval leaves it open.
fn revoked_back(g: &Governed) -> Change {
    use charter_domain::time::Clock;
    let since = prost_types::Timestamp { seconds: g.app.clock.now().secs() - 60, nanos: 0 };
    let mut change = status(ISSUER, "REVOKED");
    if let Change::ChangeStatus(c) = &mut change {
        c.reach = "FROM".to_owned();
        c.effective_from = Some(since);
        c.legal_basis = "Act 1, 2".to_owned();
    }
    change
}

#[tokio::test]
async fn approvals_of_an_earlier_revision_count_for_nothing() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(revoked_back(&g)).await.expect("proposed");
    let half = g.person("anna").approves(&draft).await.expect("approved");
    assert_eq!((draft.measure.as_str(), half.state.as_str(), half.approvals.len()), (THREE, "OPEN", 1));
    let amended = g.person("olga").amends(&draft, revoked_back(&g)).await.expect("amended");
    assert_eq!((amended.revision, amended.approvals.len(), amended.reason.as_str()), (2, 0, "better so"));
    assert_eq!((&amended.expires_at, &amended.proposal_id), (&draft.expires_at, &draft.proposal_id));
    assert_ne!(amended.hash, draft.hash);
    let old = g.person("arvo").approves(&draft).await.expect_err("an old hash");
    assert_eq!(said(&old), "409 PROPOSAL_CHANGED");
    let half = g.person("anna").approves(&amended).await.expect("anew");
    assert_eq!((half.state.as_str(), half.approvals.len()), ("OPEN", 1));
    let done = g.person("arvo").approves(&half).await.expect("approved");
    assert_eq!(done.state, "EXECUTED");
    assert_eq!(
        said(&g.person("olga").amends(&done, revoked_back(&g)).await.expect_err("done")),
        "409 PROPOSAL_CLOSED"
    );
}

#[tokio::test]
async fn only_the_proposer_amends_and_only_about_the_same_subject() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    for who in ["otto", "anna", "arvo", "alice"] {
        let refused = g.person(who).amends(&draft, status(ISSUER, "REVOKED")).await.expect_err(who);
        assert_eq!(said(&refused), "403 DENIED", "{who}");
    }
    let register = |name: &str| {
        Change::RegisterEntity(pb::RegisterEntity {
            identifier: "did:web:new.example".to_owned(),
            names: [("en".to_owned(), name.to_owned())].into(),
            country: "FI".to_owned(),
            ..pb::RegisterEntity::default()
        })
    };
    let other = g.person("olga").amends(&draft, register("New")).await.expect_err("another subject");
    assert_eq!(said(&other), "409 ILLEGAL_TRANSITION");
    // What is drafted anew keeps the id that it was given first.
    let entity = g.person("olga").proposes(register("New")).await.expect("proposed");
    let named = g.person("olga").amends(&entity, register("Newer")).await.expect("amended");
    assert_ne!(named.change_json, entity.change_json);
    g.person("anna").approves(&named).await.expect("approved");
    // A subject that has changed meanwhile is looked at again.
    let done = g.person("otto").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.person("anna").approves(&done).await.expect("approved");
    let stale = g.person("arvo").approves(&draft).await.expect_err("changed meanwhile");
    assert_eq!(said(&stale), "409 PROPOSAL_CHANGED");
    let fresh = g.person("olga").amends(&draft, status(ISSUER, "REVOKED")).await.expect("amended");
    assert_eq!((fresh.measure.as_str(), fresh.revision), ("REVOKE", 2));
    g.person("anna").approves(&fresh).await.expect("approved");
}

#[tokio::test]
async fn rest_amends_with_the_same_members() {
    let g = Governed::start().await;
    let draft = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    let path = format!("/api/v1/proposals/{}:amend", draft.proposal_id);
    let change = json!({ "change_status": { "entity_id": ISSUER, "state": "REVOKED", "code": "TESTED",
        "hearing_waived": "URGENT", "legal_basis": "Act 1, 1" } });
    let mut body = json!({ "reason": "graver", "change": change, "validate_only": true });
    let etag = [("if-match", draft.etag.as_str())];
    let dry = g.person("olga").sends_with(&etag, "POST", &path, body.to_string()).await.json();
    assert_eq!((&dry["revision"], &dry["measure"]), (&json!(2), &json!("REVOKE")));
    assert_eq!(g.person("aino").lists("OPEN").await.expect("read")[0].revision, 1, "only checked");
    body["validate_only"] = json!(false);
    let kept = g.person("olga").sends_with(&etag, "POST", &path, body.to_string()).await.json();
    assert_eq!((&kept["revision"], &kept["reason"]), (&json!(2), &json!("graver")));
    let refused = g.person("otto").sends("POST", &path, &body).await.problem();
    assert_eq!(refused, (403, "DENIED".to_owned()));
}

#[tokio::test]
async fn what_has_expired_says_so_in_views_lists_and_filters() {
    let g = Governed::start().await;
    let old = g.person("olga").proposes(status(ISSUER, "SUSPENDED")).await.expect("proposed");
    g.app.clock.advance(Duration::from_secs(14 * 86_400));
    let new = g.person("olga").proposes(status(ISSUER, "REVOKED")).await.expect("proposed");
    let ids = async |state: &str| -> Vec<String> {
        let found = g.person("aino").lists(state).await.expect("read");
        found.into_iter().map(|p| p.proposal_id).collect()
    };
    assert_eq!(ids("OPEN").await, [new.proposal_id.as_str()]);
    assert_eq!(ids("EXPIRED").await, [old.proposal_id.as_str()]);
    let all = g.person("aino").lists("").await.expect("read");
    let state = |id: &str| all.iter().find(|p| p.proposal_id == id).map(|p| p.state.as_str());
    assert_eq!((state(&old.proposal_id), state(&new.proposal_id)), (Some("EXPIRED"), Some("OPEN")));
    let over = g.person("anna").approves(&old).await.expect_err("expired");
    assert_eq!(said(&over), "409 PROPOSAL_CLOSED");
    let over = g.person("olga").amends(&old, status(ISSUER, "REVOKED")).await.expect_err("expired");
    assert_eq!(said(&over), "409 PROPOSAL_CLOSED");
}
