//! A sector joins a root and leaves it: signed with its own key, decided by two persons on either side, in both logs.

mod actors;
mod endpoint;
mod leaving;
mod naming;
mod refused;
mod terminal;

use charter_proto::charter::registry::v1::{self as pb, propose_request::Change};
use charter_server::app::application::signed;
use serde_json::json;

use self::actors::{PUPIL, ROOT, SECTOR, Two, grant};
use crate::{governance::said, kept::until};

#[tokio::test]
async fn a_sector_joins_under_four_eyes_on_both_sides_and_resolves_from_the_root() {
    let two = Two::start().await;
    let receipt = two.applies(&["edu:*"]).await;
    assert_eq!((receipt.purpose.as_str(), receipt.state.as_str()), ("JOIN", "RECEIVED"));
    assert_eq!(two.asks().rest().await.status, 404, "an application has no effect");

    // What staff of the root see; the thumbprint is what people compare.
    let listed = two.listed("RECEIVED").await;
    let of = listed.first().expect("one");
    assert_eq!((of.applicant_id.as_str(), of.contact.as_str()), (SECTOR, "office@sector.example"));
    assert_eq!(of.endpoint, two.sector.app.url());
    let keys: serde_json::Value = serde_json::from_str(&of.jwks_json).expect("JSON");
    assert_eq!(keys["keys"][0]["kid"], json!(of.thumbprint));

    // Narrowed by whoever accepts, and nothing before another approves.
    let wide = two.accepts(&receipt, vec![grant(&["*"])]).await.expect_err("refused");
    assert_eq!(said(&wide), "400 INVALID");
    let draft = two.accepts(&receipt, vec![grant(&["edu:degree"])]).await.expect("proposed");
    assert_eq!((draft.measure.as_str(), draft.state.as_str()), ("DELEGATE", "OPEN"));
    assert_eq!(two.inquires(&receipt).await.expect("told").state, "PROPOSED");
    let again = two.accepts(&receipt, Vec::new()).await.expect_err("refused");
    assert_eq!(said(&again), "409 ILLEGAL_TRANSITION", "a proposal is open");
    let alone = two.root.person("otto").approves(&draft).await.expect_err("refused");
    assert_eq!(said(&alone), "403 SELF_APPROVAL_FORBIDDEN");
    let done = two.root.person("anna").approves(&draft).await.expect("approved");
    let told = two.inquires(&receipt).await.expect("told");
    assert_eq!((told.state.as_str(), told.seq), ("ACCEPTED", done.seq));

    // The root answers; the sector says so in its own log, and then its own chains end at the root.
    assert_eq!(two.asks().rest().await.line(), "200 yes ACTIVE");
    assert!(two.hints().await.is_empty(), "not by itself");
    let joined = two.joins().await;
    assert_eq!((joined.measure.as_str(), joined.state.as_str()), ("JOIN_SUPERIOR", "EXECUTED"));
    assert_eq!(two.hints().await, ["https://root.example"]);
    let asking = two.sector.app.anonymous().asks(PUPIL, "issue", "edu:degree").with("evidence", "chain");
    until(actors::SOON, "the chain ends at the root", async || {
        let chain = asking.rest().await.chain;
        let top = chain.last().and_then(|link| charter_signing::jws::peek(link).ok()).unwrap_or_default();
        chain.len() == 3 && String::from_utf8_lossy(&top).contains("\"iss\":\"https://root.example\"")
    })
    .await;

    // Both logs have it, each proven to its checkpoint.
    let made = actors::proven(&two.root.app, ROOT, done.seq).await;
    assert_eq!((&made["kind"], &made["data"]["subordinate"]), (&json!("DelegationMade"), &json!(SECTOR)));
    let own = actors::proven(&two.sector.app, SECTOR, joined.seq).await;
    assert_eq!((&own["kind"], &own["data"]["authority_id"]), (&json!("SuperiorJoined"), &json!(ROOT)));
    let statement = two.statement().await;
    let digest = charter_store::credential::hash(&statement).map(|b| format!("{b:02x}")).concat();
    assert_eq!(own["data"]["statement_sha256"], json!(digest));
}

