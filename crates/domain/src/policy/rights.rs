//! The table of rights: which role may do what with which measure. `rights.txt` is the same, spelled out, with the
//! actions of `policy::action`.

use crate::{
    measure::Measure,
    policy::action::Power,
    staff::{Role, Staff},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    Propose,
    Approve,
    /// Do it at once and alone; it lapses unless it is confirmed.
    Emergency,
}

impl Right {
    pub const ALL: [Self; 3] = [Self::Propose, Self::Approve, Self::Emergency];
}

/// What a measure acts on; rights are given by this.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Records,
    Delegations,
    People,
    Keys,
}

const fn field(measure: Measure) -> Field {
    use Measure as M;
    match measure {
        M::Delegate
        | M::SuspendDelegation
        | M::ReinstateDelegation
        | M::RevokeDelegation
        | M::EndDelegation
        | M::RenewDelegation
        | M::CorrectDelegation
        | M::JoinSuperior
        | M::LeaveSuperior => Field::Delegations,
        M::Appoint | M::Dismiss | M::Erase | M::SetPolicy | M::BindCredential => Field::People,
        M::RotateKey | M::RetireKey | M::RevokeKey | M::Rehome => Field::Keys,
        M::RegisterEntity
        | M::GrantAccreditation
        | M::Authorize
        | M::Recognize
        | M::Suspend
        | M::Reinstate
        | M::Revoke
        | M::RevokeBack
        | M::End
        | M::PublishSchema
        | M::DeprecateSchema
        | M::DefineCredentialType
        | M::Correct
        | M::CorrectBack
        | M::Renew
        | M::AddEntityKey
        | M::RevokeEntityKey
        | M::RecordEvidence
        | M::OpenProcedure
        | M::HearProcedure
        | M::CloseProcedure
        | M::Stay
        | M::LiftStay
        | M::Overturn => Field::Records,
    }
}

struct Rights {
    propose: &'static [Field],
    approve: &'static [Field],
    emergency: bool,
}

const fn row(propose: &'static [Field], approve: &'static [Field], emergency: bool) -> Rights {
    Rights { propose, approve, emergency }
}

const fn rights(role: Role) -> Rights {
    use Field::{Delegations, Keys, People, Records};
    match role {
        // What they propose, what they approve, whether in an emergency.
        Role::Officer => row(&[Records], &[], true),
        Role::Approver => row(&[], &[Records, Delegations], false),
        Role::SecurityOfficer => row(&[People, Keys], &[People, Keys], true),
        Role::SectorAdmin => row(&[Delegations], &[], false),
        Role::Auditor | Role::Operator | Role::PeerRegistry => row(&[], &[], false),
    }
}

/// An emergency is a suspension of an entity and nothing else, whoever declares it.
pub fn may(role: Role, right: Right, measure: Measure) -> bool {
    let rights = rights(role);
    match right {
        Right::Propose => rights.propose.contains(&field(measure)),
        Right::Approve => rights.approve.contains(&field(measure)),
        Right::Emergency => rights.emergency && measure == Measure::Suspend,
    }
}

/// The role by which somebody has a right: the first in the order of `Role`, so that records are alike. A
/// credential that is limited proposes what it names and decides nothing.
pub fn role_for(staff: &Staff, right: Right, measure: Measure) -> Option<Role> {
    let limited = staff.only.as_ref();
    if limited.is_some_and(|only| right != Right::Propose || !only.contains(&Power::Propose(measure))) {
        return None;
    }
    staff.roles.iter().copied().find(|role| may(*role, right, measure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::action::{self, Action},
        staff::StaffId,
    };

    fn cell(role: Role, measure: Measure) -> String {
        let letters = Right::ALL.into_iter().zip("PAE".chars());
        letters.map(|(right, letter)| if may(role, right, measure) { letter } else { '.' }).collect()
    }

    fn act(role: Role, action: Action) -> &'static str {
        match (action::may(role, action), action.needs_step_up()) {
            (false, _) => ".",
            (true, false) => "Y",
            (true, true) => "S",
        }
    }

    fn line(name: &str, cells: impl Iterator<Item = String>) -> String {
        let cells: String = cells.map(|cell| format!(" {cell:<16}")).collect();
        format!("{name:<22}{cells}").trim_end().to_owned()
    }

    fn table() -> String {
        let roles = || Role::ALL.into_iter();
        let mut lines = vec![line("", roles().map(|r| r.code().to_owned()))];
        lines.extend(Measure::ALL.map(|m| line(m.code(), roles().map(|r| cell(r, m)))));
        lines.extend(Action::ALL.map(|a| line(a.code(), roles().map(|r| act(r, a).to_owned()))));
        lines.join("\n") + "\n"
    }

    /// P proposes, A approves, E in an emergency; Y does, S does after step-up. A change of rights is accepted by
    /// copying the table that the failure prints into `rights.txt`.
    #[test]
    fn rights_are_the_accepted_table() {
        let table = table();
        assert!(table == include_str!("rights.txt"), "rights.txt would now be:\n{table}");
    }

    #[test]
    fn a_limited_credential_proposes_what_it_names_and_decides_nothing() {
        let only = Some([Power::Propose(Measure::Suspend)].into());
        let roles = Role::ALL.into();
        let staff = Staff { id: StaffId(1), roles, service: false, stepped_up: true, only };
        for right in Right::ALL {
            for measure in Measure::ALL {
                let expected = right == Right::Propose && measure == Measure::Suspend;
                assert_eq!(role_for(&staff, right, measure).is_some(), expected, "{right:?} {measure:?}");
            }
        }
    }
}
