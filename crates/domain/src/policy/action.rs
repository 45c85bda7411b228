//! What staff do besides proposing and deciding: reading, and managing what is no record. Doors and use-cases ask
//! `policy::allow`; no other file looks at a role.

use serde::{Deserialize, Serialize};

use crate::{
    Invalid,
    measure::Measure,
    policy::Refusal,
    staff::{Role, Staff},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read proposals, and what they would change.
    ReadProposals,
    /// Read the events with who, when and why.
    ReadAudit,
    /// Take all of it away as a file.
    ExportAudit,
    /// Read who has read the audit or personal data.
    ReadAccesses,
    /// See what is kept about a natural person.
    ShowPersonalData,
    ManageWebhooks,
    ReadStaff,
    /// Read which keys and certificates services have, never a secret.
    ReadCredentials,
    /// Take a key or a certificate away at once and alone.
    RevokeCredential,
    /// Read the links of this registry to other registries: which logs its witness follows, how far, and which showed
    /// two histories.
    ReadLinks,
    /// Read what other registries have applied for, and their contacts.
    ReadApplications,
    /// Refuse an application. To accept one is to propose a measure, and takes the right to it.
    AnswerApplications,
    /// Let this registry's key sign an application to a superior. It binds nobody: both have their own four eyes.
    Apply,
}

impl Action {
    pub const ALL: [Self; 13] = [
        Self::ReadProposals,
        Self::ReadAudit,
        Self::ExportAudit,
        Self::ReadAccesses,
        Self::ShowPersonalData,
        Self::ManageWebhooks,
        Self::ReadStaff,
        Self::ReadCredentials,
        Self::RevokeCredential,
        Self::ReadLinks,
        Self::ReadApplications,
        Self::AnswerApplications,
        Self::Apply,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::ReadProposals => "READ_PROPOSALS",
            Self::ReadAudit => "READ_AUDIT",
            Self::ExportAudit => "EXPORT_AUDIT",
            Self::ReadAccesses => "READ_ACCESSES",
            Self::ShowPersonalData => "SHOW_PERSONAL_DATA",
            Self::ManageWebhooks => "MANAGE_WEBHOOKS",
            Self::ReadStaff => "READ_STAFF",
            Self::ReadCredentials => "READ_CREDENTIALS",
            Self::RevokeCredential => "REVOKE_CREDENTIAL",
            Self::ReadLinks => "READ_LINKS",
            Self::ReadApplications => "READ_APPLICATIONS",
            Self::AnswerApplications => "ANSWER_APPLICATIONS",
            Self::Apply => "APPLY",
        }
    }

    /// Only in a session that was confirmed with a second factor a short while ago.
    pub const fn needs_step_up(self) -> bool {
        matches!(self, Self::ShowPersonalData | Self::ManageWebhooks | Self::RevokeCredential | Self::Apply)
    }
}

/// The table of actions; `rights.txt` spells it out.
pub const fn may(role: Role, action: Action) -> bool {
    use Action as A;
    match action {
        A::ReadProposals | A::ReadAudit | A::ReadStaff | A::ReadApplications => {
            !matches!(role, Role::PeerRegistry)
        }
        A::AnswerApplications | A::Apply => matches!(role, Role::SectorAdmin),
        A::ExportAudit | A::ReadAccesses => matches!(role, Role::SecurityOfficer | Role::Auditor),
        A::ShowPersonalData | A::RevokeCredential => matches!(role, Role::SecurityOfficer),
        A::ManageWebhooks => matches!(role, Role::Operator),
        A::ReadCredentials => matches!(role, Role::SecurityOfficer | Role::Auditor | Role::Operator),
        A::ReadLinks => true,
    }
}

/// Whether this member of staff, signed in as they are, may do it.
pub fn allow(staff: &Staff, action: Action) -> Result<(), Refusal> {
    let within = staff.only.as_ref().is_none_or(|only| only.contains(&Power::Act(action)));
    if !within || !staff.roles.iter().any(|role| may(*role, action)) {
        return Err(Refusal::Denied);
    }
    if action.needs_step_up() && !staff.stepped_up {
        return Err(Refusal::StepUpNeeded);
    }
    Ok(())
}

/// One thing that a credential may be limited to. It adds nothing to the roles of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Power {
    Propose(Measure),
    Act(Action),
}

impl Power {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Propose(measure) => measure.code(),
            Self::Act(action) => action.code(),
        }
    }
    /// The code of a measure or of an action; no code is both.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let measure = Measure::ALL.into_iter().find(|m| m.code() == text).map(Self::Propose);
        let action = || Action::ALL.into_iter().find(|a| a.code() == text).map(Self::Act);
        measure.or_else(action).ok_or_else(|| {
            Invalid::new("scopes", "must be measures or actions such as `SUSPEND` or `READ_PROPOSALS`")
        })
    }
}

impl TryFrom<String> for Power {
    type Error = Invalid;
    fn try_from(code: String) -> Result<Self, Invalid> {
        Self::parse(&code)
    }
}

impl From<Power> for &'static str {
    fn from(power: Power) -> Self {
        power.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staff::StaffId;

    fn staff(roles: &[Role], stepped_up: bool) -> Staff {
        let roles = roles.iter().copied().collect();
        Staff { id: StaffId(1), roles, service: false, stepped_up, only: None }
    }

    #[test]
    fn step_up_is_asked_for_only_of_who_may() {
        let action = Action::ShowPersonalData;
        assert_eq!(allow(&staff(&[Role::Auditor], true), action), Err(Refusal::Denied));
        assert_eq!(allow(&staff(&[Role::SecurityOfficer], false), action), Err(Refusal::StepUpNeeded));
        assert_eq!(allow(&staff(&[Role::Auditor, Role::SecurityOfficer], true), action), Ok(()));
        assert_eq!(allow(&staff(&[], true), Action::ReadProposals), Err(Refusal::Denied));
    }

    #[test]
    fn a_limit_takes_away_and_adds_nothing() {
        let only = Some([Power::Act(Action::ReadAudit), Power::Act(Action::ManageWebhooks)].into());
        let limited = Staff { only, ..staff(&[Role::Auditor], true) };
        assert_eq!(allow(&limited, Action::ReadAudit), Ok(()));
        assert_eq!(allow(&limited, Action::ReadProposals), Err(Refusal::Denied), "not named");
        assert_eq!(allow(&limited, Action::ManageWebhooks), Err(Refusal::Denied), "not of the role");
    }

    #[test]
    fn a_power_is_written_alike_everywhere_and_never_two_things() {
        for power in Measure::ALL.map(Power::Propose) {
            assert_eq!(Power::parse(power.code()), Ok(power));
        }
        for power in Action::ALL.map(Power::Act) {
            assert_eq!(Power::parse(power.code()), Ok(power));
        }
        assert_eq!(Power::parse("*").expect_err("no wildcard").field, "scopes");
    }
}
