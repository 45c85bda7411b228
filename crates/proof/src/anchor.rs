//! The anchor set: the authorities that a verifier trusts by its own configuration, and their keys.

use std::collections::HashSet;

use charter_domain::{AuthorityId, HttpsId, Timestamp};
use charter_signing::JwkSet;
use serde::{Deserialize, Serialize};

use crate::{Error, strict};

/// The only format so far: one list, trusted because the verifier was given the file.
pub const VERSION: u8 = 1;
/// A verifier that pins more has a list of registries, not of anchors.
pub const MAX_ANCHORS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorSet {
    pub version: u8,
    /// How many keys must have signed a new set; room for rotation, 1 until that exists.
    pub threshold: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    pub anchors: Vec<Anchor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    pub authority_id: AuthorityId,
    pub entity_id: HttpsId,
    pub jwks: JwkSet,
}

impl AnchorSet {
    pub fn new(anchors: Vec<Anchor>, expires: Option<Timestamp>) -> Result<Self, Error> {
        Self { version: VERSION, threshold: 1, expires, anchors }.checked()
    }

    /// Strict JSON: unknown, doubled and missing members are refused.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        strict::parse::<Self>(json).map_err(Error::AnchorSet)?.checked()
    }

    /// Indented, because people read and compare this file.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|e| Error::AnchorSet(e.to_string()))
    }

    pub fn find(&self, entity_id: &HttpsId) -> Option<&Anchor> {
        self.anchors.iter().find(|a| a.entity_id == *entity_id)
    }

    /// A set without an expiry lasts until it is replaced.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|e| e <= now)
    }

    fn checked(self) -> Result<Self, Error> {
        let refused = |why: String| Err(Error::AnchorSet(why));
        if (self.version, self.threshold) != (VERSION, 1) {
            return refused("version and threshold must be 1; newer sets need a newer program".to_owned());
        }
        if self.anchors.is_empty() || self.anchors.len() > MAX_ANCHORS {
            return refused(format!("it must have 1 to {MAX_ANCHORS} anchors"));
        }
        let mut seen = HashSet::new();
        for anchor in &self.anchors {
            if !seen.insert(anchor.entity_id.as_str()) || !seen.insert(anchor.authority_id.as_str()) {
                return refused(format!("`{}` stands in it twice", anchor.authority_id));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Party;

    fn set() -> AnchorSet {
        let root = Party::new("root");
        let expires = Timestamp::parse("2030-01-01T00:00:00Z").expect("a time");
        AnchorSet::new(vec![root.anchor()], Some(expires)).expect("a set")
    }

    #[test]
    fn the_file_round_trips_and_is_strict() {
        let json = set().to_json().expect("JSON");
        assert_eq!(AnchorSet::parse(json.as_bytes()).expect("its own JSON").to_json().expect("JSON"), json);
        for (from, to) in [
            ("\"version\": 1", "\"version\": 2"),
            ("\"version\": 1", "\"version\": 1.0"),
            ("\"version\": 1", "\"version\": 1, \"version\": 1"),
            ("\"version\": 1", "\"version\": 1, \"more\": 1"),
            ("\"threshold\": 1,", ""),
            ("\"threshold\": 1", "\"threshold\": 2"),
            ("\"2030-01-01T00:00:00Z\"", "null"),
            ("\"2030-01-01T00:00:00Z\"", "1893456000"),
        ] {
            assert!(json.contains(from), "{from}");
            assert!(AnchorSet::parse(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn none_and_an_anchor_twice_are_refused() {
        let anchor = Party::new("root").anchor();
        assert!(AnchorSet::new(Vec::new(), None).is_err());
        assert!(AnchorSet::new(vec![anchor.clone(), anchor], None).is_err());
    }
}
