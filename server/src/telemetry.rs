//! Logs (structured), and metrics for Prometheus. Identifiers of people never; identifiers asked about not by default.

pub mod gauges;
mod recorder;
pub mod requests;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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

/// Installs the subscriber; a second call in one process (tests) changes nothing.
pub fn init_logs(log: &Log) {
    let registry = tracing_subscriber::registry().with(filter(&log.filter));
    let _ = if log.format == "json" {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()
    };
}
