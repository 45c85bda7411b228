//! The table of rights: which role may do what with which measure. `rights.txt` is the same, spelled out.

use crate::{
    measure::Measure,
    staff::{Role, Staff},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    Propose,
    Approve,
    /// Do it at once and alone; it lapses unless it is confirmed.
    Emergency,
    /// Read the proposals and what they are about.
    Read,
}

impl Right {
    pub const ALL: [Self; 4] = [Self::Propose, Self::Approve, Self::Emergency, Self::Read];
}

/// What a measure acts on; rights are given by this.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Records,
    Delegations,
    People,
}

const fn field(measure: Measure) -> Field {
    use Measure as M;
    match measure {
        M::Delegate
        | M::SuspendDelegation
        | M::ReinstateDelegation
        | M::RevokeDelegation
        | M::EndDelegation => Field::Delegations,
        M::Appoint | M::Dismiss => Field::People,
        M::RegisterEntity
        | M::GrantAccreditation
        | M::Authorize
        | M::Recognize
        | M::Suspend
        | M::Reinstate
        | M::Revoke
        | M::RevokeBack
        | M::End
        | M::PublishSchema => Field::Records,
    }
}

struct Rights {
    propose: &'static [Field],
    approve: &'static [Field],
    emergency: bool,
    read: bool,
}

const fn row(propose: &'static [Field], approve: &'static [Field], emergency: bool, read: bool) -> Rights {
    Rights { propose, approve, emergency, read }
}

const fn rights(role: Role) -> Rights {
    use Field::{Delegations, People, Records};
    match role {
        // What they propose, what they approve, whether in an emergency, whether they read.
        Role::Officer => row(&[Records], &[], true, true),
        Role::Approver => row(&[], &[Records, Delegations], false, true),
        Role::SecurityOfficer => row(&[People], &[People], true, true),
        Role::SectorAdmin => row(&[Delegations], &[], false, true),
        Role::Auditor | Role::Operator => row(&[], &[], false, true),
        Role::PeerRegistry => row(&[], &[], false, false),
    }
}

/// An emergency is a suspension of an entity and nothing else, whoever declares it.
pub fn may(role: Role, right: Right, measure: Measure) -> bool {
    let rights = rights(role);
    match right {
        Right::Propose => rights.propose.contains(&field(measure)),
        Right::Approve => rights.approve.contains(&field(measure)),
        Right::Emergency => rights.emergency && measure == Measure::Suspend,
        Right::Read => rights.read,
    }
}

/// The role by which somebody has a right: the first in the order of `Role`, so that records are alike.
pub fn role_for(staff: &Staff, right: Right, measure: Measure) -> Option<Role> {
    staff.roles.iter().copied().find(|role| may(*role, right, measure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(role: Role, measure: Measure) -> String {
        let letters = Right::ALL.into_iter().zip("PAER".chars());
        letters.map(|(right, letter)| if may(role, right, measure) { letter } else { '.' }).collect()
    }

    fn table() -> String {
        let mut text = format!("{:<21}", "");
        for role in Role::ALL {
            text += &format!(" {:<16}", role.code());
        }
        let mut lines = vec![text.trim_end().to_owned()];
        for measure in Measure::ALL {
            let cells: String =
                Role::ALL.into_iter().map(|role| format!(" {:<16}", cell(role, measure))).collect();
            lines.push(format!("{:<21}{cells}", measure.code()).trim_end().to_owned());
        }
        lines.join("\n") + "\n"
    }

    /// P proposes, A approves, E in an emergency, R reads. A change of rights is accepted by copying the table
    /// that the failure prints into `rights.txt`.
    #[test]
    fn rights_are_the_accepted_table() {
        let table = table();
        assert!(table == include_str!("rights.txt"), "rights.txt would now be:\n{table}");
    }
}
