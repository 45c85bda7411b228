//! The kinds of change that people may propose. A change that is no measure comes from nobody's proposal.

use serde::{Deserialize, Serialize};

use crate::Invalid;
#[cfg(feature = "records")]
use crate::{
    Kind,
    event::{Change, StatusChanged},
    procedure::Ruling,
    status::{Reach, State, TargetKind},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Measure {
    RegisterEntity,
    GrantAccreditation,
    Authorize,
    Recognize,
    Suspend,
    Reinstate,
    Revoke,
    /// A revocation that reaches back in time, of whatever target.
    RevokeBack,
    End,
    Delegate,
    SuspendDelegation,
    ReinstateDelegation,
    RevokeDelegation,
    EndDelegation,
    PublishSchema,
    DeprecateSchema,
    DefineCredentialType,
    Appoint,
    Dismiss,
    /// Personal data, for good.
    Erase,
    /// What was recorded wrongly of an entity or accreditation.
    Correct,
    /// A correction that changes identifiers or validity, and with them answers about the past.
    CorrectBack,
    Renew,
    RenewDelegation,
    /// A delegation goes on with a smaller scope, or with what it should have said.
    CorrectDelegation,
    RotateKey,
    RetireKey,
    RevokeKey,
    AddEntityKey,
    RevokeEntityKey,
    RecordEvidence,
    OpenProcedure,
    HearProcedure,
    CloseProcedure,
    Stay,
    LiftStay,
    Overturn,
    SetPolicy,
    BindCredential,
    /// This registry names a superior that has delegated to it.
    JoinSuperior,
    /// This registry speaks under a superior no longer.
    LeaveSuperior,
    /// The registry moves to another deployment, keys and all.
    Rehome,
}

impl Measure {
    pub const ALL: [Self; 42] = [
        Self::RegisterEntity,
        Self::GrantAccreditation,
        Self::Authorize,
        Self::Recognize,
        Self::Suspend,
        Self::Reinstate,
        Self::Revoke,
        Self::RevokeBack,
        Self::End,
        Self::Delegate,
        Self::SuspendDelegation,
        Self::ReinstateDelegation,
        Self::RevokeDelegation,
        Self::EndDelegation,
        Self::PublishSchema,
        Self::DeprecateSchema,
        Self::DefineCredentialType,
        Self::Appoint,
        Self::Dismiss,
        Self::Erase,
        Self::Correct,
        Self::CorrectBack,
        Self::Renew,
        Self::RenewDelegation,
        Self::CorrectDelegation,
        Self::RotateKey,
        Self::RetireKey,
        Self::RevokeKey,
        Self::AddEntityKey,
        Self::RevokeEntityKey,
        Self::RecordEvidence,
        Self::OpenProcedure,
        Self::HearProcedure,
        Self::CloseProcedure,
        Self::Stay,
        Self::LiftStay,
        Self::Overturn,
        Self::SetPolicy,
        Self::BindCredential,
        Self::JoinSuperior,
        Self::LeaveSuperior,
        Self::Rehome,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::RegisterEntity => "REGISTER_ENTITY",
            Self::GrantAccreditation => "GRANT_ACCREDITATION",
            Self::Authorize => "AUTHORIZE",
            Self::Recognize => "RECOGNIZE",
            Self::Suspend => "SUSPEND",
            Self::Reinstate => "REINSTATE",
            Self::Revoke => "REVOKE",
            Self::RevokeBack => "REVOKE_BACK",
            Self::End => "END",
            Self::Delegate => "DELEGATE",
            Self::SuspendDelegation => "SUSPEND_DELEGATION",
            Self::ReinstateDelegation => "REINSTATE_DELEGATION",
            Self::RevokeDelegation => "REVOKE_DELEGATION",
            Self::EndDelegation => "END_DELEGATION",
            Self::PublishSchema => "PUBLISH_SCHEMA",
            Self::DeprecateSchema => "DEPRECATE_SCHEMA",
            Self::DefineCredentialType => "DEFINE_CREDENTIAL_TYPE",
            Self::Appoint => "APPOINT",
            Self::Dismiss => "DISMISS",
            Self::Erase => "ERASE",
            Self::Correct => "CORRECT",
            Self::CorrectBack => "CORRECT_BACK",
            Self::Renew => "RENEW",
            Self::RenewDelegation => "RENEW_DELEGATION",
            Self::CorrectDelegation => "CORRECT_DELEGATION",
            Self::RotateKey => "ROTATE_KEY",
            Self::RetireKey => "RETIRE_KEY",
            Self::RevokeKey => "REVOKE_KEY",
            Self::AddEntityKey => "ADD_ENTITY_KEY",
            Self::RevokeEntityKey => "REVOKE_ENTITY_KEY",
            Self::RecordEvidence => "RECORD_EVIDENCE",
            Self::OpenProcedure => "OPEN_PROCEDURE",
            Self::HearProcedure => "HEAR_PROCEDURE",
            Self::CloseProcedure => "CLOSE_PROCEDURE",
            Self::Stay => "STAY",
            Self::LiftStay => "LIFT_STAY",
            Self::Overturn => "OVERTURN",
            Self::SetPolicy => "SET_POLICY",
            Self::BindCredential => "BIND_CREDENTIAL",
            Self::JoinSuperior => "JOIN_SUPERIOR",
            Self::LeaveSuperior => "LEAVE_SUPERIOR",
            Self::Rehome => "REHOME",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|m| m.code() == text);
        known.ok_or_else(|| Invalid::new("measure", "must be a known measure such as `REGISTER_ENTITY`"))
    }

    /// Persons it takes at least, the proposer included.
    pub const fn quorum(self) -> u8 {
        match self {
            Self::RevokeBack | Self::CorrectBack | Self::SetPolicy => 3,
            _ => 2,
        }
    }

    /// Whether even proposing it takes a sign-in with a second factor.
    pub const fn takes_step_up(self) -> bool {
        matches!(self, Self::RotateKey | Self::RetireKey | Self::RevokeKey | Self::Rehome)
    }

    /// `None` for what nobody may propose: a registry's opening and its sealing, and what one person does at once.
    #[cfg(feature = "records")]
    pub const fn of(change: &Change) -> Option<Self> {
        Some(match change {
            Change::RegistryOpened(_) | Change::RegistrySealed | Change::CredentialRevoked(_) => return None,
            Change::EntityRegistered(_) => Self::RegisterEntity,
            Change::AccreditationGranted(_) => Self::GrantAccreditation,
            Change::StatementMade(s) => match s.statement {
                Kind::Authorization => Self::Authorize,
                Kind::Recognition => Self::Recognize,
            },
            Change::DelegationMade(_) => Self::Delegate,
            Change::StatusChanged(s) => Self::of_status(s),
            Change::SchemaPublished(_) => Self::PublishSchema,
            Change::SchemaDeprecated(_) => Self::DeprecateSchema,
            Change::CredentialTypeDefined(_) => Self::DefineCredentialType,
            Change::StaffAppointed(_) => Self::Appoint,
            Change::StaffDismissed(_) => Self::Dismiss,
            Change::PersonalDataErased(_) => Self::Erase,
            Change::EntityCorrected(e) if e.identifiers.is_some() => Self::CorrectBack,
            Change::AccreditationCorrected(a) if a.changes_validity() => Self::CorrectBack,
            Change::EntityCorrected(_) | Change::AccreditationCorrected(_) => Self::Correct,
            Change::DelegationCorrected(_) => Self::CorrectDelegation,
            Change::Renewed(r) => match r.target {
                TargetKind::Delegation => Self::RenewDelegation,
                _ => Self::Renew,
            },
            Change::KeyAdded(_) => Self::RotateKey,
            Change::KeyRetired(_) => Self::RetireKey,
            Change::KeyRevoked(_) => Self::RevokeKey,
            Change::EntityKeyAdded(_) => Self::AddEntityKey,
            Change::EntityKeyRevoked(_) => Self::RevokeEntityKey,
            Change::EvidenceRecorded(_) => Self::RecordEvidence,
            Change::ProcedureOpened(_) => Self::OpenProcedure,
            Change::ProcedureHeard(_) => Self::HearProcedure,
            Change::ProcedureClosed(_) => Self::CloseProcedure,
            Change::CourtRuled(r) => match r.ruling {
                Ruling::Stayed => Self::Stay,
                Ruling::StayLifted => Self::LiftStay,
                Ruling::Overturned => Self::Overturn,
            },
            Change::PolicySet(_) => Self::SetPolicy,
            Change::CredentialBound(_) => Self::BindCredential,
            Change::SuperiorJoined(_) => Self::JoinSuperior,
            Change::SuperiorLeft(_) => Self::LeaveSuperior,
            Change::RehomeAllowed(_) => Self::Rehome,
        })
    }

    #[cfg(feature = "records")]
    const fn of_status(change: &StatusChanged) -> Self {
        let reaches_back = matches!(change.reach, Some(Reach::From | Reach::AbInitio));
        match (change.state, matches!(change.target, TargetKind::Delegation)) {
            (State::Revoked, _) if reaches_back => Self::RevokeBack,
            (State::Active, false) => Self::Reinstate,
            (State::Suspended, false) => Self::Suspend,
            (State::Revoked, false) => Self::Revoke,
            (State::Ended, false) => Self::End,
            (State::Active, true) => Self::ReinstateDelegation,
            (State::Suspended, true) => Self::SuspendDelegation,
            (State::Revoked, true) => Self::RevokeDelegation,
            (State::Ended, true) => Self::EndDelegation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_written_alike_everywhere() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.code()), Ok(measure));
            assert_eq!(serde_json::to_string(&measure).expect("JSON"), format!("\"{}\"", measure.code()));
        }
    }

    #[cfg(feature = "records")]
    #[test]
    fn a_status_is_named_by_its_target_and_reach() {
        let measure = |target, state, reach| {
            let at = crate::Timestamp::from_secs(0);
            let plain = StatusChanged::plain(target, "1".to_owned(), state, at, "R".to_owned());
            Measure::of(&Change::StatusChanged(StatusChanged { reach, ..plain }))
        };
        let (entity, delegation) = (TargetKind::Entity, TargetKind::Delegation);
        assert_eq!(measure(TargetKind::Statement, State::Active, None), Some(Measure::Reinstate));
        assert_eq!(measure(TargetKind::Accreditation, State::Ended, None), Some(Measure::End));
        assert_eq!(measure(entity, State::Revoked, Some(Reach::Prospective)), Some(Measure::Revoke));
        assert_eq!(measure(entity, State::Revoked, Some(Reach::From)), Some(Measure::RevokeBack));
        assert_eq!(measure(delegation, State::Revoked, Some(Reach::AbInitio)), Some(Measure::RevokeBack));
        assert_eq!(measure(delegation, State::Revoked, None), Some(Measure::RevokeDelegation));
        assert_eq!(Measure::of(&Change::RegistrySealed), None);
    }
}
