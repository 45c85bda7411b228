//! The caller's trace context (W3C `traceparent`), passed on to the registries asked.

tokio::task_local! {
    static TRACEPARENT: Option<String>;
}

/// Runs `work` with a trace context; unparsable ones are dropped at the door.
pub async fn scoped<F: Future>(traceparent: Option<String>, work: F) -> F::Output {
    TRACEPARENT.scope(traceparent, work).await
}

/// The trace context to send along, if there is one.
pub fn current() -> Option<String> {
    TRACEPARENT.try_with(Clone::clone).ok().flatten()
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (Trace Context, section 3.2).
pub fn is_valid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex =
        |s: &str, n| s.len() == n && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    matches!(parts[..], [v, t, p, f] if hex(v, 2) && hex(t, 32) && hex(p, 16) && hex(f, 2))
}
