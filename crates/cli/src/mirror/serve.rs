//! TRQP v2 over plain HTTP on this machine: `POST /authorization` and `/recognition`, answered from the copy. A copy that was
//! brought up to date is taken up within a second.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use charter_domain::{Context, EvidenceLevel, Kind, Outcome, Query, Reason, time::Clock};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    copy::{LocalCopy, Said},
    folder::Folder,
};
use crate::{evidence, exit::Failure, output};

/// Longest question in bytes; as at a registry.
const MAX_BODY: usize = 64 * 1024;
/// For a request to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at the same time; more wait.
const CONNECTIONS: usize = 256;
/// How often the directory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What a caller waits who was told that nothing can be told.
const LATER: HeaderValue = HeaderValue::from_static("60");

pub struct Server {
    dir: PathBuf,
    anchors: PathBuf,
    max_staleness: Duration,
    clock: Arc<dyn Clock>,
    copy: RwLock<Arc<LocalCopy>>,
}

/// A question as it is sent; members that are not known are ignored (TRQP v2, versioning).
#[derive(Deserialize)]
struct Question {
    entity_id: String,
    authority_id: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
}

/// Why there is no answer: status, code, what to do.
struct Problem(StatusCode, &'static str, String);

impl Server {
    /// Opens the copy in a directory; `anchors` is read again with each newer one. Blocks.
    pub fn open(
        dir: &Path,
        anchors: &Path,
        max_staleness: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let copy = LocalCopy::open(dir, evidence::read_anchors(anchors)?)?;
        Ok(Self {
            dir: dir.to_owned(),
            anchors: anchors.to_owned(),
            max_staleness,
            clock,
            copy: RwLock::new(Arc::new(copy)),
        })
    }

    /// Answers until it is dropped.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        tokio::join!(Arc::clone(&self).follow(), self.accept(listener));
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, say: that passes.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let server = Arc::clone(&server);
                    async move { Ok::<_, std::convert::Infallible>(server.handle(request).await) }
                });
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                // Whoever leaves early is no fault of ours.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
                drop(place);
            });
        }
    }

    /// Takes up a copy that was put in place since; one that cannot be used is told, and the one before stays.
    async fn follow(self: Arc<Self>) {
        let folder = Folder::new(&self.dir);
        let mut taken = folder.stamp();
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let found = folder.stamp();
            if found == taken {
                continue;
            }
            taken = found;
            let server = Arc::clone(&self);
            let open =
                move || LocalCopy::open(&server.dir, evidence::read_anchors(&server.anchors)?).map(Arc::new);
            match tokio::task::spawn_blocking(open).await {
                Ok(Ok(copy)) => *self.copy.write().unwrap_or_else(PoisonError::into_inner) = copy,
                Ok(Err(failure)) => output::report(&failure),
                Err(error) => output::say(&format!("the copy was not read: {error}")),
            }
        }
    }

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.answer(request).await {
            Ok(body) => response(StatusCode::OK, "application/json", &body),
            Err(Problem(status, code, detail)) => {
                let kebab = code.to_ascii_lowercase().replace('_', "-");
                let body = json!({
                    "type": format!("urn:charter:problem:{kebab}"), "status": status.as_u16(), "code": code,
                    "detail": detail,
                });
                let mut response = response(status, "application/problem+json", &body);
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    response.headers_mut().insert(RETRY_AFTER, LATER);
                }
                response
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Value, Problem> {
        let kind = match request.uri().path() {
            "/authorization" => Kind::Authorization,
            "/recognition" => Kind::Recognition,
            _ => {
                let text = "a copy answers `/authorization` and `/recognition`".to_owned();
                return Err(Problem(StatusCode::NOT_FOUND, "NOT_FOUND", text));
            }
        };
        let query = parsed(kind, &body(request).await?)?;
        let copy: Arc<LocalCopy> = Arc::clone(&self.copy.read().unwrap_or_else(PoisonError::into_inner));
        let said = copy.answer(&query, self.clock.now(), self.max_staleness);
        match (said.reason, said.reason.outcome()) {
            (Reason::UnknownAuthority, _) => Err(problem(StatusCode::NOT_FOUND, &said)),
            (_, Outcome::Indeterminate) => Err(problem(StatusCode::SERVICE_UNAVAILABLE, &said)),
            _ => Ok(self.render(&query, &said)),
        }
    }

    fn render(&self, query: &Query, said: &Said) -> Value {
        let word = match query.kind {
            Kind::Authorization => "authorized",
            Kind::Recognition => "recognized",
        };
        let direct = said.decided_by == query.authority;
        let mut value = json!({
            "entity_id": query.entity,
            "authority_id": query.authority,
            "action": query.action,
            "resource": query.resource,
            word: said.reason.outcome() == Outcome::Yes,
            "time_evaluated": query.context.time.unwrap_or_else(|| self.clock.now()),
            "message": said.reason.text(),
            "meta": {
                "reason": said.reason.code(),
                "basis": if direct { "DIRECT" } else { "DELEGATED" },
                "decided_by": said.decided_by,
                "epoch": said.path.first().map(|step| step.epoch),
                "as_of": said.as_of,
                "expires_at": said.expires(self.max_staleness),
            },
        });
        if !said.unstated.is_empty() {
            value["meta"]["unstated_conditions"] = json!(said.unstated);
        }
        if let Some(time) = query.context.time {
            value["time_requested"] = json!(time);
        }
        if query.context.evidence != EvidenceLevel::None {
            value["evidence"] = json!({ "chain": said.chain });
        }
        value
    }
}

fn problem(status: StatusCode, said: &Said) -> Problem {
    let text = if said.detail.is_empty() { said.reason.text() } else { said.detail.as_str() };
    Problem(status, said.reason.code(), text.to_owned())
}

fn response(status: StatusCode, kind: &'static str, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Problem> {
    if request.method() != Method::POST {
        let text = "this path takes POST".to_owned();
        return Err(Problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", text));
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let text = "send `Content-Type: application/json`".to_owned();
        return Err(Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", text));
    }
    let read = Limited::new(request.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the body is larger than {MAX_BODY} bytes");
            Err(Problem(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", text))
        }
        _ => Err(invalid(&"the body could not be read")),
    }
}

fn invalid(why: &dyn std::fmt::Display) -> Problem {
    Problem(StatusCode::BAD_REQUEST, "INVALID", why.to_string())
}

fn parsed(kind: Kind, body: &[u8]) -> Result<Query, Problem> {
    let asked: Question = serde_json::from_slice(body).map_err(|e| invalid(&e))?;
    let members = asked.context.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let context = Context::parse(members).map_err(|e| invalid(&e))?;
    let terms = (
        asked.authority_id.as_str(),
        asked.entity_id.as_str(),
        asked.action.as_str(),
        asked.resource.as_str(),
    );
    Query::parse(kind, terms, context).map_err(|e| invalid(&e))
}
