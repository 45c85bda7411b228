//! The caller's trace context (W3C `traceparent`), passed on to the registries asked.

use std::sync::OnceLock;

use tracing::{Span, info_span};

tokio::task_local! {
    static TRACEPARENT: Option<String>;
}

/// What the span that is entered says of itself, where traces are kept.
static ENTERED: OnceLock<fn() -> Option<String>> = OnceLock::new();

/// From now on registries that are asked get the context of the span that is entered, where there is one.
pub fn follow(entered: fn() -> Option<String>) {
    ENTERED.get_or_init(|| entered);
}

/// Of a question to another registry; nothing outside of a request whose trace is kept.
pub(crate) fn asking() -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    info_span!(target: "charter::span", "peer", otel.kind = "client", rpc.system.name = "grpc")
}

/// Runs `work` with a trace context; unparsable ones are dropped at the door.
pub async fn scoped<F: Future>(traceparent: Option<String>, work: F) -> F::Output {
    TRACEPARENT.scope(traceparent, work).await
}

/// The trace context to send along, if there is one.
pub fn current() -> Option<String> {
    let entered = ENTERED.get().and_then(|entered| entered());
    entered.or_else(|| TRACEPARENT.try_with(Clone::clone).ok().flatten())
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (Trace Context, section 3.2).
pub fn is_valid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex =
        |s: &str, n| s.len() == n && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    matches!(parts[..], [v, t, p, f] if hex(v, 2) && hex(t, 32) && hex(p, 16) && hex(f, 2))
}
