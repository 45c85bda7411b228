//! From a DID to its document: made from the DID itself, kept from before, or fetched once for all who ask.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use charter_domain::Timestamp;
use futures::future::BoxFuture;
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::{Did, Document, Fault, Method, Site, generative};

/// How long a document is believed, and for how long it is not asked for again where there is none, or no answer.
const FOUND: Duration = Duration::from_secs(300);
const NONE: Duration = Duration::from_secs(30);
/// Also the shortest time between two requests for one document, whatever is asked.
const FAILED: Duration = Duration::from_secs(1);
/// Bytes of memory of documents that are kept, about.
const KEPT: u64 = 32 * 1024 * 1024;
/// What an entry takes besides its document.
const ENTRY: usize = 512;
/// Documents that are fetched at once.
const HANDS: usize = 32;

const ANY: &str = "application/did+ld+json, application/did+json, application/json;q=0.9";
/// EBSI's registry answers 406 to `application/json`.
const EBSI: &str = "application/did+ld+json";

/// One GET. The other end bounds it in time and to 64 KiB, follows no redirect, and sees where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub url: String,
    pub accept: &'static str,
}

/// Why there is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfetched {
    /// 404
    Absent,
    /// 410
    Gone,
    /// Anything else: it is not known whether there is one.
    Failed,
}

/// How a document is fetched: the body of a 200.
pub type Fetch = Arc<dyn Fn(Wanted) -> BoxFuture<'static, Result<Bytes, Unfetched>> + Send + Sync>;

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Base URL of an EBSI DID registry (v5 or later), without a slash at its end; none: did:ebsi is not resolved.
    pub ebsi_registry: Option<String>,
    /// A did:web may have a port, which is reached by http: for tests and demonstrations.
    pub loopback: bool,
}

/// Resolution options (W3C DID Resolution, 4.1) that are understood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `versionTime`: as it was then.
    pub version_time: Option<Timestamp>,
    /// `noCache`: not what was kept, unless it was fetched a second ago.
    pub no_cache: bool,
}

type Found = Result<Arc<Document>, Fault>;
/// The DID, and as of when.
type Asked = (String, Option<Timestamp>);

#[derive(Clone)]
struct Kept {
    found: Found,
    weight: usize,
    fetched: Timestamp,
    until: Timestamp,
}

impl Kept {
    fn serves(&self, now: Timestamp, no_cache: bool) -> bool {
        let young = now.since(self.fetched) < FAILED;
        self.fetched <= now && now < self.until && (young || !no_cache)
    }
}

pub struct Resolver {
    fetch: Fetch,
    settings: Settings,
    kept: Cache<Asked, Kept>,
    hands: Semaphore,
}

impl Resolver {
    pub fn new(settings: Settings, fetch: Fetch) -> Self {
        let weigh = |asked: &Asked, kept: &Kept| {
            u32::try_from(asked.0.len() + kept.weight + ENTRY).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().weigher(weigh).max_capacity(KEPT).build();
        Self { fetch, settings, kept, hands: Semaphore::new(HANDS) }
    }

    /// The document of a DID, at most five minutes old at `now`.
    ///
    /// # Errors
    /// As [`Fault`] says; [`Fault::Unreachable`] is no statement about the DID.
    pub async fn resolve(&self, did: &Did, options: Options, now: Timestamp) -> Found {
        let wanted = match did.method() {
            Method::Key | Method::Jwk | Method::Web(_) if options.version_time.is_some() => {
                return Err(Fault::FeatureNotSupported("`versionTime` is answered for did:ebsi alone"));
            }
            Method::Key => return generative::key(did).map(Arc::new),
            Method::Jwk => return generative::jwk(did).map(Arc::new),
            Method::Web(site) => self.web(site)?,
            Method::Ebsi => self.ebsi(did, options.version_time)?,
            Method::Other => return Err(Fault::MethodNotSupported),
        };
        let asked = (did.as_str().to_owned(), options.version_time);
        let stale = |kept: &Kept| !kept.serves(now, options.no_cache);
        let entry = self.kept.entry(asked).or_insert_with_if(self.fetched(did, wanted, now), stale).await;
        entry.into_value().found
    }

    fn web(&self, site: &Site) -> Result<Wanted, Fault> {
        if site.port.is_some() && !self.settings.loopback {
            return Err(Fault::InvalidDid("must have no port"));
        }
        Ok(Wanted { url: site.url(), accept: ANY })
    }

    fn ebsi(&self, did: &Did, at: Option<Timestamp>) -> Result<Wanted, Fault> {
        let base = self.settings.ebsi_registry.as_ref().ok_or(Fault::MethodNotSupported)?;
        let mut url = format!("{base}/identifiers/{}", did.as_str());
        if let Some(at) = at {
            url = format!("{url}?valid-at={at}");
        }
        Ok(Wanted { url, accept: EBSI })
    }

    async fn fetched(&self, did: &Did, wanted: Wanted, now: Timestamp) -> Kept {
        let body = match self.hands.acquire().await {
            Ok(_hand) => (self.fetch)(wanted).await,
            Err(_) => Err(Unfetched::Failed),
        };
        let found = match body {
            Ok(body) => Document::parse(did.as_str(), &body).map(Arc::new),
            Err(Unfetched::Absent) => Err(Fault::NotFound),
            Err(Unfetched::Gone) => Err(Fault::Deactivated),
            Err(Unfetched::Failed) => Err(Fault::Unreachable),
        };
        let for_how_long = match &found {
            Ok(_) => FOUND,
            Err(Fault::Unreachable) => FAILED,
            Err(_) => NONE,
        };
        let weight = found.as_ref().map_or(0, |document| document.weight());
        Kept { found, weight, fetched: now, until: now.plus(for_how_long) }
    }
}

#[cfg(test)]
mod tests;
