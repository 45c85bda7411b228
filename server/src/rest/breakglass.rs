//! Denials of an emergency: posted by whoever carries one, listed for everybody. Their signatures are the credential.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderName, Request, header},
};
use charter_domain::Invalid;
use charter_proof::breakglass::{EmergencyDenial, MAX_BYTES};
use serde_json::{Value, json};

use super::body;
use crate::{App, Error, breakglass};

/// Most that are listed, the last first.
const MOST: usize = 100;

/// `POST /api/v1/emergency-denials`: the file of `charterd emergency deny`. The same one again is no error.
pub async fn take(State(app): State<Arc<App>>, request: Request<Body>) -> Result<Json<Value>, Error> {
    let bytes = body::json_bytes(request, MAX_BYTES).await?;
    let denial = EmergencyDenial::parse(&bytes).map_err(|e| Invalid::new("denial", e.to_string()))?;
    let (jti, until) = (denial.terms().jti.clone(), denial.terms().ends());
    let new = breakglass::take(&app, denial).await?;
    Ok(Json(json!({ "jti": jti, "until": until, "new": new })))
}

/// `GET /api/v1/emergency-denials`: those in force on this server.
pub async fn list(State(app): State<Arc<App>>) -> ([(HeaderName, &'static str); 1], Json<Value>) {
    let held = app.hosted.breakglass.in_force();
    let shown: Vec<Value> = held.iter().rev().take(MOST).map(|held| json!(held.terms())).collect();
    ([(header::CACHE_CONTROL, "no-cache")], Json(json!({ "denials": shown, "total": held.len() })))
}
