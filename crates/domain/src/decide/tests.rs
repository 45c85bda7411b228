//! Tables and properties of the decision.

use proptest::prelude::*;

use super::*;
use crate::{Context, Interval, Kind, Outcome, status::Status};

fn t(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}
fn query() -> Query {
    let terms = ("did:web:a.example", "did:web:e.example", "issue", "Degree");
    Query::parse(Kind::Authorization, terms, Context::default()).expect("valid")
}
fn statement(id: i64, valid: Interval) -> StatementFact {
    StatementFact {
        id,
        valid,
        jurisdictions: vec![],
        conditions: Default::default(),
        statuses: vec![],
        accreditation: None,
        document: None,
    }
}
fn known(statements: Vec<StatementFact>) -> Facts {
    Facts {
        epoch: 7,
        known_entity: true,
        known_action: true,
        known_resource: true,
        entity: vec![],
        statements,
    }
}
fn span(from: i64, until: i64) -> Interval {
    Interval { from: Some(t(from)), until: Some(t(until)) }
}

#[test]
fn each_situation_has_its_reason() {
    let active = || known(vec![statement(1, span(10, 20))]);
    let reason = |facts: &Facts, at| decide(&query(), facts, t(at)).reason;
    assert_eq!(reason(&active(), 15), Reason::Active);
    assert_eq!(reason(&active(), 9), Reason::NotYetValid);
    assert_eq!(reason(&active(), 20), Reason::Expired);
    assert_eq!(reason(&known(vec![]), 15), Reason::NotListed);
    assert_eq!(reason(&Facts { known_entity: false, ..known(vec![]) }, 15), Reason::UnknownEntity);
    assert_eq!(reason(&Facts { known_resource: false, ..known(vec![]) }, 15), Reason::UnknownResource);
    assert_eq!(reason(&Facts { known_action: false, ..known(vec![]) }, 15), Reason::UnknownAction);
    let revoked = Status { state: State::Revoked, effective: Interval { from: Some(t(12)), until: None } };
    let mut facts = active();
    facts.entity.push(revoked);
    assert_eq!(reason(&facts, 11), Reason::Active, "revocation is prospective");
    assert_eq!(reason(&facts, 12), Reason::Revoked);
    let mut grounded = statement(1, span(10, 20));
    grounded.accreditation =
        Some(AccreditationFact { id: "acc".into(), valid: span(10, 13), statuses: vec![] });
    assert_eq!(reason(&known(vec![grounded]), 14), Reason::Expired, "the ground has expired");
}

#[test]
fn any_accreditation_in_force_is_a_yes() {
    let mut revoked = statement(1, span(0, 100));
    revoked.statuses.push(Status { state: State::Revoked, effective: Interval::ALWAYS });
    let facts = known(vec![revoked, statement(2, span(0, 100))]);
    let decision = decide(&query(), &facts, t(50));
    assert_eq!(decision.reason, Reason::Active);
    assert_eq!(decision.statement.expect("named").id, 2);
}

#[test]
fn unstated_conditions_are_named_and_stated_ones_checked() {
    let mut s = statement(1, span(0, 100));
    s.conditions.insert("eqf_level".into(), ["7".to_owned()].into());
    let facts = known(vec![s]);
    assert_eq!(decide(&query(), &facts, t(5)).unstated, ["eqf_level"]);
    let mut asked = query();
    asked.context.conditions.insert("eqf_level".into(), "6".into());
    assert_eq!(decide(&asked, &facts, t(5)).reason, Reason::ConditionNotMet);
}

fn interval() -> impl Strategy<Value = Interval> {
    (prop::option::of(0i64..50), prop::option::of(50i64..100))
        .prop_map(|(f, u)| Interval { from: f.map(t), until: u.map(t) })
}
fn some_status() -> impl Strategy<Value = Status> {
    (prop_oneof![Just(State::Ended), Just(State::Suspended), Just(State::Revoked)], interval())
        .prop_map(|(state, effective)| Status { state, effective })
}
fn facts() -> impl Strategy<Value = Facts> {
    let statement = (interval(), prop::collection::vec(some_status(), 0..2))
        .prop_map(|(valid, statuses)| StatementFact { statuses, ..statement(1, valid) });
    (prop::collection::vec(statement, 0..4), prop::collection::vec(some_status(), 0..2))
        .prop_map(|(statements, entity)| Facts { entity, ..known(statements) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_revocation_never_turns_no_into_yes(
        facts in facts(), from in 0i64..100, at in 0i64..100, of_entity in any::<bool>(), pick in any::<usize>(),
    ) {
        let before = decide(&query(), &facts, t(at)).outcome();
        let mut after = facts;
        let revoked = Status { state: State::Revoked, effective: Interval { from: Some(t(from)), until: None } };
        let count = after.statements.len();
        if of_entity || count == 0 {
            after.entity.push(revoked);
        } else {
            after.statements[pick % count].statuses.push(revoked);
        }
        if decide(&query(), &after, t(at)).outcome() == Outcome::Yes {
            prop_assert_eq!(before, Outcome::Yes);
        }
    }

    #[test]
    fn nothing_changes_before_next_change(facts in facts(), at in 0i64..100, later in 0i64..100) {
        let first = decide(&query(), &facts, t(at));
        let at_later = t(at.max(later));
        if first.next_change.is_none_or(|n| at_later < n) {
            prop_assert_eq!(decide(&query(), &facts, at_later).reason, first.reason);
        }
    }
}
