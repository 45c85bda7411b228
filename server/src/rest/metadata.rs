//! What a registry says of itself: Ayra `/metadata` and `/.well-known/trqp-metadata`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};

use crate::{App, Error, door::Here};

/// Ayra profile, 2.3: exactly these members.
pub async fn ayra(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    let tenant = app.tenant(here.registry)?;
    let id = &tenant.registry.authority;
    let mut value = json!({
        "id": id,
        "name": tenant.registry.name,
        "description": format!("Trust registry of {} ({})", tenant.registry.name, tenant.registry.jurisdiction),
        "controllers": [id],
        "authority_id": id,
        "supported_did_methods": ["did:web"],
    });
    if let Some(framework) = &tenant.config.governance_framework {
        value["governance_framework_id"] = json!(framework);
    }
    Ok(Json(value))
}

/// What a client needs to know to ask: version, endpoints, freshness, context keys.
pub async fn trqp(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    let tenant = app.tenant(here.registry)?;
    let limits = &app.config.limits;
    Ok(Json(json!({
        "trqp_version": "2.0",
        "authority_id": tenant.registry.authority,
        "trqp_endpoint": tenant.config.public_url,
        "grpc_endpoint": tenant.config.public_url,
        "query_types": ["authorization", "recognition"],
        "governance_framework": tenant.config.governance_framework,
        "history_since": tenant.registry.history_since,
        "context_allowlist": [
            "time", "locator", "jurisdiction", "known_at", "evidence", "follow_recognition", "max_staleness",
        ],
        "freshness": {
            "max_staleness_seconds": 0,
            "default_expires_seconds": app.config.answers.max_age_secs,
        },
        "rate_limits": {
            "per_ip_rps": limits.per_address_rps,
            "burst": limits.per_address_burst,
        },
        "auth": { "required": false },
        "signing": { "supported": true, "algorithms": ["ES256", "EdDSA"] },
        "keys": app.hosted.keys(here.registry).await?,
    })))
}
