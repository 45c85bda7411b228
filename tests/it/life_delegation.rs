//! Delegations in a sealed registry: made, narrowed, renewed, and never wider than its own.

use std::time::Duration;

use charter_domain::time::Clock;
use charter_proto::charter::registry::v1::{self as pb, change_status::Target, propose_request::Change};
use charter_tests::{
    AUTHORITY,
    governed::{Governed, Person},
};
use serde_json::{Value, json};

use crate::{
    governance::said,
    life::{renew, state_of},
};

const SUPERIOR: &str = "did:web:superior.example";
const CHILD: &str = "did:web:child.example";

/// [`AUTHORITY`] is sealed; its superior and its child are not.
async fn three() -> Governed {
    let g = Governed::start_as(|b| b.under(AUTHORITY, SUPERIOR).registry(SUPERIOR).under(CHILD, AUTHORITY));
    let g = g.await;
    g.app.registry(CHILD).registers("did:web:pupil.example").authorized("issue", "edu:degree").await;
    g
}

fn delegation(g: &Governed, resources: &[&str]) -> Change {
    let child = g.app.registry(CHILD);
    let mut request = g.app.registry(AUTHORITY).delegation(&child, resources);
    request.registry_id = String::new();
    Change::Delegation(request)
}

fn narrowed(change: pb::CorrectDelegation) -> Change {
    Change::CorrectDelegation(pb::CorrectDelegation { subordinate_id: CHILD.to_owned(), ..change })
}

fn scope(resource: &str) -> Vec<pb::Grant> {
    vec![pb::Grant {
        actions: vec!["issue".to_owned()],
        resources: vec![resource.to_owned()],
        ..Default::default()
    }]
}

fn names(permitted: &[&str]) -> Option<pb::NamingConstraints> {
    let permitted = permitted.iter().map(|host| (*host).to_owned()).collect();
    Some(pb::NamingConstraints { permitted, excluded: Vec::new() })
}

/// A delegation to whoever has this host, who permits these below it (none: all).
fn named(g: &Governed, host: &str, below: &[&str]) -> Change {
    let mut change = delegation(g, &["edu:degree"]);
    if let Change::Delegation(d) = &mut change {
        d.subordinate_id = format!("did:web:{host}");
        d.entity_identifier = format!("https://{host}");
        d.naming_constraints = names(below).filter(|names| !names.permitted.is_empty());
    }
    change
}

async fn decides(g: &Governed, change: Change) -> pb::Proposal {
    let draft = g.person("otto").proposes(change).await.expect("proposed");
    g.person("anna").approves(&draft).await.expect("approved")
}

async fn refused(otto: &Person<'_>, change: Change) -> String {
    said(&otto.proposes(change).await.expect_err("refused"))
}

#[tokio::test]
async fn a_delegation_is_narrowed_renewed_and_ended_by_two() {
    let g = three().await;
    let hour = Duration::from_secs(3_600);
    let until = g.app.clock.now().plus(hour * 10);
    let mut made = delegation(&g, &["edu:*", "law:*"]);
    if let Change::Delegation(d) = &mut made {
        d.valid_until = Some(crate::life::wire(until));
    }
    let made = decides(&g, made).await;
    let asking = g.app.anonymous().asks("did:web:pupil.example", "issue", "edu:degree");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE");
    let otto = g.person("otto");
    let wide = pb::CorrectDelegation { scope: scope("*"), ..Default::default() };
    assert_eq!(refused(&otto, narrowed(wide)).await, "409 ILLEGAL_TRANSITION");
    let long = pb::CorrectDelegation { max_path_length: Some(9), ..Default::default() };
    assert_eq!(refused(&otto, narrowed(long)).await, "409 ILLEGAL_TRANSITION");
    assert_eq!(refused(&otto, narrowed(pb::CorrectDelegation::default())).await, "409 ILLEGAL_TRANSITION");
    let less = pb::CorrectDelegation { scope: scope("edu:degree"), ..Default::default() };
    let done = decides(&g, narrowed(less)).await;
    assert_eq!((done.measure.as_str(), done.quorum), ("CORRECT_DELEGATION", 2));
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE", "still inside");
    let renewed =
        decides(&g, renew(pb::renew::Target::SubordinateId(CHILD.to_owned()), until.plus(hour))).await;
    assert_eq!(renewed.measure, "RENEW_DELEGATION");
    let diff: Value = serde_json::from_str(&done.diff_json).expect("JSON");
    assert_eq!(diff.as_object().map(serde_json::Map::len), Some(1), "{diff}");
    g.app.clock.advance(hour * 10);
    let otto = g.person("otto");
    assert_eq!(asking.both().await.line(), "200 yes ACTIVE", "renewed");
    let less = pb::CorrectDelegation { scope: scope("edu:diploma"), ..Default::default() };
    assert_eq!(refused(&otto, narrowed(less)).await, "409 ILLEGAL_TRANSITION", "not inside what is left");
    decides(&g, state_of(Target::SubordinateId(CHILD.to_owned()), "ENDED")).await;
    let line = asking.both().await.line();
    assert!(!line.contains("yes"), "{line}");
    let late = renew(pb::renew::Target::SubordinateId(CHILD.to_owned()), until.plus(hour * 9));
    assert_eq!(refused(&otto, late).await, "409 ILLEGAL_TRANSITION", "what has ended is made anew");
    let events = g.person("aino").reads_events("").await.expect("read");
    let of = events.iter().find(|e| e["seq"] == made.seq).expect("the delegation");
    assert_eq!(of["data"]["begins_when_recorded"], json!(true));
}

