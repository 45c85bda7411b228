//! Entity tags: what a thing was when it was read. A change of it names the tag, so nobody overwrites what they have not
//! seen (RFC 9110, 8.8.3 and 13; AIP-154).
//!
//! Weak, since the two doors render the same thing in other bytes. They are compared weakly in `If-Match` too: what must
//! be the same is the thing.

use charter_domain::{Invalid, policy::Refusal};
use http::{HeaderMap, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Hex digits of a digest that are shown: 64 bits tell the states of one thing apart.
const DIGITS: usize = 16;

/// `core`, or `core.rest`: a decision rests on the core, a copy on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

fn digest<T: Serialize>(content: &T) -> Result<String, Invalid> {
    let bytes = serde_json::to_vec(content).map_err(|e| Invalid::new("etag", e.to_string()))?;
    let text = format!("{:x}", Sha256::digest(bytes));
    Ok(text.chars().take(DIGITS).collect())
}

impl Etag {
    pub fn of<T: Serialize>(content: &T) -> Result<Self, Invalid> {
        Ok(Self(digest(content)?))
    }

    /// A change of `rest` is no reason to refuse a decision about the core.
    pub fn of_two<T: Serialize, U: Serialize>(core: &T, rest: &U) -> Result<Self, Invalid> {
        Ok(Self(format!("{}.{}", digest(core)?, digest(rest)?)))
    }

    /// `W/"x"`, `"x"` or `x`; none for an empty text.
    pub fn parse(text: &str) -> Result<Option<Self>, Invalid> {
        if text.is_empty() {
            return Ok(None);
        }
        let opaque = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
        let good = (1..=64).contains(&opaque.len())
            && opaque.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        if good {
            Ok(Some(Self(opaque.to_owned())))
        } else {
            Err(Invalid::new("etag", "must be one etag, as it was read"))
        }
    }

    fn core(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    pub fn header(&self) -> String {
        format!("W/\"{}\"", self.0)
    }

    /// That a change names this, the present state.
    pub fn expected(&self, named: Option<&Self>) -> Result<(), Refusal> {
        let named = named.ok_or(Refusal::Unseen)?;
        if named.core() == self.core() { Ok(()) } else { Err(Refusal::NotAsSeen) }
    }
}

/// Whether the caller holds this already (`If-None-Match`).
pub fn is_held(headers: &HeaderMap, etag: &str) -> bool {
    let Some(value) = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) else { return false };
    let opaque = |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    value.trim() == "*" || value.split(',').any(|held| opaque(held) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_rests_on_the_core_and_a_copy_on_all() {
        let one = Etag::of_two(&"a", &1).expect("an etag");
        let other = Etag::of_two(&"a", &2).expect("an etag");
        assert_ne!(one, other);
        other.expected(Some(&one)).expect("the same core");
        let changed = Etag::of_two(&"b", &1).expect("an etag");
        assert_eq!(changed.expected(Some(&one)).expect_err("changed"), Refusal::NotAsSeen);
        assert_eq!(changed.expected(None).expect_err("missing"), Refusal::Unseen);
        let parsed = Etag::parse(&one.header()).expect("an etag").expect("not empty");
        assert_eq!(parsed, one);
        assert!(Etag::parse("*").is_err() && Etag::parse("\"a\", \"b\"").is_err());
        assert!(Etag::parse("").expect("absent").is_none());
    }

    #[test]
    fn what_is_held_is_not_sent_again() {
        let held = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, text.parse().expect("ASCII"));
            is_held(&headers, "W/\"ab.cd\"")
        };
        assert!(held("\"ab.cd\"") && held("\"x\", W/\"ab.cd\"") && held("*"));
        assert!(!held("\"ab\"") && !is_held(&HeaderMap::new(), "W/\"ab\""));
    }
}
