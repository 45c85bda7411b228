//! People and services who act on a registry: their roles, and how strongly they are signed in.
//!
//! A number stands for each of them; names and accounts are restricted and kept elsewhere.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{Invalid, policy::Power};

/// What someone is appointed as; `policy::rights` says what each may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Officer,
    Approver,
    SecurityOfficer,
    SectorAdmin,
    Auditor,
    PeerRegistry,
    Operator,
}

impl Role {
    pub const ALL: [Self; 7] = [
        Self::Officer,
        Self::Approver,
        Self::SecurityOfficer,
        Self::SectorAdmin,
        Self::Auditor,
        Self::PeerRegistry,
        Self::Operator,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Officer => "OFFICER",
            Self::Approver => "APPROVER",
            Self::SecurityOfficer => "SECURITY_OFFICER",
            Self::SectorAdmin => "SECTOR_ADMIN",
            Self::Auditor => "AUDITOR",
            Self::PeerRegistry => "PEER_REGISTRY",
            Self::Operator => "OPERATOR",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|r| r.code() == text).ok_or_else(|| {
            let codes = Self::ALL.map(Self::code).join(", ");
            Invalid::new("role", format!("must be one of {codes}"))
        })
    }
}

/// The `seq` of the event that appointed them: unique in a registry, and says nothing about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StaffId(pub i64);

impl fmt::Display for StaffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody signed in, as the door established it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub id: StaffId,
    pub roles: BTreeSet<Role>,
    /// A program, not a person: it may propose, never decide.
    pub service: bool,
    /// Signed in a short while ago with a second factor.
    pub stepped_up: bool,
    /// What the credential is limited to, where it is not all that the roles give.
    pub only: Option<BTreeSet<Power>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_written_alike_everywhere() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.code()), Ok(role));
            assert_eq!(serde_json::to_string(&role).expect("JSON"), format!("\"{}\"", role.code()));
        }
        assert_eq!(Role::parse("officer").expect_err("wrong case").field, "role");
        assert_eq!(serde_json::to_string(&StaffId(7)).expect("JSON"), "7");
    }
}
