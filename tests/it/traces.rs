//! Traces as a collector gets them, over real OTLP: the request, what the database did for it; nothing of whom anybody asked
//! about; and none of requests that are not sampled. Across registries they are looked at in `demo`.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use charter_tests::{
    AUTHORITY, Rest, TestApp,
    database::Database,
    program::{Served, free_address},
};
use http::Method;
use http_body_util::Full;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::{Span, span::SpanKind},
};
use tempfile::TempDir;
use tonic::{Request, Response, Status};

use crate::kept::until;

const LATEST: Duration = Duration::from_secs(60);
const ROUTE: &str = "GET /api/v1/entities/{entity_id}";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A collector.
#[derive(Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter();
        let spans = spans.flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> (Self, SocketAddr) {
        let (collector, address) = (Self::default(), free_address());
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve(address));
        until(LATEST, "a collector", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        (collector, address)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Questions to other registries that both sides have seen: the request that asked, the call, and its answer there.
    pub fn across(&self) -> usize {
        let spans = self.spans();
        let serves = |span: &&Span| span.kind() == SpanKind::Server;
        let calls = spans.iter().filter(|span| span.kind() == SpanKind::Client && span.name == "peer");
        let seen = calls.filter(|call| {
            let asked = spans.iter().filter(serves).any(|span| span.span_id == call.parent_span_id);
            asked && spans.iter().filter(serves).any(|span| span.parent_span_id == call.span_id)
        });
        seen.count()
    }
}

async fn traced(address: SocketAddr, sampler: &str) -> (Served, Database, TempDir) {
    let (database, dir) = (Database::create().await, tempfile::tempdir().expect("a directory"));
    let endpoint = format!("http://{address}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_TRACES_SAMPLER", sampler),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let toml = |at| TestApp::build().registry(AUTHORITY).toml(&database, dir.path(), at);
    let served = Served::start_with(dir.path(), toml, &variables).await;
    (served, database, dir)
}

/// Somebody else each time: what is kept needs no database.
async fn asks(served: &Served, who: u8, traceparent: Option<&str>) {
    let rest = Rest::new(served.address);
    let path = format!("/api/v1/entities/did:web:nobody-may-read-this-{who}.example");
    let mut request = rest.request(Method::GET, &path);
    if let Some(parent) = traceparent {
        request = request.header("traceparent", parent);
    }
    assert_eq!(rest.send(request.body(Full::default()).expect("a request")).await.status, 404);
}

fn is_of_database(span: &Span) -> bool {
    span.attributes.iter().any(|attribute| attribute.key == "db.operation.name")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_seen_with_what_the_database_did_and_without_whom_it_was_about() {
    let (collector, address) = Collector::start().await;
    let (served, _database, _dir) = traced(address, "parentbased_always_off").await;
    asks(&served, 1, None).await;
    asks(&served, 2, Some(&format!("00-{TRACE}-b7ad6b7169203331-00"))).await;
    asks(&served, 3, Some(&format!("00-{TRACE}-b7ad6b7169203331-01"))).await;
    let whole = || {
        let spans = collector.spans();
        spans.iter().any(|span| span.name == ROUTE) && spans.iter().any(is_of_database)
    };
    until(LATEST, "its spans", async || whole()).await;
    let spans = collector.spans();
    let traces: BTreeSet<String> = spans.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces, [TRACE.to_owned()].into(), "of one request alone");
    let requests: Vec<&Span> =
        spans.iter().filter(|span| span.parent_span_id == hex_of("b7ad6b7169203331")).collect();
    assert_eq!(requests.len(), 1, "{spans:?}");
    let read = spans.iter().find(|span| is_of_database(span)).expect("the database");
    assert_eq!(read.parent_span_id, requests[0].span_id);
    let said = format!("{spans:?}");
    assert!(said.contains(ROUTE) && said.contains("404"), "{said}");
    assert!(!said.contains("nobody-may-read-this") && !said.contains(AUTHORITY), "{said}");
}

fn hex_of(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hex")).collect()
}
