//! The snapshot of a registry: the signed index, short-lived, and the files that it names, which never change.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use charter_proof::snapshot::MEDIA_TYPE;

use super::{
    log::{FOREVER, tagged, unkept},
    query,
};
use crate::{App, app::snapshot, door::Here};

/// Media type of the index.
pub const INDEX: &str = "application/snapshot-index+jwt";
/// As long as the index is served without looking for changes.
const BRIEF: &str = "public, max-age=2";
const PREFIX: &str = "/snapshot/";

/// `GET /snapshot`: the signed index; 304 for who holds it already.
pub async fn index(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let found = match query::parameters(&uri, []) {
        Ok([]) => snapshot::index(&app, here.registry).await,
        Err(error) => Err(error),
    };
    let mut response = found.map_or_else(unkept, |jws| tagged(&headers, (INDEX, BRIEF), jws.into_bytes()));
    // The same address is that of each registry that answers there.
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("charter-registry"));
    response
}

/// `GET /snapshot/<SHA-256>`. The path is taken as it was sent: nothing is decoded.
pub async fn file(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let found = match query::parameters(&uri, []) {
        Ok([]) => {
            let digest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
            snapshot::file(&app, here.registry, digest).await
        }
        Err(error) => Err(error),
    };
    found.map_or_else(unkept, |file| tagged(&headers, (MEDIA_TYPE, FOREVER), file))
}
