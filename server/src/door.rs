//! The outermost layer of both doors, one and lean, in this order: rate limit, which registry is meant, deadline,
//! trace context, the door itself, request id and CORS on the way out, metrics.

mod admission;
pub(crate) mod held;
mod logged;
pub(crate) mod request_id;
mod timeout;

use std::{convert::Infallible, future::Future, net::IpAddr, pin::Pin, sync::Arc, task::Poll};

use axum::body::Body;
use charter_domain::{Kind, Query, RegistryId, spki::SpkiSha256};
use charter_federation::{Budget, budget::MAX_DEADLINE, trace};
use charter_proto::trqp::v2::trust_registry_query_service_server::TrustRegistryQueryServiceServer;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::{Service as _, ServiceExt};
use tracing::Instrument as _;

use self::request_id::RequestId;
use crate::{
    App, Error,
    app::query::Asked,
    config::{
        Listener,
        listener::{ClientAuth, Service},
    },
    error::{Code, STEP_UP},
    grpc,
    limit::network,
    rest::{self, authzen},
    telemetry::{requests, traces},
    trail::notes::Note,
};

/// Response headers that a browser's script may read.
const EXPOSED: &str = "ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";

/// The registry a request is for, and until when it may be answered: put into its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Here {
    pub registry: RegistryId,
    /// SHA-256 of the public key (SPKI) of the client certificate that TLS verified.
    pub certificate: Option<SpkiSha256>,
    pub deadline: Instant,
    /// Whose connection it is.
    pub peer: IpAddr,
    /// The limit of all requests is nearly used up.
    pub strained: bool,
}

impl Here {
    /// A question of this request, for which nobody needs to sign in.
    pub fn asks(&self, query: Query) -> Asked {
        let budget = Budget { deadline: self.deadline, ..Budget::fresh(Instant::now()) };
        let (anonymous, strained) = (self.certificate.is_none(), self.strained);
        Asked { anonymous, strained, ..Asked::new(self.registry, query, budget) }
    }
}

struct Inner {
    app: Arc<App>,
    registry: RegistryId,
    rest: axum::Router,
    grpc: axum::Router,
    /// For single questions, and for batches.
    trqp: [TrustRegistryQueryServiceServer<grpc::Doorway>; 2],
    public: bool,
    /// Registries that are known by their keys have it for themselves.
    for_peers: bool,
    requests: requests::Requests,
    challenge: HeaderValue,
}

#[derive(Clone)]
pub struct Door {
    inner: Arc<Inner>,
    peer: IpAddr,
    certificate: Option<SpkiSha256>,
}

impl Door {
    pub fn new(app: &Arc<App>, listener: &Listener, registry: RegistryId) -> Self {
        Self {
            inner: Arc::new(Inner {
                registry,
                rest: rest::router(app, listener),
                grpc: grpc::router(app, listener),
                trqp: grpc::trqp_services(app),
                public: listener.offers(Service::Public),
                for_peers: listener.client_auth() == ClientAuth::Pinned,
                requests: requests::Requests::default(),
                challenge: HeaderValue::try_from(app.oidc.challenge())
                    .unwrap_or_else(|_| HeaderValue::from_static(STEP_UP)),
                app: Arc::clone(app),
            }),
            peer: IpAddr::from([127, 0, 0, 1]),
            certificate: None,
        }
    }

    pub fn for_peer(mut self, peer: IpAddr, certificate: Option<SpkiSha256>) -> Self {
        self.peer = peer;
        self.certificate = certificate;
        self
    }
}

impl hyper::service::Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (inner, from) = (Arc::clone(&self.inner), (self.peer, self.certificate));
        Box::pin(async move { Ok(handle(&inner, from, request.map(Body::new)).await) })
    }
}

/// For tests and tools that call the door without a socket.
impl tower::Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (inner, from) = (Arc::clone(&self.inner), (self.peer, self.certificate));
        Box::pin(async move { Ok(handle(&inner, from, request).await) })
    }
}

/// Who a connection is from, and with which certificate.
type Origin = (IpAddr, Option<SpkiSha256>);

async fn handle(inner: &Inner, from: Origin, request: Request<Body>) -> Response<Body> {
    let is_grpc = is_grpc(request.headers());
    let asked = asked(inner, &request, is_grpc);
    let (span, id) = (traces::begin(request.headers(), asked), RequestId::of(request.headers()));
    let answered = answered(inner, from, request, (is_grpc, asked, id.clone()));
    match span {
        None => id.scope(answered).await,
        Some(span) => id.scope(answered.instrument(span)).await,
    }
}

