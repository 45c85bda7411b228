//! The description of this interface, and the page that shows it: both from this program, nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, Uri, header},
};
use bytes::Bytes;
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

use crate::{Error, error::Code, openapi};

/// The page's own policy: its scripts, its styles, its pictures, and questions to this server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi::text()));

/// A document of this program, under the policy (CSP) of its page.
pub(super) fn sent(kind: &str, policy: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// `GET /openapi.json`
pub async fn document() -> Response<Body> {
    sent("application/json", HeaderValue::from_static(POLICY), Body::from(DOCUMENT.clone()))
}

/// `GET /docs`: the page's own links are relative to `/docs/`.
pub async fn index() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("docs/"));
    response
}

/// `GET /docs/` and the files beside it.
pub async fn file(uri: Uri) -> Result<Response<Body>, Error> {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let missing = || Error::not_found("page", name.chars().take(100).collect::<String>());
    let config = Arc::new(Config::from("../openapi.json").validator_url("none"));
    let found =
        serve(name, config).map_err(|_| Error::new(Code::Internal, "an error of ours; it was logged"))?;
    let SwaggerFile { bytes, content_type, gzpipped, .. } = found.ok_or_else(missing)?;
    let mut response = sent(&content_type, HeaderValue::from_static(POLICY), Body::from(bytes.into_owned()));
    if gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
