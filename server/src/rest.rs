//! REST: TRQP, the issuer check, resolution, well-known documents, health. Same nouns as gRPC, same use-cases.

pub mod anchors;
pub mod application;
pub mod audit;
pub mod authzen;
pub mod ayra;
pub mod body;
pub mod breakglass;
pub mod credential;
pub mod did;
pub mod docs;
pub mod ebsi;
pub mod federation;
pub mod governance;
pub mod health;
pub mod import;
pub mod issuer;
pub mod key;
pub mod lists;
pub mod log;
mod members;
pub mod metadata;
pub mod mirror;
pub mod oidf;
pub mod policy;
pub mod privacy;
pub mod procedure;
pub mod query;
pub mod record;
pub mod resolve;
pub mod route;
pub mod schema;
pub mod snapshot;
pub mod tag;
pub mod transcode;
pub mod trqp;
pub mod watch;
pub mod webhook;
pub mod well_known;
pub mod witness;

use std::sync::Arc;

use axum::{
    Router,
    extract::MatchedPath,
    routing::{delete, get, post},
};

use self::route::{
    Route, anywhere, bootstrap, direct, everywhere, links, peer, public, records, site, staff, verbs,
};
use crate::{
    App, Error,
    app::{
        document::HISTORICAL_KEYS,
        oidf::{FETCH, LIST, RESOLVE, TRUST_MARK, TRUST_MARK_LIST, TRUST_MARK_STATUS},
    },
    config::Listener,
    error::Code,
};

