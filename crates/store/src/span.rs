//! What the database does in a request whose trace is kept (OpenTelemetry, semantic conventions for databases).

use tracing::{Span, info_span};

/// Of an operation. Nothing outside of a request whose trace is kept: whoever makes no trace pays for none.
pub(crate) fn of(operation: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    info_span!(
        target: "charter::span",
        "database",
        otel.name = operation,
        otel.kind = "client",
        db.system.name = "postgresql",
        db.operation.name = operation,
    )
}
