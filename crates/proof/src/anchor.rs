//! The anchor set: the authorities that a verifier trusts by its own configuration, and their keys.
//!
//! A list in a file (format 1) is trusted because the verifier was given it. Versions that offline keys sign
//! ([`SignedSet`]) are believed by the fingerprint of one, and followed from there ([`Believed`]).

mod believe;
mod fingerprint;
mod refusal;
pub mod signed;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use charter_domain::{AuthorityId, HttpsId, Timestamp};
use charter_signing::JwkSet;
use serde::{Deserialize, Serialize};

pub use self::{
    believe::Believed,
    fingerprint::Fingerprint,
    refusal::Refusal,
    signed::{SignedSet, Terms},
};
use crate::{Error, strict};

/// The format without signatures.
pub const VERSION: u8 = 1;
/// A verifier that pins more has a list of registries, not of anchors.
pub const MAX_ANCHORS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorSet {
    pub version: u8,
    /// Always 1: the verifier's own word.
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

    /// A file of either format. Strict JSON: unknown, doubled and missing members are refused; of a version with
    /// signatures, whatever [`Believed::kept`] refuses.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if signed::has_signatures(json) {
            let kept = Believed::kept(SignedSet::parse(json)?);
            return Ok(Self::of_terms(kept.map_err(|e| Error::AnchorSet(e.to_string()))?.set().terms()));
        }
        strict::parse::<Self>(json).map_err(Error::AnchorSet)?.checked()
    }

    fn of_terms(terms: &Terms) -> Self {
        let (expires, anchors) = (Some(terms.expires), terms.anchors.clone());
        Self { version: VERSION, threshold: 1, expires, anchors }
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
        if (self.version, self.threshold) != (VERSION, 1) {
            let why = "version and threshold must be 1; newer sets need a newer program";
            return Err(Error::AnchorSet(why.to_owned()));
        }
        check_anchors(&self.anchors)?;
        Ok(self)
    }
}

/// One or more, none twice under either name.
fn check_anchors(anchors: &[Anchor]) -> Result<(), Error> {
    if anchors.is_empty() || anchors.len() > MAX_ANCHORS {
        return Err(Error::AnchorSet(format!("it must have 1 to {MAX_ANCHORS} anchors")));
    }
    let mut seen = HashSet::new();
    for anchor in anchors {
        if !seen.insert(anchor.entity_id.as_str()) || !seen.insert(anchor.authority_id.as_str()) {
            return Err(Error::AnchorSet(format!("`{}` stands in it twice", anchor.authority_id)));
        }
    }
    Ok(())
}
