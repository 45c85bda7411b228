//! Four eyes: each check, and that no sequence of calls by one principal comes to a permit.

use super::*;
use crate::{
    event::{MAX_BODY, StaffAppointed, StatusChanged},
    status::{Reach, State, TargetKind},
};

mod one_principal;

const NOW: Timestamp = Timestamp::from_secs(1_000);
const REGISTRY: RegistryId = RegistryId(1);

fn authority() -> AuthorityId {
    AuthorityId::parse("did:web:a.example").expect("valid")
}

fn staff(id: i64, roles: &[Role]) -> Staff {
    Staff {
        id: StaffId(id),
        roles: roles.iter().copied().collect(),
        service: false,
        stepped_up: true,
        only: None,
    }
}

fn officer() -> Staff {
    staff(1, &[Role::Officer])
}

fn approver(id: i64) -> Staff {
    staff(id, &[Role::Approver])
}

fn status(target: TargetKind, state: State) -> StatusChanged {
    StatusChanged::plain(target, Uuid::from_u128(1).to_string(), state, NOW, "R".to_owned())
}

fn suspend() -> Change {
    Change::StatusChanged(status(TargetKind::Entity, State::Suspended))
}

fn revoke_back() -> Change {
    Change::StatusChanged(StatusChanged {
        effective_from: Some(Timestamp::from_secs(5)),
        reach: Some(Reach::From),
        legal_basis: Some("Act 1".to_owned()),
        ..status(TargetKind::Entity, State::Revoked)
    })
}

fn propose(staff: &Staff, change: Change) -> Result<Proposal, Refusal> {
    let id = Uuid::from_u128(9);
    Proposal::propose(staff, authority(), Phase::Governed, id, change, "because".to_owned(), 7, NOW)
}

fn proposed(change: Change) -> Proposal {
    propose(&officer(), change).expect("proposed")
}

fn approve(proposal: &Proposal, staff: &Staff) -> Result<Step, Refusal> {
    let over = proposal.hash().expect("hashed");
    proposal.approve(staff, REGISTRY, &over, proposal.base, NOW)
}

fn amend(proposal: &Proposal, staff: &Staff, change: Change) -> Result<Proposal, Refusal> {
    proposal.amend(staff, change, "better so".to_owned(), 8, NOW)
}

fn refusal(proposal: &Proposal, staff: &Staff) -> Refusal {
    approve(proposal, staff).expect_err("refused")
}

#[test]
fn a_second_person_makes_the_permit() {
    let proposal = proposed(suspend());
    let step = approve(&proposal, &approver(2)).expect("approved");
    assert_eq!((step.approval.by, step.approval.role), (StaffId(2), Role::Approver));
    let permit = step.execute.expect("two persons");
    assert_eq!((permit.registry(), permit.origin()), (REGISTRY, "governance"));
}

#[test]
fn reaching_back_takes_three_persons_whatever_the_row_says() {
    let mut proposal = proposed(revoke_back());
    assert_eq!(proposal.quorum, 3);
    proposal.quorum = 1;
    let first = approve(&proposal, &approver(2)).expect("approved");
    assert!(first.execute.is_none());
    proposal.approvals.push(first.approval);
    assert_eq!(refusal(&proposal, &approver(2)), Refusal::AlreadyApproved);
    assert!(approve(&proposal, &approver(3)).expect("approved").execute.is_some());
}

#[test]
fn what_could_make_an_event_that_no_log_holds_is_no_proposal() {
    let of = |length: usize, quorum: u8| {
        let change =
            StatusChanged { reason: "A".repeat(length), ..status(TargetKind::Entity, State::Suspended) };
        Proposal { quorum, ..proposed(Change::StatusChanged(change)) }.recordable()
    };
    let longest = (0..MAX_BODY).rev().find(|length| of(*length, 2).is_ok()).expect("some can");
    assert!(longest > 64_000, "the header is short: {longest}");
    assert_eq!(of(longest + 1, 2).expect_err("too long").field, "change");
    assert!(of(longest, 3).is_err(), "a third person's approval is in the event too");
}

#[test]
fn the_checks_come_in_this_order() {
    let mut proposal = proposed(suspend());
    let good = proposal.hash().expect("hashed");
    let mut who = Staff { service: true, stepped_up: false, ..staff(1, &[]) };
    let late = proposal.expires_at;
    let answer = |p: &Proposal, who: &Staff, over: &str, seq, now| {
        p.approve(who, REGISTRY, over, seq, now).expect_err("refused")
    };
    proposal.state = ProposalState::Executed;
    assert_eq!(answer(&proposal, &who, "", 8, late), Refusal::NotOpen);
    proposal.state = ProposalState::Open;
    assert_eq!(answer(&proposal, &who, "", 8, late), Refusal::ProposalExpired);
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::ServiceMayNotApprove);
    who.service = false;
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::SelfApproval);
    who.id = StaffId(2);
    let again = Approval { by: who.id, role: Role::Approver, over: "00".to_owned(), at: NOW };
    proposal.approvals.push(again);
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::AlreadyApproved);
    proposal.approvals.clear();
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::Denied);
    who.roles.insert(Role::Approver);
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::StepUpNeeded);
    who.stepped_up = true;
    assert_eq!(answer(&proposal, &who, "", 8, NOW), Refusal::ProposalChanged);
    assert_eq!(answer(&proposal, &who, &good, 8, NOW), Refusal::TargetChanged);
    assert!(proposal.approve(&who, REGISTRY, &good, 7, NOW).is_ok());
}

