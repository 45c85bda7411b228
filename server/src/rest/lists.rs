//! Signed lists of who may do what: `GET /lists/lote` and `GET /lists/recognized-entities`.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};

use super::{
    log::{bytes, unkept},
    query,
};
use crate::{
    App, Error,
    app::lists::{self, Format, Signed},
    door::Here,
    etag,
};

/// Media type of a compact JWS (RFC 7515, 9.2.1).
pub const JOSE: &str = "application/jose";
/// Media type of a credential as a JWT (VC-JOSE-COSE, 6.3.1).
pub const CREDENTIAL: &str = "application/vc+jwt";
/// A cache asks again each time: a revocation must not wait for it.
const ASK: &str = "no-cache";

/// `GET /lists/lote`: ETSI TS 119 602, compact JAdES baseline B.
pub async fn lote(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    answer(&app, &here, (&headers, &uri), (Format::Lote, JOSE)).await
}

/// `GET /lists/recognized-entities`: W3C Recognized Entities v1.0 (draft), a VC-JWT.
pub async fn recognized(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    answer(&app, &here, (&headers, &uri), (Format::RecognizedEntities, CREDENTIAL)).await
}

async fn answer(
    app: &Arc<App>,
    here: &Here,
    (headers, uri): (&HeaderMap, &Uri),
    (format, kind): (Format, &'static str),
) -> Response<Body> {
    let found: Result<Signed, Error> = match query::parameters(uri, []) {
        Ok([]) => lists::list(app, here.registry, format).await,
        Err(error) => Err(error),
    };
    let mut response = found.map_or_else(unkept, |signed| tagged(headers, kind, signed));
    // The same address is that of each registry that answers there.
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("charter-registry"));
    response
}

/// The list with its tag; 304 for who holds it already.
fn tagged(headers: &HeaderMap, kind: &'static str, signed: Signed) -> Response<Body> {
    let held = etag::is_held(headers, &signed.etag);
    let mut response = bytes(kind, ASK, if held { Body::empty() } else { Body::from(signed.bytes) });
    if held {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if let Ok(tag) = HeaderValue::from_str(&signed.etag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
