//! Logs (structured), metrics for Prometheus, and traces. Identifiers of people never; identifiers asked about not by default.

mod decisions;
pub mod gauges;
mod recorder;
pub mod requests;
pub mod traces;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::filter_fn,
    fmt,
    layer::SubscriberExt,
    reload::{self, Handle},
    util::SubscriberInitExt,
};

pub use self::{decisions::Decisions, recorder::metrics};
use crate::config::Log;

/// What is logged. The driver of PostgreSQL writes the values of each query at `debug`, identifiers that somebody asked
/// about among them: it is heard from `warn` on. Of spans that of a request is known, by whose trace its lines are found.
pub fn filter(text: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(text).unwrap_or_else(|_| EnvFilter::new("info"));
    let fixed = ["tokio_postgres=warn", "charter::span=off", "charter::span::request=info"];
    fixed.iter().filter_map(|directive| directive.parse().ok()).fold(filter, EnvFilter::add_directive)
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

/// The filter of what is logged.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Installs the subscriber, within a runtime; a second call in one process (tests) changes nothing.
pub fn init_logs(log: &Log) {
    let (first, handle) = reload::Layer::new(filter(&log.filter));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if log.format == "json" { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    let spans = traces::layer().map(|layer| layer.with_filter(filter_fn(is_span)));
    if tracing_subscriber::registry().with(lines.with_filter(first)).with(spans).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Lines of the log are no events of spans.
fn is_span(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(traces::SPANS)
}

/// Logs from now on what these settings say. The format stays.
pub fn log_as(log: &Log) {
    if let Some(handle) = FILTER.get() {
        let _ = handle.reload(filter(&log.filter));
    }
}

/// Counts that the configuration was loaded anew, or that it could not be.
pub fn reloaded(good: bool) {
    let outcome = if good { "loaded" } else { "refused" };
    metrics::counter!("charter_reloads_total", "outcome" => outcome).increment(1);
    metrics::gauge!("charter_reload_refused").set(f64::from(u8::from(!good)));
}
