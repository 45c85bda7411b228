//! How long requests take, by what was asked and how it ended: `http.server.request.duration` and
//! `rpc.server.call.duration` of OpenTelemetry's semantic conventions. Values of labels are ours, never a caller's.

use std::{
    collections::{HashMap, HashSet},
    sync::{LazyLock, PoisonError, RwLock},
    time::Duration,
};

use charter_cli::grpc_name;
use http::{Method, Response};
use metrics::Histogram;
use tonic::{Code, Status};
use tracing::Span;

use super::traces;
use crate::proto;

/// A route or method that there is not.
const NONE: &str = "none";

/// The route that answered, told by the router to the door.
#[derive(Debug, Clone, Copy)]
pub struct Routed(pub &'static str);

/// What was asked, before the request is given away.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// `route` where the door goes to the handler directly.
    Http {
        method: &'static str,
        route: Option<&'static str>,
    },
    Rpc {
        method: &'static str,
    },
}

impl Asked {
    pub fn http(method: &Method, route: Option<&'static str>) -> Self {
        Self::Http { method: known(method), route }
    }

    /// By the path of the request: service and method.
    pub fn rpc(path: &str) -> Self {
        Self::Rpc { method: RPC_METHODS.get(path.trim_start_matches('/')).copied().unwrap_or(NONE) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Http { method: &'static str, route: &'static str, status: u16 },
    Rpc { method: &'static str, status: Code },
}

impl Call {
    fn of<B>(asked: Asked, response: &Response<B>) -> Self {
        match asked {
            Asked::Http { method, route } => {
                let routed = || response.extensions().get::<Routed>().map_or(NONE, |routed| routed.0);
                let status = response.status().as_u16();
                Self::Http { method, route: route.unwrap_or_else(routed), status }
            }
            Asked::Rpc { method } => {
                let status = Status::from_header_map(response.headers());
                Self::Rpc { method, status: status.map_or(Code::Ok, |status| status.code()) }
            }
        }
    }

    /// Whether somebody was refused who showed nothing good, or something that does not suffice: as the trail calls it, and
    /// what was asked.
    fn refused(self) -> Option<(&'static str, &'static str)> {
        const UNKNOWN: &str = "AUTHENTICATION_FAILED";
        const FORBIDDEN: &str = "AUTHORIZATION_FAILED";
        match self {
            Self::Http { route, status: 401, .. } => Some((UNKNOWN, route)),
            Self::Http { route, status: 403, .. } => Some((FORBIDDEN, route)),
            Self::Rpc { method, status: Code::Unauthenticated } => Some((UNKNOWN, method)),
            Self::Rpc { method, status: Code::PermissionDenied } => Some((FORBIDDEN, method)),
            Self::Http { .. } | Self::Rpc { .. } => None,
        }
    }

    /// In the request's span, if its trace is kept.
    fn show(self) {
        if Span::current().is_none() {
            return;
        }
        match self {
            Self::Http { method, route, status } => {
                traces::end_http(method, route, status);
            }
            Self::Rpc { status, .. } => {
                let failed = matches!(
                    status,
                    Code::Unknown
                        | Code::DeadlineExceeded
                        | Code::Internal
                        | Code::Unavailable
                        | Code::DataLoss
                        | Code::Unimplemented
                );
                traces::end_rpc(grpc_name(status), failed);
            }
        }
    }
}

/// One histogram for each kind of request that there was: routes and methods are few, and so are the ways to end.
#[derive(Default)]
pub struct Requests(RwLock<HashMap<Call, Histogram>>);

static RPC_METHODS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let methods = proto::services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let names = methods.map(|method| format!("{}/{}", method.parent_service().full_name(), method.name()));
    let others = ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"].map(str::to_owned);
    names.chain(others).map(|name| &*Box::leak(name.into_boxed_str())).collect()
});

impl Requests {
    /// Of a gRPC call a status that comes after the messages is not waited for: one that begins well counts as good.
    /// Who was refused is named, as the trail has it, with what was asked.
    pub fn record<B>(
        &self,
        asked: Asked,
        response: &Response<B>,
        took: Duration,
    ) -> Option<(&'static str, &'static str)> {
        let call = Call::of(asked, response);
        call.show();
        self.add(call, took);
        call.refused()
    }

    fn add(&self, call: Call, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(histogram) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&call) {
            return histogram.record(seconds);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(call).or_insert_with(|| histogram(call)).record(seconds);
    }
}

fn histogram(call: Call) -> Histogram {
    match call {
        Call::Http { method, route, status } => metrics::histogram!(
            "http_server_request_duration_seconds",
            "http_request_method" => method,
            "http_route" => route,
            "http_response_status_code" => status.to_string()
        ),
        Call::Rpc { method, status } => metrics::histogram!(
            "rpc_server_call_duration_seconds",
            "rpc_method" => method,
            "rpc_response_status_code" => grpc_name(status)
        ),
    }
}

/// RFC 9110's, and one name for all others, as the conventions have it.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
