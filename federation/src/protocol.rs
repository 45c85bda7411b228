//! How registries are asked. One file per protocol; everything is parsed before it leaves this module.

pub mod native;

use async_trait::async_trait;
use charter_domain::{AuthorityId, Query};

use crate::{answer::Answer, budget::Budget};

/// Why a peer's answer cannot be used. Never a no.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("`{0}` is not on loopback and this build has no TLS: refusing to ask in plaintext")]
    Plaintext(String),
    #[error("could not be reached: {0}")]
    Unreachable(String),
    #[error("did not answer in time")]
    Late,
    #[error("answered something that cannot be understood: {0}")]
    Malformed(String),
    #[error("refused the question: {0}")]
    Refused(String),
}

/// A way to ask a peer.
#[async_trait]
pub trait Protocol: Send + Sync {
    /// Asks `authority` at `endpoint`. The answer is not verified here.
    async fn resolve(
        &self,
        endpoint: &str,
        authority: &AuthorityId,
        query: &Query,
        budget: &Budget,
    ) -> Result<Answer, Failure>;

    /// Epochs of authorities at or below `authority`; -1 where one could not be had.
    async fn epochs(
        &self,
        endpoint: &str,
        authority: &AuthorityId,
        paths: &[Vec<AuthorityId>],
    ) -> Result<Vec<i64>, Failure>;
}

/// A way to ask the superior about oneself.
#[async_trait]
pub trait Superior: Send + Sync {
    /// Its statement about `subordinate`, then its own way up to the anchor's configuration.
    async fn way_up(&self, endpoint: &str, subordinate: &AuthorityId) -> Result<Vec<String>, Failure>;
}
