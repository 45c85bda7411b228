//! The transitions as a table, and the edges of reach, lapse and succession.

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn t(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn change(state: State, from: Timestamp) -> StatusChanged {
    StatusChanged::plain(TargetKind::Entity, Uuid::from_u128(1).to_string(), state, from, "R".to_owned())
}

fn back(from: Timestamp, reach: Reach) -> StatusChanged {
    let legal_basis = Some("Act 1".to_owned());
    StatusChanged { reach: Some(reach), legal_basis, ..change(State::Revoked, from) }
}

fn since(state: State, from: i64) -> Vec<Status> {
    if state == State::Active {
        return vec![];
    }
    vec![Status { state, effective: Interval { from: Some(t(from)), until: None } }]
}

fn ok(current: &[Status], change: &StatusChanged) -> bool {
    match transition(current, change, NOW) {
        Ok(()) => true,
        Err(Refusal::Illegal(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn states_follow_each_other_by_this_table() {
    use State::{Active, Ended, Revoked, Suspended};
    for (from, allowed) in [
        (Active, vec![Suspended, Revoked, Ended]),
        (Suspended, vec![Active, Revoked, Ended]),
        (Ended, vec![Revoked]),
        (Revoked, vec![]),
    ] {
        for to in [Active, Suspended, Revoked, Ended] {
            assert_eq!(ok(&since(from, 10), &change(to, NOW)), allowed.contains(&to), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_revocation_is_final_even_before_it_begins() {
    let revoked = since(State::Revoked, 2_000);
    assert!(!ok(&revoked, &change(State::Suspended, NOW)));
    assert!(!ok(&revoked, &change(State::Ended, t(3_000))));
    assert!(!ok(&revoked, &change(State::Revoked, t(2_000))));
    assert!(ok(&revoked, &change(State::Revoked, t(1_999))));
    assert!(ok(&revoked, &back(t(5), Reach::From)));
    assert!(ok(&revoked, &back(Timestamp::BEGINNING, Reach::AbInitio)));
    let until = |secs| StatusChanged { lapses_at: Some(t(secs)), ..change(State::Suspended, NOW) };
    assert!(ok(&revoked, &until(2_000)));
    assert!(!ok(&revoked, &until(2_001)));
    let initio = [Status { state: State::Revoked, effective: Interval::ALWAYS }];
    assert!(!ok(&initio, &back(Timestamp::BEGINNING, Reach::AbInitio)));
}

#[test]
fn a_suspension_that_lapses_is_made_to_last_but_not_to_lapse_again() {
    let lapsing = [Status {
        state: State::Suspended,
        effective: Interval { from: Some(t(900)), until: Some(t(2_000)) },
    }];
    assert!(ok(&lapsing, &change(State::Suspended, t(1_999))));
    let again = StatusChanged { lapses_at: Some(t(3_000)), ..change(State::Suspended, t(1_999)) };
    assert!(!ok(&lapsing, &again));
    let lasting =
        [Status { state: State::Suspended, effective: Interval { from: Some(t(900)), until: None } }];
    assert!(!ok(&lasting, &change(State::Suspended, t(1_999))));
    assert!(ok(&lapsing, &change(State::Suspended, t(2_000))));
    assert!(ok(&lapsing, &change(State::Active, NOW)));
    assert!(!ok(&lapsing, &change(State::Active, t(2_000))));
}

#[test]
fn only_a_founded_revocation_reaches_back() {
    assert!(ok(&[], &change(State::Revoked, t(940))));
    assert!(!ok(&[], &change(State::Revoked, t(939))));
    assert!(ok(&[], &back(t(939), Reach::From)));
    assert!(!ok(&[], &back(NOW, Reach::From)));
    assert!(!ok(&[], &back(t(5), Reach::AbInitio)));
    assert!(!ok(&[], &back(t(5), Reach::Prospective)));
    for bad in [None, Some(" ".to_owned())] {
        assert!(!ok(&[], &StatusChanged { legal_basis: bad, ..back(t(5), Reach::From) }));
    }
    assert!(!ok(&[], &StatusChanged { state: State::Suspended, ..back(t(5), Reach::From) }));
}

#[test]
fn only_a_suspension_lapses_and_only_later() {
    let until = |state, secs| StatusChanged { lapses_at: Some(t(secs)), ..change(state, NOW) };
    assert!(ok(&[], &until(State::Suspended, 1_001)));
    assert!(!ok(&[], &until(State::Suspended, 1_000)));
    assert!(!ok(&[], &until(State::Revoked, 1_001)));
}

#[test]
fn an_entity_that_ends_may_have_others_as_successors() {
    let ended = |ids: std::ops::Range<u128>| StatusChanged {
        succeeded_by: ids.map(Uuid::from_u128).collect(),
        ..change(State::Ended, NOW)
    };
    assert!(ok(&[], &ended(2..18)));
    assert!(!ok(&[], &ended(2..19)));
    assert!(!ok(&[], &ended(1..2)));
    assert!(!ok(&[], &StatusChanged { succeeded_by: vec![Uuid::from_u128(2); 2], ..ended(2..3) }));
    assert!(!ok(&[], &StatusChanged { state: State::Revoked, ..ended(2..3) }));
    assert!(!ok(&[], &StatusChanged { target: TargetKind::Accreditation, ..ended(2..3) }));
}

#[test]
fn successions_do_not_come_back() {
    let id = Uuid::from_u128;
    let after = |n: u128| move |i: Uuid| if i.as_u128() < n { vec![id(i.as_u128() + 1)] } else { vec![] };
    assert!(no_loop(id(1), &[], after(9)).is_ok());
    assert!(no_loop(id(1), &[id(2)], after(65)).is_ok());
    assert!(no_loop(id(1), &[id(2)], after(66)).is_err());
    assert!(no_loop(id(5), &[id(2)], after(9)).is_err());
    assert!(no_loop(id(1), &[id(2)], |i| vec![id(5 - i.as_u128())]).is_ok());
}

#[test]
fn a_grant_begins_now_or_later() {
    let from = |secs| Interval { from: Some(t(secs)), until: None };
    assert!(grant(&from(940), false, NOW).is_ok());
    assert!(grant(&from(939), false, NOW).is_err());
    assert!(grant(&Interval::ALWAYS, false, NOW).is_err());
    assert!(grant(&Interval::ALWAYS, true, NOW).is_ok());
    let until = |secs| Interval { from: None, until: Some(t(secs)) };
    assert!(grant(&until(1_001), true, NOW).is_ok());
    assert!(grant(&until(1_000), true, NOW).is_err(), "over when it would begin");
}