/// At the proposal, and again at the approval: what the superior leaves meanwhile counts.
#[tokio::test]
async fn a_delegation_wider_than_the_own_one_is_refused_at_proposal_and_at_execution() {
    let g = three().await;
    let (superior, own) = (g.app.registry(SUPERIOR), g.app.registry(AUTHORITY));
    let change = g.app.clock.now().plus(Duration::from_secs(3_600));
    let (mut first, mut then) =
        (superior.delegation(&own, &["edu:*"]), superior.delegation(&own, &["law:*"]));
    first.valid_until = Some(crate::life::wire(change));
    then.valid_from = Some(crate::life::wire(change));
    for delegation in [first, then] {
        superior.client().put_delegation(superior.signed(delegation)).await.expect("delegated");
    }
    let otto = g.person("otto");
    assert_eq!(refused(&otto, delegation(&g, &["*"])).await, "403 DENIED");
    assert_eq!(refused(&otto, delegation(&g, &["law:*"])).await, "403 DENIED", "not yet");
    decides(&g, delegation(&g, &["edu:degree"])).await;
    // Over REST the listener's own registry would be asked.
    let asking = g.app.anonymous().asks("did:web:pupil.example", "issue", "edu:degree").of(SUPERIOR);
    assert_eq!(asking.grpc().await.line(), "200 yes ACTIVE");
    let late =
        otto.proposes(narrowed(pb::CorrectDelegation { max_path_length: Some(1), ..Default::default() }));
    let late = late.await.expect("inside still");
    g.app.clock.advance(Duration::from_secs(7_200));
    let otto = g.person("otto");
    assert_eq!(said(&g.person("anna").approves(&late).await.expect_err("outside now")), "403 DENIED");
    let target = pb::set_status_request::Target::SubordinateId(AUTHORITY.to_owned());
    superior.sets(target, "REVOKED").await;
    let less = pb::CorrectDelegation { answers_as_own: Some(false), ..Default::default() };
    assert_eq!(refused(&otto, narrowed(less)).await, "403 DENIED", "nothing is left to pass on");
    let line = asking.grpc().await.line();
    assert!(!line.contains("yes"), "{line}");
}

/// At the proposal, and again at the approval: what the superior permits may be less by then.
#[tokio::test]
async fn a_name_outside_is_refused_at_both() {
    let g = three().await;
    let (superior, own) = (g.app.registry(SUPERIOR), g.app.registry(AUTHORITY));
    let change = g.app.clock.now().plus(Duration::from_secs(3_600));
    let given = || superior.delegation(&own, &["edu:*"]);
    let (mut first, mut then) = (given(), given());
    first.naming_constraints = names(&["registry.example", "child.example", "late.example"]);
    first.valid_until = Some(crate::life::wire(change));
    then.naming_constraints = names(&["registry.example"]);
    then.valid_from = Some(crate::life::wire(change));
    for delegation in [first, then] {
        superior.client().put_delegation(superior.signed(delegation)).await.expect("delegated");
    }
    let otto = g.person("otto");
    assert_eq!(refused(&otto, named(&g, "other.example", &[])).await, "403 DENIED");
    for below in ["other.example", "https://child.example"] {
        let closed = named(&g, "child.example", &[below]);
        assert_eq!(refused(&otto, closed).await, "400 INVALID", "{below}: not its own name, or no host");
    }
    decides(&g, named(&g, "child.example", &["CHILD.example", ".child.example"])).await;
    // Over REST the listener's own registry would be asked.
    let asking = g.app.anonymous().asks("did:web:pupil.example", "issue", "edu:degree").of(SUPERIOR);
    assert_eq!(asking.grpc().await.line(), "200 yes ACTIVE");

    let more = pb::CorrectDelegation { naming_constraints: names(&[".example"]), ..Default::default() };
    assert_eq!(refused(&otto, narrowed(more)).await, "409 ILLEGAL_TRANSITION");
    let less = pb::CorrectDelegation { naming_constraints: names(&["child.example"]), ..Default::default() };
    let done = decides(&g, narrowed(less)).await;
    let diff: Value = serde_json::from_str(&done.diff_json).expect("JSON");
    let (from, to) = (json!(["child.example", ".child.example"]), json!(["child.example"]));
    assert_eq!(
        diff,
        json!({ "naming_constraints": { "from": { "permitted": from }, "to": { "permitted": to } } })
    );

    let late = otto.proposes(named(&g, "late.example", &[])).await.expect("permitted still");
    g.app.clock.advance(Duration::from_secs(7_200));
    let refused = g.person("anna").approves(&late).await.expect_err("no longer permitted");
    assert_eq!(said(&refused), "403 DENIED");
    let line = asking.grpc().await.line();
    assert!(!line.contains("yes"), "{line}");
}
