//! Charter's own protocol: gRPC between registries.

mod peers;
mod recognition;
pub mod watch;

use std::{
    error::Error as _,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use charter_domain::{
    AuthorityId, EvidenceLevel, FailingLink, Kind, Query, Reason, SpkiPins, Timestamp, time::Clock,
};
use charter_proto::charter::federation::v1::{
    self as pb, QueryKind, ResolveMode, federation_service_client::FederationServiceClient,
};
use moka::sync::Cache;
use tokio::time::Instant;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};

use super::{
    Failure, PeerEndpoint, Polled, Protocol, Superior,
    address::{self, Lookup},
    tls::{self, Tls},
};
pub use crate::breaker::FAIR;
use crate::{
    answer::{Answer, Basis, LogEvidence, Referral, Step, UNHEARD},
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

/// Connections to peers, one per endpoint and its pinned keys, opened when first used, and which of them rest.
pub struct Native {
    channels: Cache<PeerEndpoint, Channel>,
    tls: Tls,
    lookup: Lookup,
    breakers: Arc<Breakers>,
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
        self.breakers.ask(endpoint, given, said(call), || self.trial(endpoint, authority)).await
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
            let request = addressed(with_trace(message, HOP), &authority);
            said(client?.get_epoch(request)).await.map(drop)
        }
    }

    fn client(&self, to: &PeerEndpoint) -> Result<FederationServiceClient<Channel>, Failure> {
        let channel = self.channels.try_get_with_by_ref(to, || self.open(to));
        let channel = channel.map_err(|failure| Failure::clone(&failure))?;
        Ok(FederationServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
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

fn with_trace<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    if let Some(value) = trace::current().and_then(|t| t.parse().ok()) {
        request.metadata_mut().insert("traceparent", value);
    }
    request
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
            // Others read it in answers and in the log: it is short, and steers no terminal.
            let text = status.message().chars().filter(|c| !c.is_control()).take(MAX_REMARK);
            Failure::Refused(text.collect())
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
        let left = budget.time_left();
        let mut client = self.client(endpoint)?;
        let request = encode(authority, query, budget, self.clock.now().plus(left));
        let request = with_trace(request, left);
        let reply = self.ask((endpoint, authority), left, client.resolve(request)).await?;
        decode(reply).map_err(Failure::Malformed)
    }

    async fn epochs(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        paths: &[Vec<AuthorityId>],
    ) -> Result<Vec<Polled>, Failure> {
        let mut client = self.client(endpoint)?;
        let path =
            |p: &Vec<AuthorityId>| pb::AuthorityPath { via: p.iter().map(ToString::to_string).collect() };
        let message = pb::GetEpochRequest { authorities: paths.iter().map(path).collect() };
        let left = Duration::from_millis(800);
        let request = addressed(with_trace(message, left), authority);
        let reply = self.ask((endpoint, authority), left, client.get_epoch(request)).await?;
        if reply.epochs.len() != paths.len() {
            return Err(Failure::Malformed("another number of epochs than asked".to_owned()));
        }
        // Who has no log says nothing of it.
        let published = reply.published_sizes.into_iter().chain(std::iter::repeat(-1));
        let polled = reply.epochs.into_iter().zip(published);
        Ok(polled.map(|(epoch, published)| Polled { epoch, published }).collect())
    }

    async fn log_evidence(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        via: &[AuthorityId],
        seq: i64,
    ) -> Result<LogEvidence, Failure> {
        let left = Duration::from_secs(1);
        let message = pb::GetLogEvidenceRequest { via: via.iter().map(ToString::to_string).collect(), seq };
        let mut client = self.client(endpoint)?;
        let asked = client.get_log_evidence(addressed(with_trace(message, left), authority));
        let found = self.ask((endpoint, authority), left, asked).await?.log_evidence;
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
        let left = Duration::from_secs(2);
        let message = pb::GetSubordinateStatementRequest {
            authority_id: String::new(),
            subordinate_id: subordinate.to_string(),
        };
        let mut client = self.client(endpoint)?;
        let asked = client.get_subordinate_statement(with_trace(message, left));
        let reply = tokio::time::timeout(left, asked).await.map_err(|_| Failure::Late)?;
        let reply = reply.map_err(|s| failure(&s))?.into_inner();
        let mut chain = vec![reply.subordinate_statement];
        chain.extend(reply.superior_chain);
        if chain.len() > MAX_UP {
            return Err(Failure::Malformed("its way up is longer than a chain may be".to_owned()));
        }
        Ok(chain)
    }
}