/// Every route there is. A router is built from this and from nothing else, so a route that is not here is not
/// served, and one that is here stands in the tests of who may call what.
pub const ROUTES: &[Route] = &[
    everywhere("/livez", || get(health::live)),
    everywhere("/readyz", || get(health::ready)),
    everywhere("/.well-known/trust-anchors", || get(anchors::newest)),
    everywhere("/.well-known/trust-anchors/{version}", || get(anchors::version)),
    everywhere("/.well-known/openid-federation", || get(well_known::configuration)),
    everywhere(HISTORICAL_KEYS, || get(key::historical)),
    everywhere("/.well-known/did.json", || get(well_known::did)),
    // Of a did:web with a path, which leads to `/r/<slug>/did.json`.
    everywhere("/did.json", || get(well_known::did)),
    everywhere("/snapshot", || get(snapshot::index)),
    everywhere("/snapshot/{sha256}", || get(snapshot::file)),
    // On every listener: what says no when nothing else works is taken wherever a server can be reached.
    everywhere("/api/v1/emergency-denials", || get(breakglass::list)),
    anywhere("POST", "/api/v1/emergency-denials", || post(breakglass::take)),
    everywhere("/openapi.json", || get(docs::document)),
    everywhere("/docs", || get(docs::index)),
    everywhere("/docs/", || get(docs::file)),
    everywhere("/docs/{file}", || get(docs::file)),
    direct("/authorization"),
    direct("/recognition"),
    public("GET", "/federation", || get(federation::page)),
    public("GET", "/metadata", || get(metadata::ayra)),
    public("GET", "/.well-known/trqp-metadata", || get(metadata::trqp)),
    public("GET", "/api/v1/issuers/{did}", || get(issuer::check)),
    public("POST", "/api/v1/issuers:batchCheck", || post(issuer::batch)),
    public("GET", "/api/v1/keys", || get(key::list)),
    public("GET", "/api/v1/keys:check", || get(key::check)),
    public("GET", "/api/v1/policy", || get(policy::get)),
    public("GET", "/api/v1/watch", || get(watch::watch)),
    public("GET", "/log/checkpoint", || get(log::checkpoint_file)),
    public("GET", "/log/tile/{*path}", || get(log::tile)),
    public("GET", "/api/v1/log/checkpoint", || get(log::checkpoint)),
    public("GET", "/api/v1/log/proof", || get(log::inclusion)),
    public("GET", "/api/v1/log/consistency", || get(log::consistency)),
    public("GET", "/api/v1/log/entries", || get(log::entries)),
    public("GET", "/api/v1/log/receipts/{seq}", || get(log::receipt)),
    public("GET", "/api/v1/schemas", || get(schema::list)),
    public("POST", "/api/v1/schemas:validate", || post(schema::validate)),
    public("GET", "/api/v1/schemas/{name}", || get(schema::get)),
    public("GET", "/api/v1/credential-types", || get(schema::types)),
    public("GET", "/api/v1/credential-types/{name}", || get(schema::get_type)),
    public("POST", "/api/v1/resolve", || post(resolve::resolve)),
    public("GET", "/entities", || get(ayra::entities)),
    public("GET", "/entities/{entity_id}", || get(ayra::entity)),
    public("GET", "/entities/{entity_id}/authorizations", || get(ayra::authorizations)),
    public("GET", "/ecosystems/{ecosystem_id}", || get(ayra::ecosystem)),
    public("GET", "/ecosystems/{ecosystem_id}/recognitions", || get(ayra::recognitions)),
    public("GET", "/lookups/assuranceLevels", || get(ayra::levels)),
    public("GET", "/lookups/authorizations", || get(ayra::terms)),
    public("GET", "/lookups/didMethods", || get(ayra::methods)),
    peer("POST", "/witness/add-checkpoint", || post(witness::add)),
    public("GET", "/witness/evidence", || get(witness::evidence)),
    // On every listener: a log that was restored must learn from it, wherever it may submit.
    everywhere("/witness/{hash}/checkpoint", || get(witness::checkpoint)),
    peer("POST", "/witness/add-entries", || post(mirror::add)),
    links("/api/v1/witnessed-logs", || get(witness::list)),
    public("GET", "/mirror/{hash}/{*path}", || get(mirror::read)),
    records("/api/v1/registries", || get(record::registries)),
    records("/api/v1/registry", || get(record::registry)),
    records("/api/v1/entities", || get(record::entities)),
    records("/api/v1/entities/{entity_id}", || get(record::entity)),
    records("/api/v1/accreditations", || get(record::accreditations)),
    records("/api/v1/accreditations/{accreditation_id}", || get(record::accreditation)),
    records("/api/v1/statements/{statement_id}", || get(record::statement)),
    records("/api/v1/delegations", || get(record::delegations)),
    records("/api/v1/delegations/{subordinate_id}", || get(record::delegation)),
    // OpenID Federation 1.0.
    public("GET", FETCH, || get(oidf::fetch)),
    public("GET", LIST, || get(oidf::list)),
    public("GET", RESOLVE, || get(oidf::resolve::resolve)),
    public("GET", TRUST_MARK, || get(oidf::mark)),
    public("POST", TRUST_MARK_STATUS, || post(oidf::status)),
    public("GET", TRUST_MARK_LIST, || get(oidf::marked)),
    // AuthZEN 1.0.
    public("GET", "/.well-known/authzen-configuration", || get(authzen::configuration)),
    direct(authzen::EVALUATION),
    public("POST", authzen::EVALUATIONS, || post(authzen::evaluations)),
    // EBSI: Trusted Issuers Registry v5, Trusted Schemas Registry v3.
    public("GET", "/trusted-issuers-registry/v5/issuers", || get(ebsi::issuer::list)),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}", || get(ebsi::issuer::one)),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/attributes", || get(ebsi::issuer::attributes)),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}", || {
        get(ebsi::issuer::attribute)
    }),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}/revisions", || {
        get(ebsi::issuer::revisions)
    }),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/attributes/{id}/revisions/{revision}", || {
        get(ebsi::issuer::revision)
    }),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/proxies", || get(ebsi::issuer::proxies)),
    public("GET", "/trusted-issuers-registry/v5/issuers/{did}/proxies/{proxy}", || get(ebsi::issuer::proxy)),
    public("GET", "/trusted-schemas-registry/v3/schemas", || get(ebsi::schema::list)),
    public("GET", "/trusted-schemas-registry/v3/schemas/{id}", || get(ebsi::schema::one)),
    public("GET", "/trusted-schemas-registry/v3/schemas/{id}/revisions", || get(ebsi::schema::revisions)),
    public("GET", "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}", || {
        get(ebsi::schema::revision)
    }),
    public("GET", "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}/metadata", || {
        get(ebsi::schema::metadata_list)
    }),
    public(
        "GET",
        "/trusted-schemas-registry/v3/schemas/{id}/revisions/{revision}/metadata/{metadata}",
        || get(ebsi::schema::metadata),
    ),
    public("GET", "/did-registry/v5/identifiers", || get(ebsi::did::list)),
    public("GET", "/did-registry/v5/identifiers/{did}", || get(ebsi::did::one)),
    // DID resolution.
    public("GET", "/1.0/identifiers/{did}", || get(did::identifier)),
    public("GET", "/e/{name}/did.json", || get(did::hosted)),
    staff("GET", "/api/v1/dids", || get(did::watched)),
    // Lists of trusted entities.
    public("GET", "/lists/lote", || get(lists::lote)),
    public("GET", "/lists/recognized-entities", || get(lists::recognized)),
    public("POST", "/api/v1/applications:submit", || post(application::submit)),
    public("POST", "/api/v1/applications:inquire", || post(application::inquire)),
    site("/metrics", || get(health::metrics)),
    staff("GET", "/api/v1/proposals", || get(governance::list)),
    staff("POST", "/api/v1/proposals", || post(governance::propose)),
    staff("GET", "/api/v1/proposals/{id}", || get(governance::get)),
    verbs("/api/v1/proposals/{id}", || post(governance::act)),
    staff("POST", "/api/v1/emergency-suspensions", || post(governance::suspend)),
    staff("GET", "/api/v1/procedures", || get(procedure::list)),
    staff("GET", "/api/v1/procedures/{id}", || get(procedure::get)),
    staff("GET", "/api/v1/applications", || get(application::list)),
    staff("POST", "/api/v1/applications:sign", || post(application::sign)),
    staff("GET", "/api/v1/applications/{application_id}", || get(application::get)),
    verbs("/api/v1/applications/{application_id}", || post(application::act)),
    staff("GET", "/api/v1/staff", || get(governance::members)),
    staff("GET", "/api/v1/events", || get(audit::events)),
    staff("GET", "/api/v1/accesses", || get(audit::accesses)),
    staff("GET", "/api/v1/credentials", || get(credential::list)),
    verbs("/api/v1/credentials/{id}", || post(credential::act)),
    staff("GET", "/api/v1/webhooks", || get(webhook::list)),
    staff("POST", "/api/v1/webhooks", || post(webhook::create)),
    staff("GET", "/api/v1/webhooks/{id}", || get(webhook::get)),
    staff("DELETE", "/api/v1/webhooks/{id}", || delete(webhook::remove)),
    verbs("/api/v1/webhooks/{id}", || post(webhook::act)),
    staff("GET", "/api/v1/webhooks/{id}/deliveries", || get(webhook::deliveries)),
    staff("GET", "/api/v1/privacy/records", || get(privacy::records)),
    bootstrap("/api/v1/import/records", || post(import::records)),
    bootstrap("/api/v1/import/delegations", || post(import::delegation)),
    bootstrap("/api/v1/import/schemas", || post(import::schema)),
    bootstrap("/api/v1/import/status", || post(import::status)),
    bootstrap("/api/v1/import/seal", || post(import::seal)),
];

pub fn router(app: &Arc<App>, listener: &Listener) -> Router {
    let router = route::router(ROUTES, listener);
    router.fallback(unknown).method_not_allowed_fallback(not_allowed).with_state(Arc::clone(app))
}

async fn unknown(uri: http::Uri) -> Error {
    Error::new(
        Code::NotFound,
        format!("there is nothing at `{}`", uri.path().chars().take(200).collect::<String>()),
    )
}

/// The `Allow` header comes from the router.
async fn not_allowed(path: MatchedPath) -> Error {
    let here = ROUTES.iter().filter(|route| route.path == path.as_str());
    let takes: Vec<_> = here.map(|route| route.method).collect();
    Error::new(Code::MethodNotAllowed, format!("this path takes {}", takes.join(" and ")))
}
