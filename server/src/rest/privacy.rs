//! `GET /api/v1/privacy/records?subject=`: what is held about somebody, as one object or as NDJSON.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use charter_store::privacy::Held;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{governance::who, query};
use crate::{App, Error, app::privacy, door::Here};

pub const NDJSON: &str = "application/x-ndjson";

/// Whether lines are asked for instead of one object.
pub fn wants_lines(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|part| part.split(';').next().is_some_and(|media| media.trim() == NDJSON))
}

fn record(held: &Held) -> Value {
    json!({ "place": held.place, "seq": held.seq, "erasable": held.erasable, "data": held.data })
}

pub async fn records(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Error> {
    let staff = who(&app, &here, &headers).await?;
    let [about] = query::parameters(&uri, ["subject"])?;
    let lines = wants_lines(&headers);
    let what = if lines { "EXPORT_PERSONAL_DATA" } else { "SHOW_PERSONAL_DATA" };
    let (subject, held) = privacy::held(&app, &staff, here.registry, &about, what).await?;
    if lines {
        let text: String = held.iter().map(|h| format!("{}\n", record(h))).collect();
        return Ok(([(header::CONTENT_TYPE, NDJSON)], text).into_response());
    }
    let truncated = held.len() > privacy::SHOWN;
    let records: Vec<Value> = held.iter().take(privacy::SHOWN).map(record).collect();
    Ok(Json(json!({ "subject": subject, "records": records, "truncated": truncated })).into_response())
}
