//! Who may lose something without being heard, and what each step of a procedure needs.

use uuid::Uuid;

use super::*;
use crate::Interval;

/// Takes something away.
type Take = fn(&mut StatusChanged);

const fn day(n: i64) -> Timestamp {
    Timestamp::from_secs(n * 86_400)
}

fn change(state: State) -> StatusChanged {
    let id = Uuid::from_u128(1).to_string();
    StatusChanged::plain(TargetKind::Entity, id, state, day(20), "R".to_owned())
}

fn opened(state: State) -> ProcedureOpened {
    let entity_id = Uuid::from_u128(1);
    ProcedureOpened {
        target: TargetKind::Entity,
        target_id: entity_id.to_string(),
        entity_id,
        state,
        reach: None,
        reason: "R".to_owned(),
        legal_basis: "Act 1".to_owned(),
        served_on: day(1),
        reply_by: day(15),
    }
}

fn procedure(state: State) -> Procedure {
    let opened = opened(state);
    Procedure { id: 7, opened, heard: vec![], closed: None, decision: None, emergency_lapses: None }
}

fn ended(state: State) -> StatusChanged {
    StatusChanged {
        procedure: Some(7),
        legal_basis: Some("Act 1".to_owned()),
        appeal: Some("to the Administrative Court".to_owned()),
        served_on: Some(day(21)),
        appeal_by: Some(day(51)),
        ..change(state)
    }
}

fn ask(change: &StatusChanged, procedure: Option<&Procedure>, current: &[Status]) -> Result<(), String> {
    decision(change, &RegistryPolicy::default(), procedure, current, day(16)).map_err(|e| e.to_string())
}

fn refused(change: &StatusChanged, procedure: Option<&Procedure>, part: &str) {
    let why = ask(change, procedure, &[]).expect_err(part);
    assert!(why.contains(part), "{part} in {why}");
}

#[test]
fn a_negative_measure_needs_a_hearing_a_waiver_or_a_policy_without() {
    for state in [State::Suspended, State::Revoked] {
        refused(&change(state), None, "open a procedure");
        let lax = RegistryPolicy { hearing: Hearing::NotRequired, ..RegistryPolicy::default() };
        assert_eq!(decision(&change(state), &lax, None, &[], day(16)), Ok(()));
    }
    for state in [State::Active, State::Ended] {
        assert_eq!(ask(&change(state), None, &[]), Ok(()));
        let waived = StatusChanged { hearing_waived: Some(Waiver::Urgent), ..change(state) };
        refused(&waived, None, "leave");
    }
    let delegation = StatusChanged { target: TargetKind::Delegation, ..change(State::Revoked) };
    assert_eq!(ask(&delegation, None, &[]), Ok(()));
}

#[test]
fn a_waiver_has_a_legal_basis_and_confirms_only_what_lapses() {
    let waived = |waiver, basis: &str| StatusChanged {
        hearing_waived: Some(waiver),
        legal_basis: Some(basis.to_owned()),
        ..change(State::Suspended)
    };
    refused(&waived(Waiver::Urgent, " "), None, "legal basis");
    assert_eq!(ask(&waived(Waiver::Urgent, "Act 1"), None, &[]), Ok(()));
    let confirms = waived(Waiver::ConfirmsEmergency, "Act 1");
    refused(&confirms, None, "CONFIRMS_EMERGENCY");
    let emergency = |until| {
        let effective = Interval { from: Some(day(16)), until: Some(until) };
        [Status { state: State::Suspended, effective }]
    };
    assert_eq!(ask(&confirms, None, &emergency(day(20))), Ok(()), "from when it lapses");
    assert!(ask(&confirms, None, &emergency(day(19))).is_err(), "over by then");
    let graver = StatusChanged { state: State::Revoked, ..confirms };
    assert!(ask(&graver, None, &emergency(day(20))).is_err());
}