fn encode(
    authority: &AuthorityId,
    query: &Query,
    budget: &Budget,
    deadline: Timestamp,
) -> pb::ResolveRequest {
    let kind = match query.kind {
        Kind::Authorization => QueryKind::Authorization,
        Kind::Recognition => QueryKind::Recognition,
    };
    let since_1970 = Duration::from_micros(deadline.micros().unsigned_abs());
    pb::ResolveRequest {
        registry_id: authority.to_string(),
        kind: kind.into(),
        // Asked of us as a whole: what is below us answers under its own name.
        authority_id: query.authority.to_string(),
        entity_id: query.entity.to_string(),
        action: query.action.to_string(),
        resource: query.resource.to_string(),
        context: context(query),
        mode: ResolveMode::Recurse.into(),
        depth_left: Some(budget.depth_left.into()),
        queries_left: Some(budget.queries_left),
        deadline: Some((SystemTime::UNIX_EPOCH + since_1970).into()),
        visited: budget.visited.iter().map(ToString::to_string).collect(),
        max_staleness_secs: 0,
        min_epoch: 0,
    }
}

fn context(query: &Query) -> std::collections::HashMap<String, String> {
    let c = &query.context;
    let mut members: std::collections::HashMap<String, String> =
        c.conditions.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let own = [
        ("time", c.time.map(|t| t.to_string())),
        ("locator", c.locator.as_ref().map(ToString::to_string)),
        ("jurisdiction", c.jurisdiction.as_ref().map(|j| j.as_str().to_owned())),
        // Epochs are numbers of one registry: `known_at` is not passed on. Nor is `follow_recognition`: one hop.
        ("evidence", (c.evidence != EvidenceLevel::None).then(|| "chain".to_owned())),
    ];
    members.extend(own.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?))));
    members
}

fn time(t: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    t.map(|t| {
        Timestamp::from_micros(t.seconds.saturating_mul(1_000_000).saturating_add(i64::from(t.nanos) / 1_000))
    })
}

fn decode(reply: pb::ResolveResponse) -> Result<Answer, String> {
    if reply.stale {
        return Err("a stale answer, which was not asked for".to_owned());
    }
    let authority = |text: &str| AuthorityId::parse(text).map_err(|e| e.to_string());
    let reason = |code: &str| Reason::parse(code).ok_or_else(|| format!("unknown reason `{code:.64}`"));
    let outcome = reason(&reply.reason)?;
    let step = |s: pb::ResolveStep| {
        Ok(Step {
            authority: authority(&s.authority_id)?,
            // Every registry has an event: whoever says of one that it is nowhere has not heard it.
            epoch: if s.epoch > 0 { s.epoch } else { UNHEARD },
            reason: reason(&s.reason)?,
            via: s.via.iter().map(|v| authority(v)).collect::<Result<_, String>>()?,
            published: s.published_size,
        })
    };
    let referral = |r: pb::Referral| {
        Ok::<_, String>(Referral {
            authority: authority(&r.authority_id)?,
            endpoint: r.endpoint,
            document: Some(r.subordinate_statement).filter(|d| !d.is_empty()),
        })
    };
    let failing = |f: pb::FailingLink| {
        let index = u8::try_from(f.index).map_err(|e| e.to_string())?;
        Ok::<_, String>(FailingLink { index, authority_id: authority(&f.authority_id)? })
    };
    Ok(Answer {
        reason: outcome,
        // Seen from here, whatever it was there.
        basis: Basis::Delegated,
        decided_by: authority(&reply.decided_by)?,
        chain: reply.chain,
        path: reply.path.into_iter().map(step).collect::<Result<_, String>>()?,
        as_of: time(reply.as_of).ok_or("no time")?,
        next_change: time(reply.next_change),
        expires_at: time(reply.expires_at).ok_or("no expiry")?,
        unstated: reply.unstated_conditions,
        detail: reply.detail.chars().take(500).collect(),
        failing: reply.failing_link.map(failing).transpose()?,
        referrals: reply.referrals.into_iter().take(8).map(referral).collect::<Result<_, String>>()?,
        spared: Vec::new(),
        unlisted: reply.unlisted,
    })
}

#[cfg(test)]
mod tests;
