//! What a superior needs to know of an event, from its public bytes.

use serde::Deserialize;

use super::{Identifier, STAFF};
use crate::status::State;

/// Kinds that add something, and take no yes away from anybody.
const POSITIVE: [&str; 9] = [
    "AccreditationGranted",
    "EntityKeyAdded",
    "EntityRegistered",
    "EvidenceRecorded",
    "ProcedureClosed",
    "ProcedureHeard",
    "ProcedureOpened",
    "Renewed",
    "StatementMade",
];

/// An event as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub kind: String,
    /// As [`super::Change::subject`] has it.
    pub subject: String,
    /// Of a change of state alone.
    state: Option<State>,
}

#[derive(Deserialize)]
struct Public {
    kind: String,
    subject: String,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    state: Option<State>,
}

impl Told {
    /// `None` for what is no event that this version can read.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let Public { kind, subject, data } = serde_json::from_slice(body).ok()?;
        Some(Self { kind, subject, state: data.state })
    }

    /// All identifiers that an event gives an entity; `None` for an event that gives none.
    pub fn identifiers(&self, body: &[u8]) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct Named {
            data: Names,
        }
        #[derive(Deserialize)]
        struct Names {
            #[serde(default)]
            identifiers: Option<Vec<Identifier>>,
        }
        if !matches!(self.kind.as_str(), "EntityRegistered" | "EntityCorrected") {
            return None;
        }
        // What cannot be read gives unknown ones, which is not the same as none.
        let Ok(Named { data }) = serde_json::from_slice(body) else { return Some(Vec::new()) };
        let values = |list: Vec<Identifier>| list.into_iter().map(|identifier| identifier.value).collect();
        match data.identifiers {
            None if self.kind == "EntityCorrected" => None,
            identifiers => Some(identifiers.map(values).unwrap_or_default()),
        }
    }

    /// Whether it may take a yes away; so does whatever is not known to add only.
    pub fn is_negative(&self) -> bool {
        let reinstated = self.kind == "StatusChanged" && self.state == Some(State::Active);
        !reinstated && self.subject != STAFF && !POSITIVE.contains(&self.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Change, *};

    #[test]
    fn identifiers_are_those_that_an_event_gives() {
        let named =
            |body: &str| Told::parse(body.as_bytes()).and_then(|told| told.identifiers(body.as_bytes()));
        let registered = r#"{"kind":"EntityRegistered","subject":"e","data":{"identifiers":[{"type":"did","value":"a"},{"type":"vat","value":"b"}]}}"#;
        assert_eq!(named(registered), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            named(r#"{"kind":"EntityRegistered","subject":"e","data":{}}"#),
            Some(vec![]),
            "unknown ones"
        );
        assert_eq!(named(r#"{"kind":"EntityCorrected","subject":"e","data":{"country":"FI"}}"#), None);
        assert_eq!(
            named(r#"{"kind":"CredentialTypeDefined","subject":"*","data":{"identifiers":["x"]}}"#),
            None
        );
    }

    #[test]
    fn what_is_not_known_to_add_only_is_negative() {
        for (body, negative) in [
            (r#"{"kind":"StatusChanged","subject":"e","data":{"state":"REVOKED"}}"#, true),
            (r#"{"kind":"StatusChanged","subject":"e","data":{"state":"ACTIVE"}}"#, false),
            (r#"{"kind":"StatementMade","subject":"e","data":{"statement":"authorization"}}"#, false),
            (r#"{"kind":"ProcedureOpened","subject":"e","data":{"state":"REVOKED"}}"#, false),
            (r#"{"kind":"StaffAppointed","subject":"staff","data":{}}"#, false),
            (r#"{"kind":"KeyRevoked","subject":"*","data":{}}"#, true),
            (r#"{"kind":"DelegationMade","subject":"*","data":{}}"#, true),
            (r#"{"kind":"RegistrySealed","subject":"*"}"#, true),
            (r#"{"kind":"Newer","subject":"*","data":{}}"#, true),
        ] {
            assert_eq!(Told::parse(body.as_bytes()).map(|told| told.is_negative()), Some(negative), "{body}");
        }
        assert_eq!(Told::parse(b"nothing"), None);
        assert!(POSITIVE.iter().all(|kind| Change::is_kind(kind)));
    }
}
