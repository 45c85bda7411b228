//! The issuer check: `GET /api/v1/issuers/{did}` and `POST /api/v1/issuers:batchCheck`. Local registry only.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use charter_domain::{EntityId, Timestamp};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body;
use crate::{App, Error, app::entity, door::Here, error::Code};

/// Most ids in one batch.
const MAX_BATCH: usize = 100;

/// The DID as the caller wrote it. axum's `Path` decodes `%3A` within a DID into a different DID, so the raw
/// segment is read: a segment that begins with `did:` is taken as it stands, any other is decoded once.
fn segment(uri: &Uri) -> Result<EntityId, Error> {
    let raw = uri.path().rsplit('/').next().unwrap_or_default();
    if raw.starts_with("did:") {
        return Ok(EntityId::parse(raw).map_err(|e| e.at("did"))?);
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Error::new(Code::Invalid, "the DID is not UTF-8"))?;
    Ok(EntityId::parse(&decoded).map_err(|e| e.at("did"))?)
}

fn at(uri: &Uri) -> Result<Option<Timestamp>, Error> {
    let Some(query) = uri.query() else { return Ok(None) };
    let mut found = None;
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name != "at" || found.is_some() {
            return Err(Error::new(
                Code::Invalid,
                format!("`{name}` is not a parameter here, or stands twice"),
            ));
        }
        let value = percent_decode_str(value).decode_utf8_lossy();
        found = Some(Timestamp::parse(&value).map_err(|e| e.at("at"))?);
    }
    Ok(found)
}

async fn view(app: &App, here: &Here, id: &EntityId, wish: Option<Timestamp>) -> Result<Value, Error> {
    let tenant = app.tenant(here.registry)?;
    let now = app.clock.now();
    let at = wish.unwrap_or(now);
    let since = tenant.registry.history_since;
    if at < since {
        return Err(Error {
            field: Some("at".into()),
            ..Error::new(Code::TimeOutOfRange, format!("before {since}"))
        });
    }
    let found = entity::shown(app, here.registry, id.as_str()).await?;
    Ok(entity::issuer(&found, id.as_str(), &tenant.config.language, at))
}

pub async fn check(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let body = view(&app, &here, &segment(&uri)?, at(&uri)?).await?.to_string();
    let etag = format!("\"{:x}\"", Sha256::digest(&body));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|list| {
        list.split(',').map(|t| t.trim().trim_start_matches("W/")).any(|t| t == etag || t == "*")
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (json, body).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    issuers: Vec<String>,
    #[serde(default)]
    at: Option<Timestamp>,
}

pub async fn batch(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Result<Json<Value>, Error> {
    let batch: Batch = body::parse(&body::json_bytes(request, body::BATCH).await?)?;
    if batch.issuers.is_empty() || batch.issuers.len() > MAX_BATCH {
        return Err(Error::new(Code::Invalid, format!("`issuers` must have 1 to {MAX_BATCH} members")));
    }
    let one = async |id: &String| -> Result<Value, Error> {
        let parsed = EntityId::parse(id).map_err(|e| e.at("issuers"))?;
        view(&app, &here, &parsed, batch.at).await
    };
    let mut items = Vec::with_capacity(batch.issuers.len());
    for id in &batch.issuers {
        // Each item has its own outcome; only our own failures fail the whole.
        items.push(match one(id).await {
            Ok(value) => value,
            Err(e) if matches!(e.code, Code::Internal | Code::Unavailable) => return Err(e),
            Err(e) => json!({ "issuerDID": id, "error": e.problem() }),
        });
    }
    Ok(Json(json!({ "items": items })))
}
