//! How registries are asked. One file per protocol; everything is parsed before it leaves this module.

pub mod address;
pub mod ebsi;
pub mod native;
pub mod tls;

use std::{error::Error, io, time::Duration};

use async_trait::async_trait;
use charter_domain::{AuthorityId, Delegation, Query, SpkiPins};

use crate::{
    answer::{Answer, LogEvidence},
    breaker::Resting,
    budget::Budget,
};

/// Where a registry is: -1 where that could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polled {
    pub epoch: i64,
    /// Entries that its log has published.
    pub published: i64,
    /// How long before the question that was heard; zero where it was asked for it.
    pub age: Duration,
}

/// Where a registry answers, and by which keys it is known there in TLS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerEndpoint {
    /// `https`, or `http` on loopback.
    pub url: String,
    /// None: its certificate is checked by who issued it.
    pub pins: SpkiPins,
}

impl From<&Delegation> for PeerEndpoint {
    fn from(delegation: &Delegation) -> Self {
        Self { url: delegation.endpoint.clone(), pins: delegation.tls_spki_sha256.clone() }
    }
}

/// Why a peer's answer cannot be used. Never a no.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    #[error("`{0}` is neither https nor http on loopback without pinned keys: refusing to ask in plaintext")]
    Plaintext(String),
    /// Another answers there, or it is not certified as it must be; or it did not want our certificate.
    #[error("its TLS connection cannot be trusted: {0}")]
    Untrusted(String),
    #[error("could not be reached: {0}")]
    Unreachable(String),
    #[error("did not answer in time")]
    Late,
    #[error("answered something that cannot be understood: {0}")]
    Malformed(String),
    #[error("refused the question: {0}")]
    Refused(String),
    #[error("answered with an error: {0}")]
    Erred(String),
    /// It was not asked: it failed before, and rests.
    #[error("{0}")]
    Resting(Resting),
}

/// A way to ask a peer.
#[async_trait]
pub trait Protocol: Send + Sync {
    /// Asks `authority` at `endpoint`. The answer is not verified here.
    async fn resolve(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        query: &Query,
        budget: &Budget,
    ) -> Result<Answer, Failure>;

    /// Where authorities at or below `authority` are.
    async fn epochs(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        paths: &[Vec<AuthorityId>],
    ) -> Result<Vec<Polled>, Failure>;

    /// Evidence of an event of the authority that `via` leads to from `authority`. It is not verified here.
    async fn log_evidence(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        via: &[AuthorityId],
        seq: i64,
    ) -> Result<LogEvidence, Failure>;

    /// What `authority` states of `peer`, which it recognises or not. Nothing of it is verified here. A protocol that
    /// knows no recognition says so.
    async fn recognitions(
        &self,
        _endpoint: &PeerEndpoint,
        _authority: &AuthorityId,
        _peer: &AuthorityId,
        _within: Duration,
    ) -> Result<Vec<String>, Failure> {
        Err(Failure::Refused("its protocol knows no recognition".to_owned()))
    }
}

/// A way to ask the superior about oneself.
#[async_trait]
pub trait Superior: Send + Sync {
    /// Its statement about `subordinate`, then its own way up to the anchor's configuration.
    async fn way_up(
        &self,
        endpoint: &PeerEndpoint,
        subordinate: &AuthorityId,
    ) -> Result<Vec<String>, Failure>;
}

/// The cause of this type that an `io::Error` among the causes holds: it says who its own cause is in another way.
fn held<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    let mut inner = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref());
    inner.find_map(|cause| cause.downcast_ref::<T>())
}
