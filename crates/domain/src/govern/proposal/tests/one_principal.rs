//! Random sequences of calls: one principal never comes to a permit, more do, and never fewer than the quorum.

use super::*;
use crate::{
    event::{CourtRuled, PolicySet, ProcedureClosed, ProcedureHeard, ProcedureOpened},
    procedure::Ruling,
};

const SEQUENCES: u64 = 100_000;
const CALLS: u64 = 12;

/// SplitMix64: the same sequences every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// One of `principals`, in any set of roles, in any session.
    fn principal(&mut self, principals: u64) -> Staff {
        let held = self.below(1 << Role::ALL.len());
        let roles = (0..).zip(Role::ALL).filter(|(bit, _)| held >> bit & 1 == 1).map(|(_, role)| role);
        let id = StaffId(i64::try_from(self.below(principals)).expect("few"));
        Staff {
            id,
            roles: roles.collect(),
            service: self.below(4) == 0,
            stepped_up: self.below(4) > 0,
            only: None,
        }
    }

    fn change(&mut self) -> Change {
        let roles = [Role::Approver].into();
        match self.below(9) {
            4..=7 => procedure(self.below(5)),
            8 => Change::PolicySet(PolicySet { policy: RegistryPolicy::default() }),
            0 => suspend(),
            1 => revoke_back(),
            2 => Change::StatusChanged(status(TargetKind::Delegation, State::Ended)),
            _ => Change::StaffAppointed(StaffAppointed { roles, service: false }),
        }
    }
}

fn procedure(step: u64) -> Change {
    let entity_id = Uuid::from_u128(1);
    let target = (TargetKind::Entity, entity_id.to_string());
    let ruling = match step {
        0 => {
            return Change::ProcedureOpened(ProcedureOpened {
                target: target.0,
                target_id: target.1,
                entity_id,
                state: State::Revoked,
                reach: None,
                reason: "R".to_owned(),
                legal_basis: "Act 1".to_owned(),
                served_on: NOW,
                reply_by: NOW.plus(LIFETIME),
            });
        }
        1 => return Change::ProcedureHeard(ProcedureHeard { procedure: 1, entity_id, received_on: NOW }),
        2 => {
            let reason = "R".to_owned();
            return Change::ProcedureClosed(ProcedureClosed { procedure: 1, entity_id, reason });
        }
        3 => Ruling::Stayed,
        _ => Ruling::Overturned,
    };
    Change::CourtRuled(CourtRuled {
        decision: 1,
        target: target.0,
        target_id: target.1,
        entity_id: Some(entity_id),
        ruling,
        court: "Court".to_owned(),
        case_number: "1/26".to_owned(),
        from: NOW,
    })
}

#[derive(Default)]
struct Counts {
    proposed: u64,
    amended: u64,
    executed: u64,
}

struct World {
    dice: Dice,
    principals: u64,
    proposal: Option<Proposal>,
    /// The hash of the proposal as it is now.
    over: String,
    counts: Counts,
}

impl World {
    fn call(&mut self) {
        let who = self.dice.principal(self.principals);
        let call = self.dice.below(10);
        let Some(proposal) = self.proposal.take() else { return self.propose(&who) };
        self.proposal = match call {
            0 => Some(self.amend(&who, proposal)),
            1 => proposal.withdraw(&who, "").is_err().then_some(proposal),
            2 => proposal.refuse(&who, "no", NOW).is_err().then_some(proposal),
            _ => self.approve(&who, proposal),
        };
    }

    fn propose(&mut self, who: &Staff) {
        self.proposal = propose(who, self.dice.change()).ok();
        let Some(proposal) = &self.proposal else { return };
        self.over = proposal.hash().expect("hashed");
        self.counts.proposed += 1;
    }

    fn amend(&mut self, who: &Staff, proposal: Proposal) -> Proposal {
        let Ok(amended) = amend(&proposal, who, self.dice.change()) else { return proposal };
        self.over = amended.hash().expect("hashed");
        self.counts.amended += 1;
        amended
    }

    fn approve(&mut self, who: &Staff, mut proposal: Proposal) -> Option<Proposal> {
        let step = proposal.approve(who, REGISTRY, &self.over, proposal.base, NOW);
        let Ok(step) = step else { return Some(proposal) };
        proposal.approvals.push(step.approval);
        if step.execute.is_none() {
            return Some(proposal);
        }
        let approvers = proposal.approvals.iter().map(|a| a.by);
        let persons: BTreeSet<StaffId> = approvers.chain([proposal.proposer]).collect();
        assert!(persons.len() >= usize::from(proposal.quorum), "{proposal:?}");
        self.counts.executed += 1;
        None
    }
}

fn play(principals: u64, sequences: u64) -> Counts {
    let (over, counts) = (String::new(), Counts::default());
    let mut world = World { dice: Dice(1), principals, proposal: None, over, counts };
    for _ in 0..sequences {
        world.proposal = None;
        (0..CALLS).for_each(|_| world.call());
    }
    world.counts
}

#[test]
fn one_principal_with_any_roles_never_comes_to_a_permit() {
    let counts = play(1, SEQUENCES);
    assert_eq!(counts.executed, 0);
    assert!(counts.proposed > SEQUENCES / 2 && counts.amended > 1_000);
}

#[test]
fn two_and_three_principals_do() {
    assert!(play(2, 2_000).executed > 100);
    assert!(play(3, 2_000).executed > 100);
}