#[tokio::test]
async fn a_delegation_is_narrowed_suspended_and_reinstated_and_every_chain_through_it_follows() {
    let two = Two::joined().await;
    let asks = |resource: &str| two.root.app.anonymous().asks(PUPIL, "issue", resource);
    assert_eq!(asks("edu:degree").rest().await.line(), "200 yes ACTIVE");
    assert_eq!(asks("edu:diploma").rest().await.line(), "200 yes ACTIVE");
    let whole = asks("edu:diploma").with("evidence", "chain").rest().await.chain;
    assert_eq!(whole.len(), 3);

    // Narrowed: what is outside fails at once, and a chain with the present statement does not hold.
    let less = pb::CorrectDelegation {
        subordinate_id: SECTOR.to_owned(),
        scope: vec![grant(&["edu:degree"])],
        ..Default::default()
    };
    two.decides(Change::CorrectDelegation(less)).await;
    let outside = asks("edu:diploma").rest().await.line();
    assert!(!outside.contains("yes"), "{outside}");
    assert_eq!(asks("edu:degree").rest().await.line(), "200 yes ACTIVE", "what is left");
    let stated = vec![whole[0].clone(), two.statement().await, whole[2].clone()];
    assert_eq!(two.verifies(stated, "edu:diploma").await, Err(charter_proof::FaultCode::OutOfScope));

    // Suspended: everything through it, until it is reinstated.
    two.decides(two.state("SUSPENDED")).await;
    let said = asks("edu:degree").rest().await.line();
    assert_eq!(said, "200 no ANCESTOR_SUSPENDED");
    let direct = two.sector.app.anonymous().asks(PUPIL, "issue", "edu:degree").rest().await.line();
    assert_eq!(direct, "200 yes ACTIVE", "asked itself, the sector answers as before");
    two.decides(two.state("ACTIVE")).await;
    assert_eq!(asks("edu:degree").rest().await.line(), "200 yes ACTIVE");
}

#[tokio::test]
async fn an_application_waits_for_thirty_days_and_is_told_to_its_key_alone() {
    let two = Two::start().await;
    let receipt = two.applies(&["edu:*"]).await;
    let second = two.submits(two.signed(&["edu:*"]).await).await.expect_err("refused");
    assert_eq!(said(&second), "409 ILLEGAL_TRANSITION", "one waits under a key at a time");
    let refused = two.refuses(&receipt, "not in the scope of the act").await.expect("refused");
    assert_eq!(refused.state, "REFUSED");
    let told = two.inquires(&receipt).await.expect("told");
    assert_eq!((told.state.as_str(), told.reason.as_str()), ("REFUSED", "not in the scope of the act"));
    assert_eq!(said(&two.accepts(&receipt, Vec::new()).await.expect_err("over")), "409 ILLEGAL_TRANSITION");

    // After a refusal another may be made; nobody answers it, and it expires.
    let next = two.applies(&["edu:*"]).await;
    let asked = signed::Says::Inquire(next.application_id.parse().expect("a UUID"));
    let token = actors::Stranger::new().says(&two, asked).await;
    let stranger = two.inquires_with(token).await.expect_err("another's key");
    assert_eq!(said(&stranger), "404 NOT_FOUND");
    let before = two.events().await;
    two.root.app.clock.advance(charter_domain::application::LIFETIME);
    assert_eq!(two.listed("EXPIRED").await.len(), 1);
    assert_eq!(said(&two.accepts(&next, Vec::new()).await.expect_err("late")), "409 ILLEGAL_TRANSITION");
    assert_eq!(two.events().await, before, "nothing was recorded");
}

#[tokio::test]
async fn who_joined_announces_its_keys_ahead() {
    let two = Two::joined().await;
    let rotate = Change::RotateKey(pb::RotateKey::default());
    let refused =
        two.sector.person("alice").proposes(rotate).await.expect_err("the root must state it first");
    assert_eq!(said(&refused), "409 ILLEGAL_TRANSITION");
}
