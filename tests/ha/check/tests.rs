//! Faults that are planted in good histories: each is found, and nothing else.

use charter_tlog::{Hash, hash, tree::root_of};

use super::{Found, Seen, Violation, gaps, judge};
use crate::{
    history::{Entry, FIRST, Micros, Op, Outcome, SECOND, Said},
    load::DENIED,
};

/// A status entity of the base.
const UNIVERSITY: u32 = 3;
const WRITE: u32 = FIRST;

fn entry(number: u32, op: Op, (invoked, completed): (Micros, Micros), outcome: Outcome) -> Entry {
    let said = None;
    Entry { number, op, due: invoked, invoked, completed, outcome, said, server: 0, attempts: 1 }
}

fn ask(number: u32, entity: u32, times: (Micros, Micros), yes: bool, epoch: i64) -> Entry {
    let said = Some(Said { yes, stale: false, epoch });
    Entry { said, ..entry(number, Op::Ask { entity }, times, Outcome::Done) }
}

fn set(number: u32, active: bool, times: (Micros, Micros)) -> Entry {
    entry(number, Op::Set { entity: UNIVERSITY, active }, times, Outcome::Done)
}

fn leaves(count: u8) -> Vec<Hash> {
    (0..count).map(|n| hash::leaf(&[n])).collect()
}

/// A registration, a suspension with questions before and after it, a reinstatement, and what is recorded of it.
fn good() -> (Vec<Entry>, Found, Vec<Seen>) {
    let history = vec![
        entry(WRITE, Op::Register, (0, 10), Outcome::Done),
        ask(WRITE + 1, UNIVERSITY, (20, 30), true, 3),
        set(WRITE + 2, false, (40, 50)),
        ask(WRITE + 3, UNIVERSITY, (60, 70), false, 4),
        set(WRITE + 4, true, (80, 90)),
        ask(WRITE + 5, UNIVERSITY, (100, 110), true, 5),
        entry(WRITE + 6, Op::Register, (0, 100), Outcome::Unknown),
        entry(WRITE + 7, Op::Register, (0, 100), Outcome::Refused),
    ];
    let events = [(WRITE, vec![2]), (WRITE + 2, vec![4]), (WRITE + 4, vec![5])].into();
    let answers = [(UNIVERSITY, true), (WRITE, true), (WRITE + 6, false)].into();
    let leaves = leaves(6);
    let seen = (1..=6).map(|n| Seen { server: 0, size: n as u64, root: root_of(&leaves[..n]) }).collect();
    (history, Found { events, answers, leaves }, seen)
}

#[test]
fn a_good_run_has_nothing_wrong() {
    let (history, mut found, seen) = good();
    assert_eq!(judge(&history, &found, &seen), []);
    // What was not known may be there, once.
    found.events.insert(WRITE + 6, vec![6]);
    found.answers.insert(WRITE + 6, true);
    assert_eq!(judge(&history, &found, &seen), []);
}

#[test]
fn a_no_about_an_entity_that_nobody_changed_is_found_unless_officers_denied_it() {
    for (entity, wanted) in [(UNIVERSITY + 1, vec![Violation::NotLinear(UNIVERSITY + 1)]), (DENIED, vec![])] {
        let (mut history, found, seen) = good();
        history.push(ask(WRITE + 8, entity, (20, 30), true, 3));
        assert_eq!(judge(&history, &found, &seen), []);
        history.push(ask(WRITE + 9, entity, (40, 50), false, 3));
        assert_eq!(judge(&history, &found, &seen), wanted);
    }
}

#[test]
fn a_lost_write_is_found() {
    let (history, mut found, seen) = good();
    found.events.remove(&WRITE);
    found.answers.remove(&WRITE);
    let wrong = judge(&history, &found, &seen);
    assert_eq!(wrong, [Violation::Lost(WRITE)]);
    assert!(wrong[0].is_lost());
}

#[test]
fn a_write_recorded_twice_is_found_whatever_was_said_of_it() {
    for number in [WRITE, WRITE + 6] {
        let (history, mut found, seen) = good();
        found.events.insert(number, vec![2, 6]);
        found.answers.insert(number, true);
        assert_eq!(judge(&history, &found, &seen), [Violation::Twice(number)]);
    }
}