#[test]
fn only_those_with_the_right_propose_and_only_under_governance() {
    assert_eq!(propose(&approver(1), suspend()), Err(Refusal::Denied));
    assert_eq!(propose(&staff(1, &Role::ALL), Change::RegistrySealed), Err(Refusal::Denied));
    let appoint = Change::StaffAppointed(StaffAppointed { roles: [Role::Officer].into(), service: false });
    assert_eq!(propose(&officer(), appoint.clone()), Err(Refusal::Denied));
    let appointing = propose(&staff(1, &[Role::SecurityOfficer]), appoint).expect("proposed");
    assert_eq!(refusal(&appointing, &approver(2)), Refusal::Denied);
    assert!(approve(&appointing, &staff(2, &[Role::SecurityOfficer])).is_ok());
    let with = |phase, reason: &str| {
        let id = Uuid::from_u128(9);
        Proposal::propose(&officer(), authority(), phase, id, suspend(), reason.to_owned(), 7, NOW)
    };
    assert_eq!(with(Phase::Bootstrap, "r"), Err(Refusal::NotGoverned));
    assert!(with(Phase::Governed, &"r".repeat(MAX_REASON)).is_ok());
    assert!(with(Phase::Governed, &"r".repeat(MAX_REASON + 1)).is_err());
    assert!(with(Phase::Governed, "a\u{85}b").is_err());
}

#[test]
fn an_approver_refuses_and_the_proposer_withdraws_or_amends() {
    let proposal = proposed(suspend());
    assert_eq!(proposal.refuse(&approver(2), "no", NOW), Ok(()));
    assert_eq!(proposal.refuse(&officer(), "no", NOW), Err(Refusal::SelfApproval));
    assert_eq!(proposal.refuse(&staff(2, &[Role::Auditor]), "no", NOW), Err(Refusal::Denied));
    assert_eq!(proposal.withdraw(&officer(), ""), Ok(()));
    assert_eq!(proposal.withdraw(&approver(2), ""), Err(Refusal::NotYours));
    assert_eq!(amend(&proposal, &staff(3, &[Role::Officer]), revoke_back()), Err(Refusal::NotYours));
    let mut approved = proposal.clone();
    approved.approvals.push(approve(&proposal, &approver(2)).expect("approved").approval);
    assert_eq!(approved.refuse(&approver(2), "no", NOW), Ok(()));
    let amended = amend(&approved, &officer(), revoke_back()).expect("amended");
    assert_eq!((amended.revision, amended.quorum, amended.approvals.len()), (2, 3, 0));
    assert_eq!((amended.expires_at, amended.base), (proposal.expires_at, 8));
    let seen = proposal.hash().expect("hashed");
    let blind = amended.approve(&approver(2), REGISTRY, &seen, 8, NOW);
    assert_eq!(blind.expect_err("the earlier revision"), Refusal::ProposalChanged);
    assert_eq!(proposal.state_at(NOW), ProposalState::Open);
    assert_eq!(proposal.state_at(proposal.expires_at), ProposalState::Expired);
    let elsewhere = Change::StatusChanged(status(TargetKind::Statement, State::Suspended));
    assert!(matches!(amend(&proposal, &officer(), elsewhere), Err(Refusal::Illegal(_))));
    let closed = Proposal { state: ProposalState::Withdrawn, ..proposal };
    assert_eq!(closed.withdraw(&officer(), ""), Err(Refusal::NotOpen));
    assert_eq!(amend(&closed, &officer(), suspend()), Err(Refusal::NotOpen));
}

#[test]
fn a_mutated_proposal_never_executes_on_earlier_approvals() {
    let mut original = proposed(revoke_back());
    let seen = original.hash().expect("hashed");
    original.approvals.push(approve(&original, &approver(2)).expect("approved").approval);
    let mutations: [fn(&mut Proposal); 9] = [
        |p| p.id = Uuid::from_u128(10),
        |p| p.registry = AuthorityId::parse("did:web:b.example").expect("valid"),
        |p| p.revision = 2,
        |p| p.change = suspend(),
        |p| p.proposer = StaffId(4),
        |p| p.base = 8,
        |p| p.quorum = 2,
        |p| p.created_at = Timestamp::from_secs(0),
        |p| p.expires_at = Timestamp::from_secs(2_000),
    ];
    for (i, mutate) in mutations.into_iter().enumerate() {
        let mut mutated = original.clone();
        mutate(&mut mutated);
        let blind = mutated.approve(&approver(3), REGISTRY, &seen, mutated.base, NOW);
        assert_eq!(blind.expect_err("refused"), Refusal::ProposalChanged, "mutation {i}");
        assert!(approve(&mutated, &approver(3)).expect("approved").execute.is_none(), "mutation {i}");
    }
    assert!(approve(&original, &approver(3)).expect("approved").execute.is_some());
}

#[test]
fn the_bytes_are_canonical_and_without_free_text() {
    let text = String::from_utf8(proposed(suspend()).bytes().expect("canonical")).expect("UTF-8");
    let expected = r#"{"base":7,"created_at":"1970-01-01T00:16:40Z","data":{"effective_from":"#.to_owned()
        + r#""1970-01-01T00:16:40Z","reason":"R","state":"SUSPENDED","target":"entity","target_id":"#
        + r#""00000000-0000-0000-0000-000000000001"},"expires_at":"1970-01-15T00:16:40Z","#
        + r#""kind":"StatusChanged","proposal":"00000000-0000-0000-0000-000000000009","proposer":1,"#
        + r#""quorum":2,"registry":"did:web:a.example","revision":1,"v":1}"#;
    assert_eq!(text, expected);
    for state in ProposalState::ALL {
        assert_eq!(ProposalState::parse(state.code()), Ok(state));
    }
}