async fn answered(
    inner: &Inner,
    from: Origin,
    mut request: Request<Body>,
    (is_grpc, asked, id): (bool, requests::Asked, RequestId),
) -> Response<Body> {
    let started = std::time::Instant::now();
    let mut registry = inner.registry;
    let prepared = prepare(inner, from, &mut request, &mut registry);
    let path = tracing::enabled!(target: "charter::access", tracing::Level::DEBUG)
        .then(|| logged::path(&request, is_grpc));
    let mut response = match prepared {
        Err(error) => {
            let limited = error.code == Code::RateLimited;
            let mut response = refuse(error, is_grpc);
            if limited {
                admission::say_limits(&mut response, &inner.app, from);
            }
            response
        }
        Ok(here) => {
            request.extensions_mut().insert(here);
            let traceparent = request.headers().get("traceparent").and_then(|v| v.to_str().ok());
            let traceparent = traceparent.filter(|t| trace::is_valid(t)).map(str::to_owned);
            if traceparent.is_some() {
                trace::scoped(traceparent, route(inner, request, is_grpc, here)).await
            } else {
                route(inner, request, is_grpc, here).await
            }
        }
    };
    let failed = is_failure(&response);
    let headers = response.headers_mut();
    if !is_grpc {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    if let Some(id) = id.told(failed) {
        headers.insert(request_id::NAME, id);
    }
    if let Some(path) = path {
        tracing::debug!(
            target: "charter::access",
            grpc = is_grpc,
            http.path = %path,
            http.status = response.status().as_u16(),
            duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            request.id = id.logged(),
            "answered"
        );
    }
    if let Some((kind, what)) = inner.requests.record(asked, &response, started.elapsed()) {
        let (what, from) = (what.to_owned(), network(from.0).to_string());
        inner.app.notes.add(Note { registry, kind, what, from }, inner.app.clock.now());
    }
    response
}

/// Whether something went wrong here, as either door says it.
fn is_failure(response: &Response<Body>) -> bool {
    let status = response.headers().get("grpc-status").map(HeaderValue::as_bytes);
    let codes =
        [tonic::Code::Unknown, tonic::Code::Internal, tonic::Code::Unavailable, tonic::Code::DataLoss];
    response.status().is_server_error()
        || status.is_some_and(|status| codes.contains(&tonic::Code::from_bytes(status)))
}

/// What goes straight to its handler: these carry nearly all requests.
enum Straight {
    Trqp(Kind),
    AuthZen,
}

impl Straight {
    const fn route(&self) -> &'static str {
        match self {
            Self::Trqp(Kind::Authorization) => "/authorization",
            Self::Trqp(Kind::Recognition) => "/recognition",
            Self::AuthZen => authzen::EVALUATION,
        }
    }
}

/// For the metrics.
fn asked(inner: &Inner, request: &Request<Body>, is_grpc: bool) -> requests::Asked {
    let path = request.uri().path();
    if is_grpc {
        requests::Asked::rpc(path)
    } else {
        requests::Asked::http(request.method(), straight(inner, path).map(|straight| straight.route()))
    }
}

