//! The witness over HTTP (C2SP tlog-witness), the evidence that it keeps, and the reads of `WitnessService`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{self, State},
    http::{Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use charter_proto::charter::registry::v1::witness_service_server::WitnessService as _;
use serde_json::{Value, json};

use super::{
    body,
    transcode::{Method, Read},
};
use crate::{
    App, Error,
    door::Here,
    error::Code,
    witness::{
        evidence,
        serve::{self, MAX_REQUEST, Refused},
        state,
    },
};

/// Signature lines, a size, and checkpoints are text.
const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

pub const LOGS: Method =
    Method { service: "charter.registry.v1.WitnessService", name: "ListWitnessedLogs", segment: None };

/// `add-checkpoint`: 200 with signature lines, 409 with the size of the last checkpoint that was cosigned, or a problem.
pub async fn add(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Response {
    let answered = match body::bytes(request, MAX_REQUEST).await {
        Ok(bytes) => serve::add_checkpoint(&app, here.registry, &bytes).await,
        Err(error) => Err(error.into()),
    };
    let response = match answered {
        Ok(lines) => ([(header::CONTENT_TYPE, TEXT)], lines).into_response(),
        Err(Refused::Conflict(size)) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], format!("{size}\n")).into_response()
        }
        Err(Refused::Other(error)) => error.into_response(),
    };
    let status = response.status().as_str().to_owned();
    metrics::counter!("charter_witness_answers_total", "status" => status).increment(1);
    response
}

/// Monitor Retrieval Mechanism: the last checkpoint that was cosigned of a log, named by the SHA-256 of its origin.
pub async fn checkpoint(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    extract::Path(hash): extract::Path<String>,
) -> Result<Response, Error> {
    let tenant = app.tenant(here.registry)?;
    let told = tenant.config.witness.logs.iter().any(|log| state::hash(&log.origin) == hash);
    let folder = state::folder(&app.config.log_store.dir, &tenant.registry.slug);
    let found = match told {
        true => tokio::task::spawn_blocking(move || state::shown(&folder, &hash)).await.map_err(failed)?,
        false => Ok(None),
    };
    let found = found.map_err(failed)?;
    let bytes = found.ok_or_else(|| Error::new(Code::NotFound, "nothing of such a log was cosigned here"))?;
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-cache")], bytes).into_response())
}

/// Evidence of logs that showed two histories: texts that verify by themselves.
pub async fn evidence(State(app): State<Arc<App>>) -> Result<Json<Value>, Error> {
    let dir = app.config.log_store.dir.clone();
    let listed = tokio::task::spawn_blocking(move || evidence::list(&dir)).await.map_err(failed)?;
    let listed = listed.map_err(failed)?;
    let shown: Vec<Value> =
        listed.into_iter().map(|kept| json!({ "sha256": kept.id, "text": kept.text })).collect();
    Ok(Json(json!({ "evidence": shown })))
}

/// `GET /api/v1/witnessed-logs`
pub async fn list(read: Read) -> Result<Response, Error> {
    read.answer(LOGS, |door, r| async move { door.list_witnessed_logs(r).await }).await
}

fn failed(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the witness's files cannot be read");
    Error::new(Code::Internal, "an error of ours; it was logged")
}
