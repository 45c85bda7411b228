//! Headers of a change, and answers that name what they show.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::{Error, app::once::Asked, error::Code, etag};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The one value of a header; empty where it is absent.
fn text(headers: &HeaderMap, name: &HeaderName) -> Result<String, Error> {
    let mut all = headers.get_all(name).iter();
    let (first, second) = (all.next(), all.next());
    let text = first.map_or(Ok(""), HeaderValue::to_str).ok().filter(|_| second.is_none());
    let text = text.ok_or_else(|| Error::new(Code::Invalid, format!("`{name}` must be one value")))?;
    Ok(text.trim().to_owned())
}

/// `Idempotency-Key`: the request id, bare or quoted as a structured field.
pub fn request_id(headers: &HeaderMap) -> Result<String, Error> {
    Ok(text(headers, &IDEMPOTENCY_KEY)?.trim_matches('"').to_owned())
}

/// `Idempotency-Key` is the request id, `If-Match` the etag.
pub fn asked(headers: &HeaderMap, validate_only: bool) -> Result<Asked, Error> {
    let etag = text(headers, &header::IF_MATCH)?;
    Ok(Asked::parse(&request_id(headers)?, &etag, validate_only)?)
}

/// JSON with its `ETag`, where it has one; 304 without a body for who holds it already.
pub fn tagged<T: Serialize>(headers: &HeaderMap, tag: &str, shown: &T) -> Response<Body> {
    let held = !tag.is_empty() && etag::is_held(headers, tag);
    let Ok(text) = serde_json::to_string(shown) else {
        return Error::new(Code::Internal, "an error of ours; it was logged").into_http();
    };
    let mut response = Response::new(if held { Body::empty() } else { Body::from(text) });
    if held {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    if let Some(tag) = HeaderValue::from_str(tag).ok().filter(|tag| !tag.is_empty()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
