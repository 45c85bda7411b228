//! EBSI as a superior: who is accredited in a Trusted Issuers Registry (TIR v5), judged link by link up to a pinned root.
//!
//! Read liberally, as registries in use write; judged in full: of every accreditation the hash, the signature with a key
//! that the accreditor's DID document (DIDR v5) named when it was issued, the role, the validity, and that it gives no
//! more than its accreditor has, by schema, type and jurisdiction. Invariants: nothing is asked but below the configured
//! base; ids are taken from answers and links are not; whatever cannot be judged is a fault, never an accreditation.

mod check;
mod credential;
mod fault;
pub mod rights;
mod walk;
mod wire;

use async_trait::async_trait;
use charter_domain::{AuthorityId, Interval, Timestamp};
use charter_signing::JwkSet;

pub use self::{
    fault::{Clause, Fault},
    rights::Rights,
    walk::judge,
    wire::Role,
};

/// Most accreditations between a subject and the root, both counted.
pub const MAX_LINKS: usize = 8;
/// Requests for one subject.
pub const MAX_REQUESTS: usize = 64;
/// Accreditations looked at side by side: of the subject at once, and of those that one of them names as its ground.
pub const FAN_OUT: usize = 8;
/// Pages of a list that are read; a registry may say for ever that there is a next one.
pub const MAX_PAGES: usize = 20;
/// Bytes of an answer that are read; a credential in it may have `charter_signing::credential::MAX_BYTES`.
pub const MAX_ANSWER: usize = 256 * 1024;

/// An answer over HTTP. Redirects are answers like others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub status: u16,
    pub body: Vec<u8>,
}

/// How documents are had: over https or loopback, bounded in time and in [`MAX_ANSWER`] bytes, no redirect followed.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The answer to a GET that accepts a media type; the error says why there is none.
    async fn get(&self, url: &str, accept: &'static str) -> Result<Fetched, String>;
}

/// A Trusted Issuers Registry as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// What `/trusted-issuers-registry` and `/did-registry` follow, without a slash at its end.
    pub base: String,
    /// The only accreditor that is trusted by itself.
    pub root: AuthorityId,
}

/// What was found of a subject: at least one chain to the root.
#[derive(Debug, Clone)]
pub struct Judged {
    pub subject: AuthorityId,
    /// Keys that the subject's DID document names for assertions now.
    pub keys: JwkSet,
    /// Each of its accreditations that leads to the root.
    pub accredited: Vec<Accredited>,
    /// Why its others do not count.
    pub faults: Vec<Fault>,
}

/// An accreditation of the subject that leads to the root.
#[derive(Debug, Clone)]
pub struct Accredited {
    /// The subject's own first, the root's last.
    pub links: Vec<Link>,
    pub rights: Rights,
    /// It may accredit others (`TAO`, by an accreditation to accredit).
    pub may_accredit: bool,
    /// All links are valid in it.
    pub valid: Interval,
}

/// One accreditation, with what it was verified by: evidence as the registry gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub subject: AuthorityId,
    pub attribute: String,
    pub role: Role,
    pub accreditor: AuthorityId,
    pub signed_at: Timestamp,
    pub valid: Interval,
    /// VC-JWT.
    pub credential: String,
    /// DID document of the accreditor at `signed_at`, as JSON text.
    pub document: String,
}
