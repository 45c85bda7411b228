//! A registry: the records kept for one authority. One deployment holds one or many.

use serde::{Deserialize, Serialize};

use crate::{AuthorityId, HttpsId, Invalid, Timestamp};

/// The tenant key: what row-level security compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistryId(pub i32);

impl std::fmt::Display for RegistryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// `BOOTSTRAP` accepts loading under a token; sealing it (`GOVERNED`) is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    Bootstrap,
    Governed,
}

impl Phase {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Bootstrap => "BOOTSTRAP",
            Self::Governed => "GOVERNED",
        }
    }
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "BOOTSTRAP" => Ok(Self::Bootstrap),
            "GOVERNED" => Ok(Self::Governed),
            _ => Err(Invalid::new("phase", "must be BOOTSTRAP or GOVERNED")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    pub id: RegistryId,
    pub authority: AuthorityId,
    pub entity_identifier: HttpsId,
    /// Short name in URLs: `/r/<slug>`.
    pub slug: String,
    pub name: String,
    pub jurisdiction: String,
    pub phase: Phase,
    /// Questions for earlier instants are refused: nothing is known about them.
    pub history_since: Timestamp,
}
