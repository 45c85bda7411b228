//! Charter's own protocol: gRPC between registries.

mod documents;
mod peers;
mod recognition;
mod resolve;
pub mod sites;
pub mod watch;

use std::{error::Error as _, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use charter_domain::{AuthorityId, Query, SpkiPins, time::Clock};
use charter_proto::charter::federation::v1::{
    self as pb, federation_service_client::FederationServiceClient,
};
use futures::future::BoxFuture;
use moka::sync::Cache;
use tokio::time::Instant;
use tonic::{
    Code, Status,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint, Uri},
};
use tracing::Instrument as _;

use self::{
    resolve::{decode, encode},
    sites::Sites,
};
use super::{
    Failure, PeerEndpoint, Polled, Protocol, Superior,
    address::{self, Lookup},
    tls::{self, Tls},
};
pub use crate::breaker::FAIR;
use crate::{
    answer::{Answer, LogEvidence},
    breaker::{Breakers, Resting},
    budget::{Budget, HOP},
    trace,
};

/// A chain of 8 links with evidence is under 32 KiB; a peer gets no more than this into memory.
const MAX_MESSAGE: usize = 256 * 1024;
/// Characters of a peer's own words about why it refuses.
const MAX_REMARK: usize = 300;

/// How long a connection is kept that nobody asks over: after a rotation nobody does.
const IDLE: Duration = Duration::from_secs(600);

/// For epochs: they are asked for once a second.
const POLL: Duration = Duration::from_millis(800);
/// For the way up, which nobody waits for.
const WAY_UP: Duration = Duration::from_secs(2);

type Client = FederationServiceClient<InterceptedService<Channel, Traced>>;
/// Says in whose trace a call is, when it is made: within the span of the call.
type Traced = fn(tonic::Request<()>) -> Result<tonic::Request<()>, Status>;

/// Connections to peers, one per endpoint and its pinned keys, opened when first used, and which of them rest.
pub struct Native {
    channels: Cache<PeerEndpoint, Channel>,
    tls: Tls,
    lookup: Lookup,
    breakers: Arc<Breakers>,
    /// Where registries answer besides.
    sites: Sites,
    /// Of which the deadline of a question is a time.
    clock: Arc<dyn Clock>,
}

impl Native {
    /// Looks whether `tls` can be used at all; names of peers are looked up by `lookup`.
    pub fn new(tls: Tls, lookup: Lookup, clock: Arc<dyn Clock>) -> Result<Self, String> {
        tls.config(&SpkiPins::default()).map_err(|e| e.to_string())?;
        Ok(Self {
            channels: Cache::builder().max_capacity(1_000).time_to_idle(IDLE).build(),
            tls,
            lookup,
            breakers: Arc::default(),
            sites: Sites::default(),
            clock,
        })
    }

    /// Whether an endpoint rests, since it could not be reached.
    pub fn resting(&self, endpoint: &PeerEndpoint) -> Option<Resting> {
        self.breakers.look(endpoint, Instant::now())
    }

    /// Tries an endpoint of which nothing is heard that should be, before a question waits for it. The doubt ends with
    /// `spoken`, too.
    pub fn doubt(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        spoken: impl Future<Output = ()> + Send + 'static,
    ) {
        self.breakers.doubt(endpoint, || {
            let trial = self.trial(endpoint, authority);
            async move {
                tokio::select! { went = trial => went, () = spoken => Ok(()) }
            }
        });
    }

    /// Asks an endpoint within `given`, unless it rests; remembers whether it could be reached.
    async fn ask<T>(
        &self,
        (endpoint, authority): (&PeerEndpoint, &AuthorityId),
        given: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Failure> {
        let asked = self.breakers.ask(endpoint, given, said(call), || self.trial(endpoint, authority));
        asked.instrument(trace::asking()).await
    }

    /// The cheapest question: the registry's own epoch. In TLS it shows who answers there.
    fn trial(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (client, authority) = (self.client(endpoint), authority.clone());
        async move {
            let message = pb::GetEpochRequest { authorities: vec![pb::AuthorityPath::default()] };
            let request = addressed(timed(message, HOP), &authority);
            said(client?.get_epoch(request)).await.map(drop)
        }
    }

    fn client(&self, to: &PeerEndpoint) -> Result<Client, Failure> {
        let channel = self.channels.try_get_with_by_ref(to, || self.open(to));
        let channel = channel.map_err(|failure| Failure::clone(&failure))?;
        let client = FederationServiceClient::with_interceptor(channel, traced as Traced);
        Ok(client.max_decoding_message_size(MAX_MESSAGE))
    }

    fn open(&self, to: &PeerEndpoint) -> Result<Channel, Failure> {
        let plaintext = || Failure::Plaintext(to.url.clone());
        let uri: Uri = to.url.parse().map_err(|_| plaintext())?;
        let secure = uri.scheme_str() == Some("https");
        // Keys are pinned to be met: over plaintext nobody would.
        let nobody_between = is_loopback(&uri) && to.pins.is_empty();
        if !secure && !nobody_between {
            return Err(plaintext());
        }
        let endpoint = Endpoint::from(uri)
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(5));
        if !secure {
            return Ok(endpoint.connect_lazy());
        }
        let config = self.tls.config(&to.pins).map_err(|e| Failure::Untrusted(e.to_string()))?;
        let (config, lookup) = (Arc::new(config), Arc::clone(&self.lookup));
        let dial = move |uri: Uri| tls::dial(Arc::clone(&config), Arc::clone(&lookup), uri);
        let connector = tower::service_fn(dial);
        Ok(endpoint.connect_with_connector_lazy(connector))
    }
}

