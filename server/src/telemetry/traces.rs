//! Traces (OpenTelemetry): a span for a request that is sampled, and in it what the database and other registries did for it,
//! sent by OTLP over gRPC to where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `.._TRACES_ENDPOINT`) says; without that there are none.
//!
//! Whether a request is sampled is decided before anything is made for it: by `OTEL_TRACES_SAMPLER` and its `_ARG`
//! (`parentbased_traceidratio` and one in a hundred where they are not set). Anybody can say that a trace of his is sampled:
//! of those no more than a hundred a second are.

use std::{env, num::NonZeroU32, sync::OnceLock};

use charter_federation::trace;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::HeaderMap;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt as _, TraceState, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::requests::Asked;

/// Where spans are, in filters: of requests, which logs show by their trace, and of work in them, which logs do not show.
pub const SPANS: &str = "charter::span";
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Of requests that nobody else samples.
const USUAL: f64 = 0.01;
/// A second, of those that their callers say are sampled.
const BELIEVED: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

static ON: OnceLock<Kept> = OnceLock::new();

/// Which requests have a span.
struct Kept {
    provider: SdkTracerProvider,
    ratio: f64,
    /// Requests that are part of a trace are sampled as that is.
    by_parent: bool,
    believed: DefaultDirectRateLimiter,
}

/// What turns spans into OTLP, where that is wanted. Has to be called within a runtime.
pub fn layer<S>() -> Option<OpenTelemetryLayer<S, SdkTracer>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    if ENDPOINTS.iter().all(|name| env::var_os(name).is_none_or(|url| url.is_empty())) {
        return None;
    }
    let exporter = match SpanExporter::builder().with_tonic().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("charterd: no traces: {error}");
            return None;
        }
    };
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource())
        .build();
    let tracer = provider.tracer("charterd");
    let (by_parent, ratio) = sampler(&env::var("OTEL_TRACES_SAMPLER").unwrap_or_default());
    let believed = RateLimiter::direct(Quota::per_second(BELIEVED));
    ON.get_or_init(|| Kept { provider, ratio, by_parent, believed });
    trace::follow(entered);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Some(layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false))
}

/// This server, as the standard variables name it.
pub fn resource() -> Resource {
    let resource = Resource::builder();
    let named = env::var_os("OTEL_SERVICE_NAME").is_some();
    if named { resource } else { resource.with_service_name("charterd") }.build()
}

/// Whether requests are sampled as the traces are that they are part of, and what part of the others is.
fn sampler(name: &str) -> (bool, f64) {
    let (by_parent, own) =
        name.strip_prefix("parentbased_").map_or((name.is_empty(), name), |own| (true, own));
    let ratio = match own {
        "always_on" => 1.0,
        "always_off" => 0.0,
        _ => env::var("OTEL_TRACES_SAMPLER_ARG").ok().and_then(|arg| arg.parse().ok()).unwrap_or(USUAL),
    };
    (by_parent, ratio)
}

/// What is left is sent.
pub fn finish() {
    if let Some(kept) = ON.get() {
        let _ = kept.provider.force_flush();
    }
}

/// The span of a request that is sampled.
pub fn begin(headers: &HeaderMap, asked: Asked) -> Option<Span> {
    let kept = ON.get()?;
    let parent = headers.get("traceparent").and_then(|value| parsed(value.to_str().ok()?));
    let sampled = match &parent {
        Some(parent) if kept.by_parent => parent.is_sampled() && kept.believed.check().is_ok(),
        _ => rand::random::<f64>() < kept.ratio,
    };
    if !sampled {
        return None;
    }
    let span = match asked {
        Asked::Http { method, route } => info_span!(
            target: "charter::span::request",
            "request",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            trace_id = Empty,
        ),
        Asked::Rpc { method } => info_span!(
            target: "charter::span::request",
            "request",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            trace_id = Empty,
        ),
    };
    if let Some(parent) = parent {
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    let context = span.context();
    span.record("trace_id", context.span().span_context().trace_id().to_string());
    Some(span)
}

/// How the REST request of the span that is entered ended.
pub fn end_http(method: &str, route: &str, status: u16) {
    let span = Span::current();
    if span.is_none() {
        return;
    }
    span.record("http.route", route);
    span.context().span().update_name(format!("{method} {route}"));
    span.record("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

/// The same of a gRPC call.
pub fn end_rpc(status: &str, failed: bool) {
    let span = Span::current();
    span.record("rpc.response.status_code", status);
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

/// `traceparent` of Trace Context 1, 3.2.
fn parsed(text: &str) -> Option<SpanContext> {
    if !trace::is_valid(text) {
        return None;
    }
    let mut parts = text.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let context = SpanContext::new(trace, span, TraceFlags::new(flags), true, TraceState::default());
    context.is_valid().then_some(context)
}

/// The context of the span that is entered, as it is passed on.
fn entered() -> Option<String> {
    let span = Span::current();
    if span.is_none() {
        return None;
    }
    let context = span.context();
    let entered = context.span().span_context().clone();
    entered.is_valid().then(|| {
        format!("00-{}-{}-{:02x}", entered.trace_id(), entered.span_id(), entered.trace_flags().to_u8())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplers_have_the_standard_names() {
        assert_eq!(sampler("always_on"), (false, 1.0));
        assert_eq!(sampler("parentbased_always_off"), (true, 0.0));
        assert_eq!(sampler(""), (true, USUAL));
        assert_eq!(sampler("traceidratio"), (false, USUAL));
    }

    #[test]
    fn a_context_is_read_as_it_is_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parsed(text).expect("valid");
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        for bad in ["", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert!(parsed(bad).is_none(), "{bad}");
        }
    }
}
