//! Properties of replay on random courses of states.

use proptest::prelude::*;

use super::*;
use crate::{
    Context, Interval, Kind, Outcome, Reason, decide,
    event::{EntityRegistered, Header, Identifier, StatusChanged},
    status::{State, state_at},
};

const ENTITY: &str = "did:web:e.example";

fn made() -> Vec<Change> {
    let entity_id = Uuid::from_u128(7);
    let registered = EntityRegistered {
        entity_id,
        names: BTreeMap::new(),
        country: "FI".to_owned(),
        identifiers: vec![Identifier { r#type: "did".to_owned(), value: ENTITY.to_owned() }],
    };
    let stated = StatementMade {
        statement: Kind::Authorization,
        entity_id,
        action: "issue".to_owned().try_into().expect("valid"),
        resource: "Degree".to_owned().try_into().expect("valid"),
        accreditation_id: None,
        jurisdictions: vec![],
        conditions: BTreeMap::new(),
        valid: Interval::ALWAYS,
        begins_when_recorded: false,
        peer: None,
    };
    vec![Change::EntityRegistered(registered), Change::StatementMade(stated)]
}

/// From an instant on, for good or for a while.
type Word = (i64, Option<i64>, State);

fn status((from, lasts, state): Word) -> Change {
    let (id, at) = (Uuid::from_u128(7).to_string(), Timestamp::from_secs(from));
    let lapses_at = lasts.map(|secs| Timestamp::from_secs(from + secs));
    let plain = StatusChanged::plain(TargetKind::Entity, id, state, at, "R".to_owned());
    Change::StatusChanged(StatusChanged { lapses_at, ..plain })
}

fn recorded(changes: Vec<Change>) -> Vec<Recorded> {
    let place = |(seq, change)| Recorded { seq, recorded_at: Timestamp::from_secs(seq), prev: None, change };
    (1..).zip(changes).map(place).collect()
}

fn query(known_at: Option<i64>) -> Query {
    let context = Context { known_at, ..Context::default() };
    Query::parse(Kind::Authorization, ("did:web:a.example", ENTITY, "issue", "Degree"), context)
        .expect("valid")
}

fn states() -> impl Strategy<Value = Vec<Word>> {
    let state = prop::sample::select(vec![State::Active, State::Ended, State::Suspended, State::Revoked]);
    prop::collection::vec((0_i64..40, prop::option::of(1_i64..20), state), 0..12)
}

#[test]
fn an_event_is_read_back_from_its_public_bytes() {
    let authority = crate::AuthorityId::parse("did:web:a.example").expect("valid");
    let mut changes = made();
    changes.extend([status((3, Some(4), State::Ended)), Change::RegistrySealed]);
    for event in recorded(changes) {
        let header = Header {
            registry: &authority,
            seq: event.seq,
            actor: "0",
            origin: "bootstrap",
            recorded_at: event.recorded_at,
            approvals: &[],
            prev: None,
            restricted: None,
        };
        let body = crate::event::body(&header, &event.change).expect("canonical");
        assert_eq!(Recorded::parse(&body).expect("readable"), event);
    }
}

proptest! {
    /// The latest event that reaches an instant decides it: stated without intervals or order of instants.
    #[test]
    fn at_every_instant_the_last_word_that_reaches_it_counts(list in states(), at in -1_i64..45) {
        let mut changes = made();
        changes.extend(list.iter().copied().map(status));
        let facts = facts(&recorded(changes), &query(None));
        let reaches = |w: &&Word| w.0 <= at && w.1.is_none_or(|lasts| at < w.0 + lasts);
        let last = list.iter().rev().find(reaches).map_or(State::Active, |w| w.2);
        prop_assert_eq!(state_at(&facts.entity, Timestamp::from_secs(at)), last);
        let decision = decide(&query(None), &facts, Timestamp::from_secs(at));
        prop_assert_eq!(decision.reason, last.reason());
    }

    /// What was known at an epoch does not depend on what came after it.
    #[test]
    fn the_past_of_knowledge_is_never_rewritten(list in states(), known in 0_i64..14) {
        let mut changes = made();
        changes.extend(list.iter().copied().map(status));
        let all = recorded(changes);
        let before: Vec<Recorded> = all.iter().filter(|e| e.seq <= known).cloned().collect();
        let epoch = all.len() as i64;
        prop_assert_eq!(facts(&all, &query(Some(known))), Facts { epoch, ..facts(&before, &query(None)) });
    }

    /// A revocation never turns a no into a yes, at any instant.
    #[test]
    fn a_revocation_makes_no_yes(list in states(), from in 0_i64..40, at in -1_i64..45) {
        let mut changes = made();
        changes.extend(list.iter().copied().map(status));
        let at = Timestamp::from_secs(at);
        let before = decide(&query(None), &facts(&recorded(changes.clone()), &query(None)), at);
        changes.push(status((from, None, State::Revoked)));
        let after = decide(&query(None), &facts(&recorded(changes), &query(None)), at);
        prop_assert!(before.outcome() == Outcome::Yes || after.outcome() == Outcome::No);
        prop_assert!(at < Timestamp::from_secs(from) || after.reason == Reason::Revoked);
    }
}
