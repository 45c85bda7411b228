//! Mirrors over HTTP (C2SP tlog-mirror): logs upload their entries, anybody reads the copies.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};

use super::log::{checkpoint_text, tile_bytes, unkept};
use crate::{
    App, Error,
    door::Here,
    error::Code,
    mirror::receive::{self, Info, Received},
};

const INFO: &str = "text/x.tlog.mirror-info";
const PREFIX: &str = "/mirror/";

/// `POST /witness/add-entries`: 200 with signature lines, 202 or 409 with what to send next, or a problem.
pub async fn add(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Response {
    let answered = if request.headers().contains_key(header::CONTENT_ENCODING) {
        Err(Error::new(Code::UnsupportedMediaType, "compressed bodies are not accepted"))
    } else {
        receive::add_entries(&app, here.registry, request.into_body()).await
    };
    let response = match answered {
        Ok(Received::Signed(line)) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{line}\n")).into_response()
        }
        Ok(Received::Partly(next)) => info(StatusCode::ACCEPTED, next),
        Ok(Received::Conflict(next)) => info(StatusCode::CONFLICT, next),
        Err(error) => error.into_response(),
    };
    let status = response.status().as_str().to_owned();
    metrics::counter!("charter_mirror_answers_total", "status" => status).increment(1);
    response
}

/// The third line would be a ticket.
fn info(status: StatusCode, next: Info) -> Response {
    let text = format!("{}\n{}\n\n", next.size, next.next);
    (status, [(header::CONTENT_TYPE, INFO)], text).into_response()
}

/// `GET /mirror/<SHA-256 of the origin>/checkpoint` and `.../tile/...`, as the log itself serves them. The path is taken
/// as it was sent: nothing is decoded.
pub async fn read(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let path = uri.path().strip_prefix(PREFIX).and_then(|path| path.split_once('/'));
    let found = match path {
        Some((hash, "checkpoint")) => receive::shown(&app, here.registry, hash, None).await,
        Some((hash, path)) => match path.parse() {
            Ok(tile) => receive::shown(&app, here.registry, hash, Some(tile)).await,
            Err(e) => Err(Error::new(Code::NotFound, format!("{e}"))),
        },
        None => Err(Error::new(Code::NotFound, "name a log by the SHA-256 of its origin")),
    };
    match (found, path) {
        (Ok(bytes), Some((_, "checkpoint"))) => checkpoint_text(&headers, &String::from_utf8_lossy(&bytes)),
        (Ok(bytes), _) => tile_bytes(bytes),
        (Err(error), _) => unkept(error),
    }
}
