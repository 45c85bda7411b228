//! Logs (structured), and metrics for Prometheus. Identifiers of people never; identifiers asked about not by default.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::Log;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Semantic-convention buckets, in seconds, and finer ones below: a cached answer takes microseconds.
const BUCKETS: [f64; 15] =
    [0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is logged. The driver of PostgreSQL writes the values of each query at `debug`, identifiers that somebody asked
/// about among them: it is heard from `warn` on.
pub fn filter(text: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(text).unwrap_or_else(|_| EnvFilter::new("info"));
    match "tokio_postgres=warn".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// For what every request, or every registry, would log while something is missing: once a second is enough.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether it is time; then it was.
    pub fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= Duration::from_secs(1));
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// Installs the subscriber; a second call in one process (tests) changes nothing.
pub fn init_logs(log: &Log) {
    let registry = tracing_subscriber::registry().with(filter(&log.filter));
    let _ = if log.format == "json" {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()
    };
}

/// The recorder of this process; the first call installs it, before any handle is taken.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    if METRICS.get().is_none() {
        let built = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .and_then(PrometheusBuilder::install_recorder);
        match built {
            Ok(handle) => {
                let _ = METRICS.set(handle);
                describe();
            }
            Err(error) => tracing::debug!(%error, "metrics are not installed"),
        }
    }
    METRICS.get()
}

fn describe() {
    metrics::describe_histogram!("http_server_request_duration_seconds", "Time to answer a request, by door");
    metrics::describe_counter!("charter_decisions_total", "Decisions given, by outcome");
    metrics::describe_gauge!(
        "charter_documents_earliest_expiry_timestamp_seconds",
        "When the first document expires"
    );
    metrics::describe_gauge!(
        "charter_documents_renewal_late",
        "1 when documents were not renewed at half-life"
    );
    metrics::describe_gauge!(
        "charter_documents_renewal_refused",
        "Documents that are not signed again: what is recorded is not what was signed"
    );
    metrics::describe_counter!("charter_peer_failures_total", "Subordinates that could not be asked");
    metrics::describe_counter!("charter_peer_proof_failures_total", "Answers whose proof failed");
    metrics::describe_gauge!("charter_peer_breakers_open", "Endpoints of other registries that rest");
    metrics::describe_counter!(
        "charter_peer_short_circuits_total",
        "Calls that were not made because the endpoint rests"
    );
    metrics::describe_counter!(
        "charter_feed_faults_total",
        "Feeds of subordinates that could not be believed"
    );
    metrics::describe_counter!(
        "charter_handshakes_refused_total",
        "TLS handshakes of addresses that had as many under way as they may"
    );
    metrics::describe_counter!(
        "charter_stale_answers_total",
        "Answers given though they could not be confirmed"
    );
    metrics::describe_counter!("charter_witness_requests_total", "Checkpoints sent to witnesses, by outcome");
    metrics::describe_counter!(
        "charter_witness_answers_total",
        "Checkpoints sent to this witness, by status"
    );
    metrics::describe_counter!("charter_witness_equivocations_total", "Logs that showed two histories");
    metrics::describe_counter!("charter_mirror_pushes_total", "Checkpoints brought to mirrors, by outcome");
    metrics::describe_counter!("charter_mirror_answers_total", "Uploads to this mirror, by status");
    metrics::describe_gauge!(
        "charter_registries_held",
        "Registries that lack published events: nothing is answered"
    );
    metrics::describe_gauge!("charter_log_size", "Leaves in the transparency log, by registry");
    metrics::describe_gauge!("charter_log_published_size", "Leaves that everybody may see, by registry");
    metrics::describe_gauge!(
        "charter_log_unpublished_seconds",
        "How long something has waited to be published"
    );
    metrics::describe_gauge!("charter_log_stopped", "1 when the log needs a person to go on");
    metrics::describe_counter!("charter_log_sequenced_total", "Events put into transparency logs");
    metrics::gauge!("charter_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
