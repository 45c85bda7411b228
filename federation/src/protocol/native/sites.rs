//! A registry at several sites: which endpoints it has besides the one that people recorded, and the one place that goes
//! through them.
//!
//! Invariants: the recorded endpoint is always asked first; all are met under the same pinned keys; what a registry says of
//! itself leads to no machine that a name of a peer may not lead to. One that rests costs no time, and is tried again.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use charter_domain::AuthorityId;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, timeout};
use tonic::transport::Uri;

use super::{Native, is_loopback};
use crate::protocol::{Failure, PeerEndpoint, address};

/// Most further endpoints of one registry.
pub const MAX_SITES: usize = 4;
/// Most registries of which they are remembered.
const MOST: usize = 10_000;

/// By whom is asked and at which recorded endpoint: what one says of itself is believed of nobody beside it there.
#[derive(Default)]
pub(super) struct Sites(RwLock<HashMap<Place, Arc<[PeerEndpoint]>>>);

type Place = (AuthorityId, PeerEndpoint);

impl Sites {
    fn of(&self, authority: &AuthorityId, recorded: &PeerEndpoint) -> Arc<[PeerEndpoint]> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(authority.clone(), recorded.clone())).cloned().unwrap_or_default()
    }

    fn put(&self, authority: &AuthorityId, recorded: &PeerEndpoint, list: Vec<PeerEndpoint>) {
        let place = (authority.clone(), recorded.clone());
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if list.is_empty() {
            all.remove(&place);
        } else if all.len() < MOST || all.contains_key(&place) {
            all.insert(place, list.into());
        }
    }
}

/// Endpoints that a registry names itself, as far as they may be asked beside the recorded one, under its keys.
pub fn named(recorded: &PeerEndpoint, urls: &[String]) -> Vec<PeerEndpoint> {
    let mut found: Vec<PeerEndpoint> = Vec::new();
    for url in urls {
        let other = PeerEndpoint { url: url.clone(), pins: recorded.pins.clone() };
        if may_lead(&recorded.url, url) && other != *recorded && !found.contains(&other) {
            found.push(other);
        }
    }
    found.truncate(MAX_SITES);
    found
}

/// People recorded one address; another that the registry names is of the same host, or somewhere over https where names of
/// peers may lead.
fn may_lead(recorded: &str, url: &str) -> bool {
    let (Ok(recorded), Ok(uri)) = (recorded.parse::<Uri>(), url.parse::<Uri>()) else { return false };
    let Some(host) = uri.host() else { return false };
    if uri.scheme_str() != Some("https") {
        return is_loopback(&uri) && is_loopback(&recorded);
    }
    recorded.host() == Some(host) || address::is_far(host)
}

impl Native {
    /// A registry that is recorded at one endpoint answers at these, too.
    pub fn learn(&self, authority: &AuthorityId, recorded: &PeerEndpoint, others: Vec<PeerEndpoint>) {
        self.sites.put(authority, recorded, others);
    }

    /// Where a registry answers besides the endpoint that is recorded.
    pub fn others(&self, authority: &AuthorityId, recorded: &PeerEndpoint) -> Arc<[PeerEndpoint]> {
        self.sites.of(authority, recorded)
    }

    /// Asks a registry within `left`: at the recorded endpoint, and where that fails, or is silent for a third of the time,
    /// at the next, while the first may still answer. An answer is one whatever it says; where nobody answers, the first
    /// failure is told.
    pub(super) async fn over<'a, T: Send>(
        &'a self,
        (recorded, authority): (&'a PeerEndpoint, &'a AuthorityId),
        left: Duration,
        ask: impl Fn(PeerEndpoint, Duration) -> BoxFuture<'a, Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let others = self.sites.of(authority, recorded);
        if others.is_empty() {
            return ask(recorded.clone(), left).await;
        }
        let (end, mut first, mut asked) = (Instant::now() + left, None, FuturesUnordered::new());
        for (n, to) in std::iter::once(recorded).chain(others.iter()).enumerate() {
            let rest = end.saturating_duration_since(Instant::now());
            // After this one come the others from `n` on.
            let awake = others.iter().skip(n).any(|other| self.resting(other).is_none());
            asked.push(ask(to.clone(), rest));
            match timeout(if awake { rest / 3 } else { rest }, answered(&mut asked, &mut first)).await {
                Ok(Some(answer)) => return answer,
                Ok(None) => {}
                Err(_) => self.doubt(to, authority, pending()),
            }
        }
        let rest = end.saturating_duration_since(Instant::now());
        match timeout(rest, answered(&mut asked, &mut first)).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Err(first.unwrap_or(Failure::Late)),
        }
    }
}

type Asked<'a, T> = FuturesUnordered<BoxFuture<'a, Result<T, Failure>>>;

/// The first answer of those who were asked; none once all have failed. The first failure is remembered.
async fn answered<T>(asked: &mut Asked<'_, T>, first: &mut Option<Failure>) -> Option<Result<T, Failure>> {
    while let Some(went) = asked.next().await {
        match went {
            Err(failure) if is_silence(&failure) => {
                first.get_or_insert(failure);
            }
            answer => return Some(answer),
        }
    }
    None
}

/// Nobody answered there that is to be believed.
const fn is_silence(failure: &Failure) -> bool {
    match failure {
        Failure::Plaintext(_)
        | Failure::Untrusted(_)
        | Failure::Unreachable(_)
        | Failure::Late
        | Failure::Resting(_) => true,
        Failure::Malformed(_) | Failure::Refused(_) | Failure::Erred(_) => false,
    }
}

#[cfg(test)]
mod tests;
