//! REST: TRQP, the issuer check, resolution, well-known documents, health. Same nouns as gRPC, same use-cases.

pub mod body;
pub mod governance;
pub mod health;
pub mod issuer;
pub mod metadata;
mod query;
pub mod resolve;
pub mod trqp;
pub mod watch;
pub mod well_known;

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get},
};

use crate::{
    App, Error,
    config::{Listener, listener::Service},
    error::Code,
};

/// Optional routes of the Ayra profile that are not served yet: 501, as the profile asks, and not 404.
const AYRA_LATER: [&str; 8] = [
    "/entities",
    "/entities/{entity_id}",
    "/entities/{entity_id}/authorizations",
    "/ecosystems/{ecosystem_id}",
    "/ecosystems/{ecosystem_id}/recognitions",
    "/lookups/assuranceLevels",
    "/lookups/authorizations",
    "/lookups/didMethods",
];

pub fn router(app: &Arc<App>, listener: &Listener) -> Router {
    // TRQP's two paths are not here: the door takes them to `trqp::answer` directly.
    let mut router = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/.well-known/trust-anchors", get(well_known::anchors))
        .route("/.well-known/openid-federation", get(well_known::configuration))
        .route("/.well-known/did.json", get(well_known::did));
    if listener.offers(Service::Public) {
        router = router
            .route("/metadata", get(metadata::ayra))
            .route("/.well-known/trqp-metadata", get(metadata::trqp))
            .route("/api/v1/issuers/{did}", get(issuer::check))
            .route("/api/v1/issuers:batchCheck", any(issuer::batch))
            .route("/api/v1/watch", get(watch::watch))
            .route("/api/v1/resolve", any(resolve::resolve));
        for path in AYRA_LATER {
            router = router.route(path, any(later));
        }
    }
    if listener.offers(Service::Staff) {
        router = router
            .route("/metrics", get(health::metrics))
            .route("/api/v1/proposals", get(governance::list).post(governance::propose))
            .route("/api/v1/proposals/{id}", get(governance::get).post(governance::act))
            .route("/api/v1/emergency-suspensions", any(governance::suspend))
            .route("/api/v1/staff", get(governance::members))
            .route("/api/v1/events", get(governance::events));
    }
    router.fallback(unknown).method_not_allowed_fallback(not_allowed).with_state(Arc::clone(app))
}

async fn later() -> Error {
    Error::new(Code::NotImplemented, "this optional route of the Ayra profile is not served yet")
}

async fn unknown(uri: http::Uri) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is nothing at `{}`", uri.path().chars().take(200).collect::<String>()),
    )
}

async fn not_allowed() -> Error {
    Error::new(Code::MethodNotAllowed, "this path takes GET")
}
