//! Health: `/livez` (the process runs), `/readyz` (it can answer, or why not), `/metrics`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use charter_store::nodes::{NodeState, Role};
use futures::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::timeout;

use crate::{App, breakglass, hosted::Tenant, telemetry, tls::life};

/// What is asked of the database is given up after this: whoever asks whether to send questions here gets an answer within
/// a second, whatever hangs.
const PATIENCE: Duration = Duration::from_millis(800);
/// Registries whose documents are looked at, and how many at the same time.
const MOST: usize = 16;
const AT_ONCE: usize = 4;

pub async fn live() -> &'static str {
    "ok\n"
}

pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let reasons = reasons(&app).await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons, "details": details(&app) })))
        .into_response()
}

/// What a person should look at, though questions are answered: logs that stand still, logs in quarantine, certificates
/// that end.
pub fn details(app: &App) -> Vec<String> {
    let stopped = app.hosted.tenants().filter_map(|tenant| {
        let why = app.logs.stopped(tenant.registry.id)?;
        Some(format!("the log of `{}` stands still: {why}", tenant.registry.authority))
    });
    let quarantined = app.hosted.quarantine.origins();
    let quarantined = quarantined.iter().map(|origin| format!("the log `{origin}` showed two histories"));
    let ending = life::soon(&app.certificates, app.clock.now());
    stopped.chain(quarantined).chain(ending).chain(breakglass::details(app)).chain(nodes(app)).collect()
}

/// Of a database of several nodes: those that are not heard of, and that none takes changes.
fn nodes(app: &App) -> Vec<String> {
    let nodes = app.store.nodes();
    let (several, writer) = (nodes.len() > 1, nodes.iter().any(|node| node.role == Role::Primary));
    let mut told: Vec<String> = nodes.iter().filter(|node| several && !node.counts).map(missing).collect();
    if several && !writer {
        told.push(
            "no node of the database takes changes: they are `NOT_PRIMARY`, and questions are answered"
                .to_owned(),
        );
    }
    told
}

/// A node that does not count, in words.
fn missing(node: &NodeState) -> String {
    let heard = node.answered_ms_ago.map_or_else(
        || "has not answered yet".to_owned(),
        |ms| format!("answered last {:.1} s ago", Duration::from_millis(ms).as_secs_f64()),
    );
    format!("the database's node `{}` does not count: it {heard}", node.host)
}

/// Why this process should not be sent questions.
pub async fn reasons(app: &App) -> Vec<String> {
    let mut reasons = Vec::new();
    if !app.register.usable() {
        reasons.push(lost(app));
    }
    if app.store.is_astray() {
        reasons
            .push("the clock of this machine is more than 60 s from the database's: set it right".to_owned());
    }
    let (read, expired) =
        tokio::join!(timeout(PATIENCE, app.store.registries()), timeout(PATIENCE, expired(app)));
    if !matches!(read, Ok(Ok(_))) {
        reasons.push("the database cannot be read".to_owned());
    }
    reasons.extend(expired.into_iter().flatten());
    reasons
}

/// That nothing is proven now, and since when.
fn lost(app: &App) -> String {
    let since = app.register.proven().map(|proven| app.register.ticks().now().since(proven).as_secs());
    let since =
        since.map_or_else(|| "it was never held".to_owned(), |secs| format!("last held {secs} s ago"));
    let (counting, needed) = app.store.quorum();
    let nodes = app.store.nodes().len();
    let why = if nodes > 1 && counting < needed {
        format!(", {counting} of {nodes} nodes of the database count and {needed} are needed")
    } else {
        String::new()
    };
    format!(
        "the epoch lease is lost ({since}{why}): what is answered must be read from the database, or is `STALE` but \
         for callers who accept older answers"
    )
}

/// Registries whose documents have expired, in words.
async fn expired(app: &App) -> Vec<String> {
    let looks: Vec<_> = app.hosted.tenants().take(MOST).map(|tenant| overdue(app, tenant)).collect();
    let found: Vec<Option<String>> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

async fn overdue(app: &App, tenant: &Tenant) -> Option<String> {
    let first = app.store.earliest_expiry(tenant.registry.id).await.ok().flatten()?;
    let text = || format!("documents of `{}` have expired: the signer is behind", tenant.registry.authority);
    (first <= app.clock.now()).then(text)
}

pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let Some(handle) = telemetry::metrics() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    telemetry::gauges::look(&app).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}