fn straight(inner: &Inner, path: &str) -> Option<Straight> {
    match path {
        "/authorization" if inner.public => Some(Straight::Trqp(Kind::Authorization)),
        "/recognition" if inner.public => Some(Straight::Trqp(Kind::Recognition)),
        authzen::EVALUATION if inner.public => Some(Straight::AuthZen),
        _ => None,
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"))
}

/// Whose request it is stands in `of` also where it is refused.
fn prepare(
    inner: &Inner,
    from: Origin,
    request: &mut Request<Body>,
    of: &mut RegistryId,
) -> Result<Here, Error> {
    let known = admission::admit(&inner.app, from)?;
    let registry = meant(inner, request)?;
    *of = registry;
    if inner.for_peers {
        // Its path is now what it will be routed by.
        admission::authorize(known.as_ref(), request.uri().path())?;
    }
    held::open(&inner.app, registry, request.uri().path())?;
    let wish = request.headers().get("grpc-timeout").and_then(|v| timeout::parse(v.as_bytes()));
    let limit = wish.map_or(inner.app.config.limits.deadline(), |w| w.min(MAX_DEADLINE));
    if limit.is_zero() {
        return Err(Error::new(Code::DeadlineExceeded, "the deadline had passed when the request came"));
    }
    let (deadline, (peer, certificate)) = (Instant::now() + limit, from);
    // What others send is no strain for a known registry.
    let strained = known.is_none() && inner.app.limiter.strained();
    Ok(Here { registry, certificate, deadline, peer, strained })
}

/// The listener's registry, unless the request says another of this process: by `/r/<slug>`, by metadata
/// `charter-registry`, or by the host of its https identifier.
fn meant(inner: &Inner, request: &mut Request<Body>) -> Result<RegistryId, Error> {
    let hosted = &inner.app.hosted;
    if let Some(rest) = request.uri().path().strip_prefix("/r/") {
        let (slug, path) = rest.split_once('/').unwrap_or((rest, ""));
        let found = hosted.by_slug(slug).ok_or_else(|| Error::not_found("registry", slug))?;
        let path = match request.uri().query() {
            Some(query) => format!("/{path}?{query}"),
            None => format!("/{path}"),
        };
        *request.uri_mut() =
            path.parse::<Uri>().map_err(|_| Error::new(Code::Invalid, "the path is not a URI"))?;
        return Ok(found);
    }
    if let Some(named) = request.headers().get("charter-registry") {
        let found = named.to_str().ok().and_then(|a| hosted.by_authority(a));
        return found
            .ok_or_else(|| Error::new(Code::NotFound, "`charter-registry` names no registry served here"));
    }
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
    Ok(host.and_then(|h| hosted.by_host(h)).unwrap_or(inner.registry))
}

/// Methods that end by themselves.
const UNTIMED: [&str; 2] =
    ["/charter.registry.v1.ImportService/ImportRecords", "/charter.registry.v1.LogService/GetReceipt"];

async fn route(inner: &Inner, request: Request<Body>, is_grpc: bool, here: Here) -> Response<Body> {
    if is_grpc {
        // Importing streams for longer than a question may take, and who waits for a receipt says how long; every
        // other call has a deadline.
        if UNTIMED.iter().any(|method| request.uri().path() == *method) {
            return sized(into(inner.grpc.clone().oneshot(request).await));
        }
        // Straight to the service, as over REST: see `straight`.
        let question = request.uri().path().strip_prefix(grpc::TRQP).filter(|_| inner.public);
        if let Some(method) = question {
            let call = inner.trqp[usize::from(method.starts_with("Batch"))].clone().call(request);
            return within(here, async { call.await.map(|r| r.map(Body::new)) }).await;
        }
        return challenged(inner, within(here, inner.grpc.clone().oneshot(request)).await);
    }
    if request.method() == Method::OPTIONS {
        return preflight();
    }
    match straight(inner, request.uri().path()) {
        Some(Straight::Trqp(kind)) => return rest::trqp::answer(kind, &inner.app, &here, request).await,
        Some(Straight::AuthZen) => return authzen::answer(&inner.app, &here, request).await,
        None => {}
    }
    challenged(inner, into(inner.rest.clone().oneshot(request).await))
}

/// Says which sign-in would do.
fn challenged(inner: &Inner, mut response: Response<Body>) -> Response<Body> {
    if let Some(challenge) = response.headers_mut().get_mut(header::WWW_AUTHENTICATE)
        && challenge == STEP_UP
    {
        *challenge = inner.challenge.clone();
    }
    response
}

/// A gRPC call, ended at its deadline.
async fn within(
    here: Here,
    call: impl Future<Output = Result<Response<Body>, Infallible>>,
) -> Response<Body> {
    match tokio::time::timeout_at(here.deadline, call).await {
        Ok(response) => sized(into(response)),
        Err(_) => refuse(Error::new(Code::DeadlineExceeded, "the deadline has passed"), true),
    }
}

/// tonic's own answer to a message over the limit has a code that says something else, and no reason. Nothing of
/// ours says OUT_OF_RANGE.
fn sized(response: Response<Body>) -> Response<Body> {
    if response.headers().get(tonic::Status::GRPC_STATUS).is_none_or(|status| status != "11") {
        return response;
    }
    refuse(Error::new(Code::TooLarge, "the message is larger than this method takes"), true)
}

fn into(result: Result<Response<Body>, Infallible>) -> Response<Body> {
    match result {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn refuse(error: Error, is_grpc: bool) -> Response<Body> {
    if is_grpc {
        return tonic::Status::from(error).into_http();
    }
    error.into_http()
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, if-none-match, traceparent, x-request-id",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
