//! Logs (structured), and metrics for Prometheus. Identifiers of people never; identifiers asked about not by default.

pub mod gauges;
mod recorder;
pub mod requests;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tracing_subscriber::{
    EnvFilter, Registry, fmt,
    layer::SubscriberExt,
    reload::{self, Handle},
    util::SubscriberInitExt,
};

pub use self::recorder::metrics;
use crate::config::Log;

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

/// The filter of what is logged.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Installs the subscriber; a second call in one process (tests) changes nothing.
pub fn init_logs(log: &Log) {
    let (first, handle) = reload::Layer::new(filter(&log.filter));
    let registry = tracing_subscriber::registry().with(first);
    let installed = if log.format == "json" {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()
    };
    if installed.is_ok() {
        let _ = FILTER.set(handle);
    }
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
