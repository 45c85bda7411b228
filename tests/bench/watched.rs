//! The hot path while everything about it is told: spans and the trail by OTLP, the trail by syslog too, logs as a site has
//! them, and metrics that somebody collects. The collector is in this process, on the same cores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::{
    io::{AsyncReadExt as _, copy, sink},
    net::TcpListener,
    task::JoinSet,
};
use tonic::{Request, Response, Status, transport::Server};

use crate::{
    client::{self, Connection},
    process::addresses,
    question::Asking,
    report::Samples,
    rounds::{ALTERNATIONS, Field},
};

/// As Prometheus does by default, a few times as often.
const COLLECTED_EVERY: Duration = Duration::from_secs(5);
/// Of all requests, as many as are sampled where nobody says otherwise.
const SAMPLED: &str = "0.01";

/// What came.
#[derive(Clone, Default)]
struct Collector(Arc<Came>);

#[derive(Default)]
struct Came {
    spans: AtomicU64,
    records: AtomicU64,
    lines: AtomicU64,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let of = request.get_ref().resource_spans.iter().flat_map(|of| &of.scope_spans);
        self.0.spans.fetch_add(of.map(|of| of.spans.len() as u64).sum(), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let of = request.get_ref().resource_logs.iter().flat_map(|of| &of.scope_logs);
        self.0.records.fetch_add(of.map(|of| of.log_records.len() as u64).sum(), Ordering::Relaxed);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Ends with it: what listens, and what collects metrics.
struct Listening {
    collector: Collector,
    tasks: JoinSet<anyhow::Result<()>>,
    otlp: String,
    syslog: String,
}

async fn listen() -> anyhow::Result<Listening> {
    let ([otlp], syslog) = (addresses()?, TcpListener::bind("127.0.0.1:0").await?);
    let (collector, mut tasks) = (Collector::default(), JoinSet::new());
    let server = Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .add_service(LogsServiceServer::new(collector.clone()));
    tasks.spawn(async move { Ok(server.serve(otlp).await?) });
    let (came, told) = (collector.clone(), syslog.local_addr()?);
    tasks.spawn(async move {
        loop {
            let mut stream = syslog.accept().await?.0;
            if stream.read_u8().await.is_ok() {
                came.0.lines.fetch_add(1, Ordering::Relaxed);
                copy(&mut stream, &mut sink()).await?;
            }
        }
    });
    Ok(Listening { collector, tasks, otlp: format!("http://{otlp}"), syslog: format!("tcp://{told}") })
}

/// Beside a bare server in turn, as the figure without all this is taken.
pub async fn round(field: &Field<'_>, samples: &mut Samples) -> anyhow::Result<()> {
    let mut listening = listen().await?;
    let settings = format!(
        "trail = {{ syslog = \"{}\", otlp = true }}\nlog = {{ filter = \"info\" }}\n",
        listening.syslog
    );
    field.site.configure(&field.education, &settings)?;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", listening.otlp.clone()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
        ("OTEL_TRACES_SAMPLER_ARG", SAMPLED.to_owned()),
    ];
    let charter = field.site.serve_with(&field.education, &variables).await?;
    let address = charter.address;
    listening.tasks.spawn(async move {
        loop {
            let (status, _) = Connection::open(address).await?.get("/metrics").await?;
            ensure!(status == 200, "metrics: {status}");
            tokio::time::sleep(COLLECTED_EVERY).await;
        }
    });
    client::ask_all(address, &field.local, Asking::Plain, 32).await?;
    let [address] = addresses()?;
    let limit = field.site.limit("limit-axum", address).await?;
    client::ask_all(limit.address, &field.sample, Asking::Plain, 4).await?;
    for _ in 0..ALTERNATIONS {
        let bare = field.wrk(&limit, &field.plain).await?;
        samples.pair("watched", bare, field.wrk(&charter, &field.plain).await?);
    }
    limit.stop().await;
    charter.stop().await;
    field.site.configure(&field.education, "")?;
    let [spans, records, lines] = {
        let came = &listening.collector.0;
        [&came.spans, &came.records, &came.lines].map(|number| number.load(Ordering::Relaxed))
    };
    println!("watched: {spans} spans, {records} records of the trail, {lines} connections with lines of it");
    ensure!(spans > 0 && records > 0 && lines > 0, "something was not told");
    while let Some(ended) = listening.tasks.try_join_next() {
        ended??;
    }
    Ok(())
}
