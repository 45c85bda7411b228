//! An authority and those that it has delegated to, as anybody may see them.

use std::time::Duration;

use charter_domain::{AuthorityId, HttpsId, Reason, SpkiPins, Timestamp};

/// Most peers of one page.
pub const MAX_PEERS: usize = 200;
/// Longest text of a scope, in characters.
pub const MAX_SCOPE: usize = 300;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Only the delegation to this authority.
    pub only: Option<AuthorityId>,
    /// Those after this authority, in the order of their ids.
    pub after: Option<AuthorityId>,
    /// Most of them; `MAX_PEERS` where it is absent or larger.
    pub size: Option<usize>,
}

impl Page {
    pub fn size(&self) -> usize {
        self.size.filter(|n| (1..=MAX_PEERS).contains(n)).unwrap_or(MAX_PEERS)
    }
}

/// What an authority says of itself and of its delegations. From another registry none of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    pub authority: AuthorityId,
    pub name: String,
    /// Base URL, as others reach it.
    pub public_url: String,
    pub epoch: i64,
    /// Events that its log has published.
    pub published: i64,
    /// OpenID Federation ids (1.0, 3.1.2: `authority_hints`).
    pub superiors: Vec<HttpsId>,
    pub list: Vec<Peer>,
    /// There are more after the last one.
    pub more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub authority: AuthorityId,
    pub entity_identifier: HttpsId,
    pub endpoint: String,
    /// Of the delegation: active, suspended, revoked, ended, not yet valid or expired.
    pub state: Reason,
    pub valid_until: Option<Timestamp>,
    /// In words, at most `MAX_SCOPE` characters.
    pub scope: String,
    pub answers_as_own: bool,
    /// Keys of TLS that the delegation states.
    pub stated: SpkiPins,
    /// Those that the subordinate announces, as far as its feed has said.
    pub announced: SpkiPins,
    pub heard: Heard,
    /// Its log showed two histories.
    pub doubted: bool,
}

impl Peer {
    /// It is known to announce keys of TLS, and others than the delegation states.
    pub fn announces_others(&self) -> bool {
        let beyond = |keys: &SpkiPins, of: &SpkiPins| keys.iter().any(|key| !of.contains(key));
        let differ = beyond(&self.announced, &self.stated) || beyond(&self.stated, &self.announced);
        !self.announced.is_empty() && differ
    }
}

/// What the superior's process knows of a subordinate's changes, and how lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Of the superior's own process: nothing is polled.
    pub hosted: bool,
    /// -1 where none was heard.
    pub epoch: i64,
    /// -1 where none was heard.
    pub published: i64,
    pub ago: Option<Duration>,
    /// By its feed, which is alive; else its epoch is polled.
    pub fed: bool,
    /// Polls in a row that failed.
    pub failures: u32,
    /// How the last of them failed; empty for none.
    pub last_failure: String,
    /// In how long it is asked again, where it rests.
    pub rests: Option<Duration>,
}
