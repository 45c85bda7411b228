//! Health: `/livez` (the process runs), `/readyz` (it can answer, or why not), `/metrics`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{App, telemetry};

pub async fn live() -> &'static str {
    "ok\n"
}

pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let reasons = reasons(&app).await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons, "details": details(&app) })))
        .into_response()
}

/// What a person should look at, though questions are answered: logs that stand still, logs in quarantine.
pub fn details(app: &App) -> Vec<String> {
    let stopped = app.hosted.tenants().filter_map(|tenant| {
        let why = app.logs.stopped(tenant.registry.id)?;
        Some(format!("the log of `{}` stands still: {why}", tenant.registry.authority))
    });
    let quarantined = app.hosted.quarantine.origins();
    let quarantined = quarantined.iter().map(|origin| format!("the log `{origin}` showed two histories"));
    stopped.chain(quarantined).collect()
}

/// Why this process should not be sent questions.
pub async fn reasons(app: &App) -> Vec<String> {
    let mut reasons = Vec::new();
    if !app.register.usable() {
        reasons.push("the epoch lease is lost: answers come from Postgres or not at all".to_owned());
    }
    let read = tokio::time::timeout(Duration::from_secs(1), app.store.registries()).await;
    if !matches!(read, Ok(Ok(_))) {
        reasons.push("the database cannot be read".to_owned());
    }
    let now = app.clock.now();
    for tenant in app.hosted.tenants().take(16) {
        if let Ok(Some(exp)) = app.store.earliest_expiry(tenant.registry.id).await
            && exp <= now
        {
            reasons.push(format!(
                "documents of `{}` have expired: the signer is behind",
                tenant.registry.authority
            ));
        }
    }
    reasons
}

pub async fn metrics() -> Response {
    let Some(handle) = telemetry::metrics() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}