#[test]
fn a_refused_write_that_is_there_and_one_that_nobody_sent_are_found() {
    let (history, mut found, seen) = good();
    found.events.insert(WRITE + 7, vec![6]);
    found.events.insert(WRITE + 99, vec![1]);
    let wanted = [Violation::RefusedPresent(WRITE + 7), Violation::Unasked(WRITE + 99)];
    assert_eq!(judge(&history, &found, &seen), wanted);
}

#[test]
fn an_answer_in_the_end_that_the_events_do_not_give_is_found() {
    for (entity, yes) in [(UNIVERSITY, false), (WRITE, false), (WRITE + 6, true)] {
        let (history, mut found, seen) = good();
        found.answers.insert(entity, yes);
        assert_eq!(judge(&history, &found, &seen), [Violation::OtherAnswer(entity)]);
    }
}

#[test]
fn a_stale_yes_is_found_unless_it_says_that_it_is_stale() {
    let (mut history, found, seen) = good();
    history[3] = ask(WRITE + 3, UNIVERSITY, (60, 70), true, 3);
    let wanted = [Violation::StaleYes(WRITE + 3), Violation::NotLinear(UNIVERSITY)];
    assert_eq!(judge(&history, &found, &seen), wanted);
    history[3].said = Some(Said { yes: true, stale: true, epoch: 3 });
    assert_eq!(judge(&history, &found, &seen), []);
    // Sent before the acknowledgement was there.
    history[3] = ask(WRITE + 3, UNIVERSITY, (49, 70), true, 3);
    assert_eq!(judge(&history, &found, &seen), []);
}

#[test]
fn an_answer_that_is_not_of_its_epoch_is_found() {
    let (mut history, found, seen) = good();
    // A no soon after a reinstatement is of a lease before; but not with the reinstatement's epoch.
    history[5] = ask(WRITE + 5, UNIVERSITY, (100, 110), false, 4);
    assert_eq!(judge(&history, &found, &seen), []);
    history[5] = ask(WRITE + 5, UNIVERSITY, (100, 110), false, 5);
    assert_eq!(judge(&history, &found, &seen), [Violation::OtherEpoch(WRITE + 5)]);
    // And not when the lease is over.
    let late = (100 + 2 * SECOND, 110 + 2 * SECOND);
    history[5] = ask(WRITE + 5, UNIVERSITY, late, false, 4);
    assert_eq!(judge(&history, &found, &seen), [Violation::NotLinear(UNIVERSITY)]);
}

#[test]
fn two_roots_of_one_size_and_a_checkpoint_of_lost_events_are_found() {
    let (history, found, mut seen) = good();
    let other = leaves(3).into_iter().rev().collect::<Vec<_>>();
    seen.push(Seen { server: 2, size: 3, root: root_of(&other) });
    seen.push(Seen { server: 1, size: 7, root: root_of(&leaves(7)) });
    let wanted = [Violation::Fork { size: 3, server: 2 }, Violation::Vanished { size: 7, server: 1 }];
    assert_eq!(judge(&history, &found, &seen), wanted);
}

#[test]
fn the_longest_gap_counts_both_ends_and_latency_counts_from_when_it_was_due() {
    assert_eq!(gaps::longest([5, 9, 2].into_iter(), (0, 10)), 4);
    assert_eq!(gaps::longest([5].into_iter(), (0, 100)), 95);
    assert_eq!(gaps::longest(std::iter::empty(), (10, 30)), 20);
    assert_eq!(gaps::longest([50].into_iter(), (10, 30)), 20, "outside of the span");
    let (mut history, _, _) = good();
    assert_eq!(gaps::done(&history, |entry| entry.op.is_write()).max(), Some(90));
    history[1].due = 5;
    assert_eq!(gaps::latency(&history, 999, (0, 1_000)), 25);
    assert_eq!(gaps::latency(&history, 999, (500, 1_000)), 0);
}
