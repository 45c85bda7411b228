//! An answer: a decision plus what it rests on.

use charter_domain::{AuthorityId, FailingLink, Outcome, Reason, RegistryId, Timestamp};
use serde::Serialize;

/// Who stated it, seen from the asked registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    Direct,
    Delegated,
    /// A recognised peer, or one below it: the question asked for one hop.
    Recognized,
}

impl Basis {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Direct => "DIRECT",
            Self::Delegated => "DELEGATED",
            Self::Recognized => "RECOGNIZED",
        }
    }
}

/// In place of an epoch: what the registry says is not known, so nothing tells when that changes.
pub const UNHEARD: i64 = -1;

/// A registry on the way. `via` leads to it from the asked one (empty: the asked one itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub authority: AuthorityId,
    /// `UNHEARD` where it could not be asked, or could not be believed.
    pub epoch: i64,
    pub reason: Reason,
    pub via: Vec<AuthorityId>,
    /// Entries that its log has published; 0 where it is a registry of this process, which knows better.
    pub published: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub reason: Reason,
    pub basis: Basis,
    pub decided_by: AuthorityId,
    /// Compact JWS, leaf first, up to the asked registry's own statement.
    pub chain: Vec<String>,
    /// Registries asked, the asked one first, then depth first.
    pub path: Vec<Step>,
    pub as_of: Timestamp,
    pub next_change: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub unstated: Vec<String>,
    /// What a person should know: of a negative or an indeterminate answer, and of a recognition that was followed.
    pub detail: String,
    /// Where the way down ends, of an answer for want of another and of one that a delegation out of force makes.
    pub failing: Option<FailingLink>,
    /// Whom to ask instead: subordinates that the superior may not answer for.
    pub referrals: Vec<Referral>,
    /// Registries of this process whose subordinates were not all asked, each with the number of what its feeds said of
    /// them (`local::Lacking`): they are not in the path.
    pub spared: Vec<(RegistryId, i64)>,
    /// A registry below did so. It is not kept longer than that one said.
    pub unlisted: bool,
    /// It stands under an authority of another system, whose accreditations are no links of ours: the chain begins at whoever
    /// they accredit, and this registry's own way up does not continue it.
    pub outside: bool,
}

/// Proof of the event by which a statement was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvidence {
    /// Public bytes of the event.
    pub event: Vec<u8>,
    /// C2SP tlog-proof at the newest checkpoint; empty while it is pending.
    pub log_proof: String,
    /// Signed entity configuration of whose event it is, which names the key of the log.
    pub configuration: String,
}

/// Whom to ask instead of the asked registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Referral {
    #[serde(rename = "authority_id")]
    pub authority: AuthorityId,
    pub endpoint: String,
    /// What the asked registry signed about it.
    #[serde(rename = "subordinate_statement")]
    pub document: Option<String>,
}

impl Answer {
    pub fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }

    /// An answer that rests on nothing but the registry `authority` at `epoch`.
    pub fn of(authority: &AuthorityId, epoch: i64, reason: Reason, at: Timestamp, until: Timestamp) -> Self {
        Self {
            reason,
            basis: Basis::Direct,
            decided_by: authority.clone(),
            chain: Vec::new(),
            path: vec![Step { authority: authority.clone(), epoch, reason, via: Vec::new(), published: 0 }],
            as_of: at,
            next_change: None,
            expires_at: until,
            unstated: Vec::new(),
            detail: String::new(),
            failing: None,
            referrals: Vec::new(),
            spared: Vec::new(),
            unlisted: false,
            outside: false,
        }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The way down ends there, so many links below the registry that answers.
    #[must_use]
    pub fn failing_at(mut self, index: u8, authority: &AuthorityId) -> Self {
        self.failing = Some(FailingLink::new(index, authority));
        self
    }
}
