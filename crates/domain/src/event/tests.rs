//! The public bytes: what they hold, and that optional members do not change older ones.

use super::*;
use uuid::Uuid;

use crate::{
    AuthorityId, Timestamp,
    staff::{Role, StaffId},
    status::{Reach, State},
};

fn header<'a>(authority: &'a AuthorityId, approvals: &'a [Approved]) -> Header<'a> {
    Header {
        registry: authority,
        seq: 2,
        actor: "1",
        origin: "bootstrap",
        recorded_at: Timestamp::from_secs(6),
        approvals,
        prev: Some("00"),
        restricted: None,
    }
}

fn authority() -> AuthorityId {
    AuthorityId::parse("did:web:a.example").expect("valid")
}

fn revoked() -> StatusChanged {
    let (id, reason) = ("7".to_owned(), "LOST_ACCREDITATION".to_owned());
    StatusChanged::plain(TargetKind::Entity, id, State::Revoked, Timestamp::from_secs(5), reason)
}

fn text(approvals: &[Approved], change: &Change) -> String {
    let bytes = body(&header(&authority(), approvals), change).expect("canonical");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_public_bytes_are_canonical_and_bound_to_their_place() {
    let change = Change::StatusChanged(revoked());
    let expected = r#"{"actor":"1","approvals":[],"data":{"effective_from":"1970-01-01T00:00:05Z","#
        .to_owned()
        + r#""reason":"LOST_ACCREDITATION","state":"REVOKED","target":"entity","target_id":"7"},"#
        + r#""kind":"StatusChanged","origin":"bootstrap","prev":"00","recorded_at":"1970-01-01T00:00:06Z","#
        + r#""registry":"did:web:a.example","restricted":null,"seq":2,"subject":"7","v":1}"#;
    assert_eq!(text(&[], &change), expected);
    let authority = authority();
    let elsewhere = Header { seq: 3, ..header(&authority, &[]) };
    let moved = body(&elsewhere, &change).expect("canonical");
    assert_ne!(leaf_hash(expected.as_bytes()), leaf_hash(&moved));
}

#[test]
fn an_event_that_no_log_could_hold_is_refused() {
    let authority = authority();
    let of = |length: usize| {
        let change = Change::StatusChanged(StatusChanged { reason: "A".repeat(length), ..revoked() });
        body(&header(&authority, &[]), &change)
    };
    let rest = of(0).expect("short").len();
    assert_eq!(of(MAX_BODY - rest).expect("the longest").len(), MAX_BODY);
    assert_eq!(of(MAX_BODY - rest + 1).expect_err("too long").field, "change");
}

#[test]
fn approvals_and_optional_members_are_written_when_set() {
    let approved = Approved { by: "3".to_owned(), role: Role::Approver, over: "ab".to_owned() };
    let change = StatusChanged {
        reach: Some(Reach::AbInitio),
        legal_basis: Some("Act 1 s 2".to_owned()),
        succeeded_by: vec![Uuid::from_u128(1)],
        lapses_at: Some(Timestamp::from_secs(9)),
        ..revoked()
    };
    let text = text(&[approved], &Change::StatusChanged(change));
    for part in [
        r#""approvals":[{"by":"3","over":"ab","role":"APPROVER"}]"#,
        r#""lapses_at":"1970-01-01T00:00:09Z","legal_basis":"Act 1 s 2","reach":"AB_INITIO""#,
        r#""succeeded_by":["00000000-0000-0000-0000-000000000001"]"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn staff_concern_no_answer() {
    let roles = [Role::Auditor, Role::Officer].into();
    let appointed = Change::StaffAppointed(StaffAppointed { roles, service: false });
    let dismissed = Change::StaffDismissed(StaffDismissed { staff_id: StaffId(4) });
    assert!(text(&[], &appointed).contains(r#""data":{"roles":["OFFICER","AUDITOR"],"service":false}"#));
    assert!(text(&[], &dismissed).contains(r#""data":{"staff_id":4}"#));
    assert_eq!((appointed.subject(), dismissed.subject()), (STAFF.to_owned(), STAFF.to_owned()));
}

#[test]
fn a_delegation_without_names_reads_and_writes_as_it_always_did() {
    let mut before = serde_json::json!({
        "answers_as_own": true, "endpoint": "https://b.example", "entity_identifier": "https://b.example",
        "jwks": { "keys": [] }, "max_path_length": null, "scope": [], "subordinate": "did:web:b.example",
    });
    let read = |value: &serde_json::Value| -> DelegationMade {
        serde_json::from_value(value.clone()).expect("a delegation")
    };
    let made = read(&before);
    assert!(made.naming_constraints.is_empty());
    assert_eq!(serde_json::to_value(&made).expect("JSON"), before);
    before["naming_constraints"] = serde_json::json!({ "excluded": [".b.example"] });
    assert_eq!(serde_json::to_value(read(&before)).expect("JSON"), before);
}
