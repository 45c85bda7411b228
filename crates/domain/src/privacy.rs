//! About whom or what personal data is held, and is shown or erased together.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Invalid, staff::StaffId};

/// Whose data it is. An entity's is what events and proposals about it say of natural persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataSubject {
    Staff(StaffId),
    Proposal(Uuid),
    Entity(Uuid),
}

impl DataSubject {
    /// As it stands in events: `staff:7`, `proposal:<UUID>`, `entity:<UUID>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad =
            || Invalid::new("subject", "must be `staff:NUMBER`, `proposal:UUID` or `entity:IDENTIFIER`");
        let (kind, id) = text.split_once(':').ok_or_else(bad)?;
        let uuid = || Uuid::parse_str(id).map_err(|_| bad());
        match kind {
            "staff" => {
                let number = id.parse().ok().filter(|n| *n > 0).ok_or_else(bad)?;
                Ok(Self::Staff(StaffId(number)))
            }
            "proposal" => uuid().map(Self::Proposal),
            "entity" => uuid().map(Self::Entity),
            _ => Err(bad()),
        }
    }

    pub const fn kind(self) -> &'static str {
        match self {
            Self::Staff(_) => "staff",
            Self::Proposal(_) => "proposal",
            Self::Entity(_) => "entity",
        }
    }
    pub fn id(self) -> String {
        match self {
            Self::Staff(id) => id.to_string(),
            Self::Proposal(id) | Self::Entity(id) => id.to_string(),
        }
    }
}

impl fmt::Display for DataSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.id())
    }
}

impl Serialize for DataSubject {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DataSubject {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for text in ["staff:7", "entity:00000000-0000-0000-0000-000000000001"] {
            assert_eq!(DataSubject::parse(text).map(|s| s.to_string()).as_deref(), Ok(text));
        }
        for bad in ["", "7", "staff:", "staff:0", "staff:-1", "entity:did:web:a.example", "person:1"] {
            assert_eq!(DataSubject::parse(bad).expect_err(bad).field, "subject");
        }
    }
}
