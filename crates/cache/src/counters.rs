//! `charter_cache_requests_total{cache,result}`. Handles are looked up once: the recorder must be
//! installed before the caches are made.

use metrics::{Counter, counter};

fn requests(cache: &'static str, result: &'static str) -> Counter {
    counter!("charter_cache_requests_total", "cache" => cache, "result" => result)
}

/// The tier in process.
pub(crate) struct Local {
    pub(crate) hit: Counter,
    pub(crate) miss: Counter,
    /// Kept, but out of time, out of lease, or older than a change.
    pub(crate) refused: Counter,
}

impl Local {
    pub(crate) fn new() -> Self {
        let of = |result| requests("local", result);
        Self { hit: of("hit"), miss: of("miss"), refused: of("refused") }
    }
}

pub(crate) struct Redis {
    pub(crate) hit: Counter,
    pub(crate) miss: Counter,
    pub(crate) refused: Counter,
    /// Not written by us: the MAC doesn't verify.
    pub(crate) forged: Counter,
    /// No answer in time, or an error.
    pub(crate) failed: Counter,
    /// Not asked: the breaker is open, or too many writes are under way.
    pub(crate) skipped: Counter,
}

impl Redis {
    pub(crate) fn new() -> Self {
        let of = |result| requests("redis", result);
        Self {
            hit: of("hit"),
            miss: of("miss"),
            refused: of("refused"),
            forged: of("forged"),
            failed: of("failed"),
            skipped: of("skipped"),
        }
    }
}

/// What happened to those whom no tier could serve.
pub(crate) struct Fill {
    pub(crate) led: Counter,
    pub(crate) followed: Counter,
    pub(crate) overloaded: Counter,
    /// Looked up before the end of what is kept.
    pub(crate) ahead: Counter,
}

impl Fill {
    pub(crate) fn new() -> Self {
        let of = |result| requests("fill", result);
        Self { led: of("led"), followed: of("followed"), overloaded: of("overloaded"), ahead: of("ahead") }
    }
}
