//! A delegation: a subordinate authority may speak for a scope, for a time.

use serde::{Deserialize, Serialize};

use crate::{
    AuthorityId, HttpsId, Interval, Invalid, NamingConstraints, Query, Reason, Scope, SpkiPins, Timestamp,
    status::{self, State, Status},
};

/// Deepest chain followed or accepted, in delegations.
pub const MAX_DEPTH: u8 = 8;
/// Longest endpoint, in bytes.
const MAX_ENDPOINT: usize = 2_048;

/// Where another registry answers gRPC, as it arrives. Whether plaintext will do is decided by whoever connects.
///
/// # Errors
/// Names the member `endpoint`.
pub fn endpoint(text: &str) -> Result<String, Invalid> {
    let web = text.starts_with("https://") || text.starts_with("http://");
    if web && text.len() <= MAX_ENDPOINT && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let why = format!("must be an https URL of at most {MAX_ENDPOINT} bytes, or http on loopback");
    Err(Invalid::new("endpoint", why))
}

/// How many registries may follow below a subordinate, as it arrives.
///
/// # Errors
/// Names the member `max_path_length`.
pub fn path_length(given: Option<u32>) -> Result<Option<u8>, Invalid> {
    let fault = |_| Invalid::new("max_path_length", "must be at most 255");
    given.map(u8::try_from).transpose().map_err(fault)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    pub id: i64,
    pub subordinate: AuthorityId,
    pub entity_identifier: HttpsId,
    /// The subordinate's public keys, a JWK set as JSON text.
    pub jwks: String,
    /// Where the subordinate answers gRPC, e.g. `http://127.0.0.1:7210`.
    pub endpoint: String,
    /// Keys by which the subordinate is known in TLS; none: its certificates are checked by who issued them.
    #[serde(default, skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    /// Which names the subordinate and everybody below it may have; empty: any.
    #[serde(default, skip_serializing_if = "NamingConstraints::is_empty")]
    pub naming_constraints: NamingConstraints,
    /// The superior may answer for it; else it refers.
    pub answers_as_own: bool,
    pub valid: Interval,
    #[serde(default)]
    pub statuses: Vec<Status>,
    /// The signed subordinate statement, when one is on file.
    #[serde(default)]
    pub document: Option<String>,
}

impl Delegation {
    /// Whether questions may be passed down at `at`; else the reason the asker is given (cascade).
    pub fn standing(&self, at: Timestamp) -> Result<(), Reason> {
        match status::state_at(&self.statuses, at) {
            State::Active if self.valid.contains(at) => Ok(()),
            State::Active => Err(Reason::AncestorExpired),
            state => Err(state.ancestor_reason()),
        }
    }

    /// Of two delegations to one subordinate, made in this order: which of them says who and where it is at `at`. The
    /// first one while it is in force, else the later one.
    pub fn or_later<'a>(&'a self, later: &'a Self, at: Timestamp) -> &'a Self {
        if self.standing(at).is_ok() { self } else { later }
    }

    /// Of all delegations of a registry, in the order in which they were made: that to `subordinate` which counts at `at`.
    pub fn current<'a>(all: &'a [Self], subordinate: &AuthorityId, at: Timestamp) -> Option<&'a Self> {
        let known = all.iter().filter(|d| d.subordinate == *subordinate);
        known.reduce(|held, later| held.or_later(later, at))
    }

    /// The question lies inside the delegated scope at `at`.
    pub fn covers(&self, query: &Query, at: Timestamp) -> bool {
        self.scope.covers(&query.action, &query.resource, query.context.jurisdiction.as_ref(), at)
    }

    /// Whether it permits a name below it.
    pub fn permits(&self, name: &HttpsId) -> bool {
        self.naming_constraints.is_empty() || self.naming_constraints.permits(name)
    }

    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        [self.valid.next_change(at), status::next_change(&self.statuses, at), self.scope.next_change(at)]
            .into_iter()
            .flatten()
            .min()
    }
}
