//! The transparency log over REST: the static paths of C2SP tlog-tiles under `/log/`, and the reads of `LogService`.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use charter_proto::charter::registry::v1::log_service_server::LogService as _;
use sha2::{Digest, Sha256};

use super::{
    query,
    transcode::{Method, Read},
};
use crate::{App, Error, app::log, door::Here, etag};

type Answer = Result<Response<Body>, Error>;

/// Prefix of the static paths.
const LOG: &str = "/log/";
/// Shorter than the time in which a log grows: nobody sees a checkpoint from a cache for longer than a second.
const BRIEF: &str = "public, max-age=1";
/// What has a name of its own never changes (C2SP tlog-tiles).
pub const FOREVER: &str = "public, max-age=31536000, immutable";

const fn method(name: &'static str) -> Method {
    Method { service: "charter.registry.v1.LogService", name, segment: None }
}

pub const CHECKPOINT: Method = method("GetCheckpoint");
pub const INCLUSION: Method = method("GetInclusionProof");
pub const CONSISTENCY: Method = method("GetConsistencyProof");
pub const ENTRIES: Method = method("GetEntries");
pub const RECEIPT: Method = Method { segment: Some("seq"), ..method("GetReceipt") };

/// Bytes of the log, with how long they may be kept.
pub fn bytes(kind: &'static str, keep: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A checkpoint with its `ETag`; 304 for who holds it already.
pub fn checkpoint_text(headers: &HeaderMap, text: &str) -> Response<Body> {
    tagged(headers, ("text/plain; charset=utf-8", BRIEF), text.to_owned().into_bytes())
}

/// Bytes under a name that others will have later, with their `ETag`; 304 for who holds them already.
pub fn tagged(
    headers: &HeaderMap,
    (kind, keep): (&'static str, &'static str),
    content: Vec<u8>,
) -> Response<Body> {
    let digest: String = format!("{:x}", Sha256::digest(&content)).chars().take(32).collect();
    let tag = format!("\"{digest}\"");
    let held = etag::is_held(headers, &tag);
    let body = if held { Body::empty() } else { Body::from(content) };
    let mut response = bytes(kind, keep, body);
    if held {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A tile or an entry bundle.
pub fn tile_bytes(tile: Vec<u8>) -> Response<Body> {
    bytes("application/octet-stream", FOREVER, tile)
}

/// What is not there now may be there soon: no cache keeps that it was not.
pub fn unkept(error: Error) -> Response<Body> {
    let mut response = error.into_http();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /log/checkpoint`
pub async fn checkpoint_file(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let found = query::parameters(&uri, []).and_then(|[]| log::published(&app, here.registry));
    found.map_or_else(unkept, |published| checkpoint_text(&headers, &published.text))
}

/// `GET /log/tile/<L>/<N>[.p/<W>]` and `GET /log/tile/entries/<N>[.p/<W>]`. The path is taken as it was sent: one tile
/// has one name, and nothing is decoded.
pub async fn tile(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Response<Body> {
    let found = match query::parameters(&uri, []) {
        Ok([]) => {
            let path = uri.path().strip_prefix(LOG).unwrap_or_default();
            log::tile(&app, here.registry, path).await
        }
        Err(error) => Err(error),
    };
    found.map_or_else(unkept, tile_bytes)
}

/// `GET /api/v1/log/checkpoint`
pub async fn checkpoint(read: Read) -> Answer {
    read.answer(CHECKPOINT, |door, r| async move { door.get_checkpoint(r).await }).await
}

/// `GET /api/v1/log/proof?seq=` or `?index=`, `&size=`
pub async fn inclusion(read: Read) -> Answer {
    read.answer(INCLUSION, |door, r| async move { door.get_inclusion_proof(r).await }).await
}

/// `GET /api/v1/log/consistency?old=&new=`
pub async fn consistency(read: Read) -> Answer {
    read.answer(CONSISTENCY, |door, r| async move { door.get_consistency_proof(r).await }).await
}

/// `GET /api/v1/log/entries?start=&limit=`
pub async fn entries(read: Read) -> Answer {
    read.answer(ENTRIES, |door, r| async move { door.get_entries(r).await }).await
}

/// `GET /api/v1/log/receipts/{seq}?wait=&timeout_ms=`
pub async fn receipt(read: Read) -> Answer {
    read.answer(RECEIPT, |door, r| async move { door.get_receipt(r).await }).await
}
