//! A sector leaves: its log says so first, the superior is told under its key, and the delegation ends by two there.

use std::time::Duration;

use charter_proto::charter::registry::v1::{self as pb, sign_application_request::What};
use serde_json::json;

use super::actors::{ROOT, SECTOR, SOON, Two, proven};
use crate::{governance::said, kept::until};

const SUPERIOR: &str = "https://root.example";

fn notice() -> What {
    What::Leave(pb::LeaveNotice {})
}

#[tokio::test]
async fn a_sector_that_left_is_named_by_neither_log_as_below_the_root() {
    let two = Two::joined().await;
    assert_eq!(two.asks().rest().await.line(), "200 yes ACTIVE");
    let early = two.signs(SUPERIOR, notice()).await.expect_err("not left yet");
    assert_eq!(said(&early), "409 ILLEGAL_TRANSITION");

    two.root.app.clock.advance(Duration::from_secs(3_600));
    let left = two.leaves().await;
    assert_eq!((left.measure.as_str(), left.state.as_str()), ("LEAVE_SUPERIOR", "EXECUTED"));
    assert!(two.hints().await.is_empty(), "it is an anchor of its own again");
    let own = proven(&two.sector.app, SECTOR, left.seq).await;
    assert_eq!((&own["kind"], &own["data"]["reason"]), (&json!("SuperiorLeft"), &json!("MERGED")));
    let above = two.sector.app.rest().get("/.well-known/trust-anchors").await;
    assert_eq!(above.status, 200, "{}", above.text());

    let receipt = two.submits(two.signs(SUPERIOR, notice()).await.expect("signed")).await.expect("received");
    assert_eq!((receipt.purpose.as_str(), receipt.state.as_str()), ("LEAVE", "RECEIVED"));
    let listed = two.listed("RECEIVED").await;
    assert_eq!((listed[0].code.as_str(), listed[0].left_seq), ("MERGED", left.seq));
    assert_eq!(two.asks().rest().await.line(), "200 yes ACTIVE", "a notice ends nothing by itself");
    let draft = two.accepts(&receipt, Vec::new()).await.expect("proposed");
    assert_eq!(draft.measure, "END_DELEGATION");
    let done = two.root.person("anna").approves(&draft).await.expect("approved");
    let said = two.asks().rest().await.line();
    assert!(!said.contains("yes"), "{said}");
    let ended = proven(&two.root.app, ROOT, done.seq).await;
    assert_eq!((&ended["kind"], &ended["data"]["state"]), (&json!("StatusChanged"), &json!("ENDED")));
    assert_eq!(two.inquires(&receipt).await.expect("told").state, "ACCEPTED");

    // The sector may come back: it applies as anybody does.
    let again = two.applies(&["edu:*"]).await;
    let draft = two.accepts(&again, Vec::new()).await.expect("proposed");
    two.root.person("anna").approves(&draft).await.expect("approved");
    two.joins().await;
    assert_eq!(two.hints().await, [SUPERIOR]);
    until(SOON, "it answers for the root again", async || two.asks().rest().await.line() == "200 yes ACTIVE")
        .await;
}

#[tokio::test]
async fn what_was_not_joined_is_not_left_and_nothing_is_left_twice() {
    let two = Two::joined().await;
    let otto = two.sector.person("otto");
    let leave = |superior: &str, code: &str| {
        let (superior, code) = (superior.to_owned(), code.to_owned());
        pb::propose_request::Change::LeaveSuperior(pb::LeaveSuperior { superior, code })
    };
    let other = otto.proposes(leave("https://other.example", "MERGED")).await.expect_err("unknown");
    assert_eq!(said(&other), "404 NOT_FOUND");
    assert_eq!(said(&otto.proposes(leave(SUPERIOR, "merged")).await.expect_err("code")), "400 INVALID");
    let (first, second) = (leave(SUPERIOR, "MERGED"), leave(SUPERIOR, "CLOSED"));
    let first = otto.proposes(first).await.expect("proposed");
    let second = otto.proposes(second).await.expect("proposed");
    let anna = two.sector.person("anna");
    anna.approves(&first).await.expect("approved");
    let late = anna.approves(&second).await.expect_err("left already");
    assert_eq!(said(&late), "409 PROPOSAL_CHANGED");
    assert_eq!(said(&otto.proposes(leave(SUPERIOR, "MERGED")).await.expect_err("gone")), "404 NOT_FOUND");
}
