//! What follows from events, against the replay of all of them.

use charter_domain::{
    AuthorityId,
    event::{self, EntityCorrected, Header, StatusChanged},
    status::State as Standing,
};

use super::*;

const AUTHORITY: &str = "did:web:a.example";

fn entity(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// The change as JSON says it: ids are parsed there.
fn change(kind: &str, data: &serde_json::Value) -> Change {
    serde_json::from_value(serde_json::json!({ "kind": kind, "data": data })).expect("a change")
}

fn registered(n: u32) -> Change {
    let identifiers = serde_json::json!([{ "type": "did", "value": format!("did:web:e{n}.example") }]);
    let data = serde_json::json!({
        "entity_id": entity(n), "names": {}, "country": "FI", "identifiers": identifiers
    });
    change("EntityRegistered", &data)
}

fn stated(n: u32, resource: &str) -> Change {
    change(
        "StatementMade",
        &serde_json::json!({
            "statement": "authorization", "entity_id": entity(n), "action": "issue", "resource": resource,
            "accreditation_id": null, "jurisdictions": [], "conditions": {}
        }),
    )
}

fn status(target: TargetKind, id: String, state: Standing) -> Change {
    let from = Timestamp::from_secs(5);
    Change::StatusChanged(StatusChanged::plain(target, id, state, from, "R".to_owned()))
}

fn moved(from: u32, to: u32) -> Change {
    let named =
        |n: u32| vec![Identifier { r#type: "did".to_owned(), value: format!("did:web:e{n}.example") }];
    let Change::EntityRegistered(registered) = registered(from) else { panic!("an entity") };
    Change::EntityCorrected(EntityCorrected {
        entity_id: registered.entity_id,
        names: None,
        country: None,
        identifiers: Some(named(to)),
    })
}

fn bodies(changes: &[Change]) -> Vec<Vec<u8>> {
    let registry = AuthorityId::parse(AUTHORITY).expect("a DID");
    let body = |(seq, change): (i64, &Change)| {
        let header = Header {
            registry: &registry,
            seq,
            actor: "1",
            origin: "bootstrap",
            recorded_at: Timestamp::from_secs(seq),
            approvals: &[],
            prev: None,
            restricted: None,
        };
        event::body(&header, change).expect("a body")
    };
    (1..).zip(changes).map(body).collect()
}

/// A history in which each way of naming a target occurs.
fn history() -> Vec<Change> {
    let mut changes = vec![registered(1), registered(2), registered(3), registered(4)];
    changes.extend([stated(1, "Degree"), stated(2, "Degree"), stated(3, "Badge"), stated(4, "Badge")]);
    changes.push(status(TargetKind::Entity, entity(1), Standing::Revoked));
    changes.push(status(TargetKind::Statement, "6".to_owned(), Standing::Suspended));
    changes.push(moved(3, 9));
    changes
}

fn taken(changes: &[Change]) -> State {
    let mut state = State::default();
    for body in bodies(changes) {
        state.take(&body).expect("an event");
    }
    state
}

#[test]
fn a_part_of_the_events_answers_as_all_of_them_do() {
    let changes = history();
    let state = taken(&changes);
    let all: Vec<Recorded> = bodies(&changes).iter().map(|b| Recorded::parse(b).expect("an event")).collect();
    let questions = state.questions();
    assert_eq!(questions.len(), 4);
    let at = Timestamp::from_secs(100);
    let reasons: Vec<&str> = questions
        .iter()
        .map(|question| {
            let query = state.query(question, AUTHORITY, at).expect("a question");
            let (here, there) = (state.answer(&query, at), decide(&query, &replay::facts(&all, &query), at));
            assert_eq!((here.reason, here.statement), (there.reason, there.statement), "{question:?}");
            here.reason.code()
        })
        .collect();
    assert_eq!(reasons, ["REVOKED", "SUSPENDED", "ACTIVE", "ACTIVE"]);
    assert_eq!(questions[2].entity, "did:web:e9.example", "as it is named now");
    assert_eq!(state.epoch(), 11);
}

#[test]
fn a_name_that_was_given_up_is_not_known() {
    let state = taken(&history());
    let old = Question { entity: "did:web:e3.example".to_owned(), ..state.questions()[2].clone() };
    let at = Timestamp::from_secs(100);
    let query = state.query(&old, AUTHORITY, at).expect("a question");
    assert_eq!(state.answer(&query, at).reason.code(), "UNKNOWN_ENTITY");
}

#[test]
fn a_sample_is_spread_over_all() {
    assert_eq!(sample((0..10).collect(), 3), [0, 3, 6]);
    assert_eq!(sample(vec![1, 2], 3), [1, 2]);
    assert!(sample(Vec::<u8>::new(), 3).is_empty());
}