#[test]
fn a_decision_follows_a_procedure_that_is_ready_and_says_how_to_appeal() {
    let lapsed = procedure(State::Revoked);
    assert_eq!(ask(&ended(State::Revoked), Some(&lapsed), &[]), Ok(()));
    assert_eq!(ask(&ended(State::Suspended), Some(&lapsed), &[]), Ok(()), "milder");
    let reply_by = day(30);
    let mut waits = procedure(State::Revoked);
    waits.opened.reply_by = reply_by;
    refused(&ended(State::Revoked), Some(&waits), "may reply until");
    waits.heard.push(day(3));
    assert_eq!(ask(&ended(State::Revoked), Some(&waits), &[]), Ok(()), "heard");
    waits.closed = Some("UNFOUNDED".to_owned());
    refused(&ended(State::Revoked), Some(&waits), "is CLOSED");
    refused(&ended(State::Revoked), Some(&procedure(State::Suspended)), "graver");
    let back = StatusChanged { reach: Some(Reach::From), ..ended(State::Revoked) };
    refused(&back, Some(&lapsed), "graver");
    let other = StatusChanged { target_id: "2".to_owned(), ..ended(State::Revoked) };
    refused(&other, Some(&lapsed), "something else");
    let both = StatusChanged { hearing_waived: Some(Waiver::Urgent), ..ended(State::Revoked) };
    refused(&both, Some(&lapsed), "not both");
    let without: [(Take, &str); 5] = [
        (|c| c.legal_basis = None, "legal basis"),
        (|c| c.appeal = None, "`appeal`"),
        (|c| c.served_on = None, "`served_on`"),
        (|c| c.appeal_by = None, "`appeal_by`"),
        (|c| c.appeal_by = c.served_on, "later than"),
    ];
    for (take, part) in without {
        let mut change = ended(State::Revoked);
        take(&mut change);
        refused(&change, Some(&lapsed), part);
    }
}

#[test]
fn a_notice_leaves_the_time_that_the_policy_asks_for_and_is_not_dated_back() {
    let policy = RegistryPolicy::default();
    let ask = |opened: &ProcedureOpened, drafted, now| open(opened, &policy, &[], (drafted, now)).is_ok();
    assert!(ask(&opened(State::Revoked), true, day(1)));
    assert!(ask(&opened(State::Revoked), false, day(14)), "approved later");
    assert!(!ask(&opened(State::Revoked), true, day(2)), "served before, the time runs from now");
    assert!(!ask(&opened(State::Revoked), false, day(15)), "over");
    assert!(!ask(&opened(State::Ended), true, day(1)));
    let back = ProcedureOpened { reach: Some(Reach::From), ..opened(State::Suspended) };
    assert!(!ask(&back, true, day(1)));
    let unfounded = ProcedureOpened { legal_basis: String::new(), ..opened(State::Revoked) };
    assert!(!ask(&unfounded, true, day(1)));
    let revoked = [Status { state: State::Revoked, effective: Interval::ALWAYS }];
    assert!(open(&opened(State::Revoked), &policy, &revoked, (true, day(1))).is_err());
}

#[test]
fn a_reply_is_received_while_nothing_is_decided() {
    let reply = |on| ProcedureHeard { procedure: 7, entity_id: Uuid::from_u128(1), received_on: day(on) };
    let mut running = procedure(State::Revoked);
    assert_eq!(heard(&reply(3), &running, day(4)), Ok(()));
    assert_eq!(heard(&reply(16), &running, day(17)), Ok(()), "late, and still before a decision");
    assert!(heard(&reply(0), &running, day(4)).is_err(), "before the notice");
    assert!(heard(&reply(5), &running, day(4)).is_err(), "not yet");
    running.closed = Some("UNFOUNDED".to_owned());
    assert!(heard(&reply(3), &running, day(4)).is_err());
    assert!(undecided(&running, day(4)).is_err());
}

#[test]
fn a_stay_is_lifted_and_an_overturned_decision_stays_so() {
    let decided = |state, before: &[Ruling]| {
        let made = |ruling: &Ruling| (10, ruled(*ruling, 17));
        let rulings = before.iter().map(made).collect();
        Decision { seq: 9, recorded_at: day(16), change: change(state), rulings }
    };
    fn ruled(ruling: Ruling, from: i64) -> CourtRuled {
        CourtRuled {
            decision: 9,
            target: TargetKind::Entity,
            target_id: "1".to_owned(),
            entity_id: None,
            ruling,
            court: "Court".to_owned(),
            case_number: "1/26".to_owned(),
            from: day(from),
        }
    }
    use Ruling::{Overturned, StayLifted, Stayed};
    let cases: [(&[Ruling], [bool; 3]); 4] = [
        (&[], [true, false, true]),
        (&[Stayed], [false, true, true]),
        (&[Stayed, StayLifted], [true, false, true]),
        (&[Overturned], [false, false, false]),
    ];
    for (before, allowed) in cases {
        let decision = decided(State::Revoked, before);
        let answers =
            [Stayed, StayLifted, Overturned].map(|r| ruling(&ruled(r, 18), &decision, day(18)).is_ok());
        assert_eq!(answers, allowed, "{before:?}");
    }
    let stayed = decided(State::Revoked, &[Stayed]);
    assert!(ruling(&ruled(StayLifted, 17), &stayed, day(18)).is_err(), "not for the past");
    assert!(ruling(&ruled(Overturned, 1), &stayed, day(18)).is_ok(), "from whenever the court says");
    assert!(ruling(&ruled(Stayed, 18), &decided(State::Active, &[]), day(18)).is_err());
}