/// What came of a call.
async fn said<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Failure> {
    call.await.map(tonic::Response::into_inner).map_err(|status| failure(&status))
}

/// Plaintext is for this machine only.
pub fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    uri.scheme_str() == Some("http")
        && (host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

fn timed<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

fn traced(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
    if let Some(value) = trace::current().and_then(|t| t.parse().ok()) {
        request.metadata_mut().insert("traceparent", value);
    }
    Ok(request)
}

/// A peer's own words. Others read them in answers and in the log: they are short, and steer no terminal.
fn words(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

/// A status with a source was made here, of a connection that failed; the others are what the peer said.
fn failure(status: &Status) -> Failure {
    if let Some(why) = status.source().and_then(tls::fault) {
        return Failure::Untrusted(why);
    }
    if let Some(why) = status.source().and_then(address::fault) {
        return Failure::Unreachable(why);
    }
    let broken = status.source().is_some();
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => Failure::Late,
        Code::InvalidArgument | Code::NotFound | Code::Unimplemented | Code::PermissionDenied => {
            Failure::Refused(words(status.message(), MAX_REMARK))
        }
        code @ (Code::Unavailable | Code::ResourceExhausted) => Failure::Unreachable(format!("{code:?}")),
        code if broken => Failure::Unreachable(format!("{code:?}")),
        code => Failure::Erred(format!("{code:?}")),
    }
}

#[async_trait]
impl Protocol for Native {
    async fn resolve(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        query: &Query,
        budget: &Budget,
    ) -> Result<Answer, Failure> {
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.client(&to)?;
                let request = encode(authority, query, budget, self.clock.now().plus(left));
                let request = timed(request, left);
                self.ask((&to, authority), left, client.resolve(request)).await
            })
        };
        let reply = self.over((endpoint, authority), budget.time_left(), ask).await?;
        decode(reply).map_err(Failure::Malformed)
    }

    async fn epochs(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        paths: &[Vec<AuthorityId>],
    ) -> Result<Vec<Polled>, Failure> {
        let path =
            |p: &Vec<AuthorityId>| pb::AuthorityPath { via: p.iter().map(ToString::to_string).collect() };
        let message = &pb::GetEpochRequest { authorities: paths.iter().map(path).collect() };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let request = addressed(timed(message.clone(), left), authority);
                let mut client = self.client(&to)?;
                self.ask((&to, authority), left, client.get_epoch(request)).await
            })
        };
        let reply = self.over((endpoint, authority), POLL, ask).await?;
        if reply.epochs.len() != paths.len() {
            return Err(Failure::Malformed("another number of epochs than asked".to_owned()));
        }
        // Who has no log says nothing of it.
        let published = reply.published_sizes.into_iter().chain(std::iter::repeat(-1));
        // Who says nothing of ages has asked for all.
        let ages = reply.ages_ms.into_iter().chain(std::iter::repeat(0));
        let polled = reply.epochs.into_iter().zip(published).zip(ages);
        let polled = polled.map(|((epoch, published), age)| Polled {
            epoch,
            published,
            age: Duration::from_millis(age.into()),
        });
        Ok(polled.collect())
    }

    async fn log_evidence(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        via: &[AuthorityId],
        seq: i64,
    ) -> Result<LogEvidence, Failure> {
        let message = &pb::GetLogEvidenceRequest { via: via.iter().map(ToString::to_string).collect(), seq };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.client(&to)?;
                let asked = client.get_log_evidence(addressed(timed(message.clone(), left), authority));
                self.ask((&to, authority), left, asked).await
            })
        };
        let found = self.over((endpoint, authority), HOP, ask).await?.log_evidence;
        let found = found.ok_or_else(|| Failure::Malformed("no evidence".to_owned()))?;
        Ok(LogEvidence { event: found.event, log_proof: found.log_proof, configuration: found.configuration })
    }

    async fn recognitions(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        peer: &AuthorityId,
        within: Duration,
    ) -> Result<Vec<String>, Failure> {
        recognition::shown(self, endpoint, (authority, peer), within).await
    }
}

/// Says which registry is meant, where an endpoint has several.
fn addressed<T>(mut request: tonic::Request<T>, authority: &AuthorityId) -> tonic::Request<T> {
    if let Ok(value) = authority.as_str().parse() {
        request.metadata_mut().insert("charter-registry", value);
    }
    request
}

/// Statements from one registry up to an anchor: as many as a chain may have.
const MAX_UP: usize = 10;

#[async_trait]
impl Superior for Native {
    async fn way_up(
        &self,
        endpoint: &PeerEndpoint,
        subordinate: &AuthorityId,
    ) -> Result<Vec<String>, Failure> {
        let message = &pb::GetSubordinateStatementRequest {
            authority_id: String::new(),
            subordinate_id: subordinate.to_string(),
        };
        let ask = move |to: PeerEndpoint, left: Duration| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let mut client = self.client(&to)?;
                let asked = said(client.get_subordinate_statement(timed(message.clone(), left)));
                tokio::time::timeout(left, asked).await.map_err(|_| Failure::Late)?
            })
        };
        let reply = self.over((endpoint, subordinate), WAY_UP, ask).await?;
        let mut chain = vec![reply.subordinate_statement];
        chain.extend(reply.superior_chain);
        if chain.len() > MAX_UP {
            return Err(Failure::Malformed("its way up is longer than a chain may be".to_owned()));
        }
        Ok(chain)
    }
}

#[cfg(test)]
mod tests;
