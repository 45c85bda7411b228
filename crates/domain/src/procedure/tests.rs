//! States and deadlines, by the events and the time alone.

use uuid::Uuid;

use super::*;
use crate::status::{State, TargetKind};

const fn day(n: i64) -> Timestamp {
    Timestamp::from_secs(n * 86_400)
}

fn opened() -> Procedure {
    let entity_id = Uuid::from_u128(1);
    let opened = ProcedureOpened {
        target: TargetKind::Entity,
        target_id: entity_id.to_string(),
        entity_id,
        state: State::Revoked,
        reach: None,
        reason: "R".to_owned(),
        legal_basis: "Act 1".to_owned(),
        served_on: day(1),
        reply_by: day(15),
    };
    Procedure { id: 7, opened, heard: vec![], closed: None, decision: None, emergency_lapses: None }
}

fn decided(rulings: &[(Ruling, i64)]) -> Procedure {
    let (id, reason) = (opened().opened.target_id, "R".to_owned());
    let plain = StatusChanged::plain(TargetKind::Entity, id, State::Revoked, day(20), reason);
    let change = StatusChanged { procedure: Some(7), appeal_by: Some(day(40)), ..plain };
    let ruled = |(ruling, from): &(Ruling, i64)| CourtRuled {
        decision: 9,
        target: TargetKind::Entity,
        target_id: change.target_id.clone(),
        entity_id: None,
        ruling: *ruling,
        court: "Court".to_owned(),
        case_number: "1/26".to_owned(),
        from: day(*from),
    };
    let rulings = (10..).zip(rulings.iter().map(ruled)).collect();
    let decision = Some(Decision { seq: 9, recorded_at: day(16), change, rulings });
    Procedure { decision, ..opened() }
}

fn what(procedure: &Procedure, at: i64) -> (&'static str, Option<(&'static str, i64)>) {
    let next = procedure.next_deadline(day(at)).map(|d| (d.what, d.at.secs() / 86_400));
    (procedure.state_at(day(at)).code(), next)
}

#[test]
fn a_hearing_is_held_or_lapses() {
    assert_eq!(what(&opened(), 14), ("NOTIFIED", Some(("REPLY_BY", 15))));
    assert_eq!(what(&opened(), 15), ("HEARING_LAPSED", None));
    let heard = Procedure { heard: vec![day(3)], emergency_lapses: Some(day(5)), ..opened() };
    assert_eq!(what(&heard, 4), ("HEARD", Some(("EMERGENCY_LAPSES", 5))));
    assert_eq!(what(&heard, 5), ("HEARD", None));
    let closed = Procedure { closed: Some("UNFOUNDED".to_owned()), ..heard };
    assert_eq!(what(&closed, 4), ("CLOSED", None));
}

#[test]
fn a_decision_comes_into_force_and_courts_have_the_last_word() {
    assert_eq!(what(&decided(&[]), 16), ("DECIDED", Some(("TAKES_EFFECT", 20))));
    assert_eq!(what(&decided(&[]), 20), ("IN_FORCE", Some(("APPEAL_BY", 40))));
    assert_eq!(what(&decided(&[]), 40), ("IN_FORCE", None));
    let stayed = decided(&[(Ruling::Stayed, 22), (Ruling::StayLifted, 30)]);
    assert_eq!([21, 22, 29, 30].map(|at| what(&stayed, at).0), ["IN_FORCE", "STAYED", "STAYED", "IN_FORCE"]);
    assert_eq!(what(&decided(&[(Ruling::Overturned, 0)]), 21), ("OVERTURNED", None));
    let both = decided(&[(Ruling::Stayed, 0), (Ruling::Overturned, 20)]);
    assert_eq!([19, 20].map(|at| what(&both, at).0), ["STAYED", "OVERTURNED"]);
}

#[test]
fn codes_are_written_alike_everywhere() {
    for waiver in Waiver::ALL {
        assert_eq!(Waiver::parse(waiver.code()), Ok(waiver));
        assert_eq!(serde_json::to_string(&waiver).expect("JSON"), format!("\"{}\"", waiver.code()));
    }
    for ruling in Ruling::ALL {
        assert_eq!(Ruling::parse(ruling.code()), Ok(ruling));
        assert_eq!(serde_json::to_string(&ruling).expect("JSON"), format!("\"{}\"", ruling.code()));
    }
    assert!(Waiver::parse("NO_TIME").is_err() && Ruling::parse("").is_err());
}
