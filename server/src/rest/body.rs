//! Request bodies: JSON, bounded, parsed into types.

use axum::{body::Body, http::Request};
use bytes::Bytes;
use charter_domain::json;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::{Error, error::Code};

/// Largest body of one question, and of a batch.
pub const SINGLE: usize = 64 * 1024;
pub const BATCH: usize = 256 * 1024;
/// And of what is loaded.
pub const LOAD: usize = 4 * 1024 * 1024;

/// The bytes of a JSON POST: 405, 415 and 413 as problems.
pub async fn json_bytes(request: Request<Body>, limit: usize) -> Result<Bytes, Error> {
    if request.method() != Method::POST {
        return Err(Error::new(Code::MethodNotAllowed, "this path takes POST"));
    }
    if !is_json(request.headers()) {
        return Err(Error::new(Code::UnsupportedMediaType, "send `Content-Type: application/json`"));
    }
    shallow(bytes(request, limit).await?)
}

/// The bytes of a body of any type, as they are: 415 and 413 as problems.
pub async fn bytes(request: Request<Body>, limit: usize) -> Result<Bytes, Error> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Error::new(Code::UnsupportedMediaType, "compressed bodies are not accepted"));
    }
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Error::new(Code::TooLarge, format!("the body is larger than {limit} bytes")))
        }
        Err(_) => Err(Error::new(Code::Invalid, "the body could not be read")),
    }
}

/// Deepest nesting accepted, in members that are ignored too.
const MAX_DEPTH: u32 = 8;

fn shallow(bytes: Bytes) -> Result<Bytes, Error> {
    let (mut depth, mut in_string, mut escaped) = (0u32, false, false);
    for byte in &bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::new(
                Code::Invalid,
                format!("the body is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
    }
    Ok(bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// A JSON value of a type; the fault names line and column, never the type's name.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| invalid(&e))
}

/// The same of what becomes part of a change: no reader could understand the bytes otherwise.
pub fn strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::new(Code::Invalid, "the body is not UTF-8"))?;
    let value = json::parse_strict(text).map_err(|e| match e.field.as_str() {
        json::WHOLE => Error::new(Code::Invalid, format!("the body {}", e.reason)),
        _ => e.into(),
    })?;
    serde_json::from_value(value).map_err(|e| invalid(&e))
}

pub fn invalid(e: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    let place = format!("at line {} column {}", e.line(), e.column());
    let detail = match e.classify() {
        Category::Eof | Category::Syntax | Category::Io => format!("the body is not JSON {place}"),
        Category::Data => {
            let text = e.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            format!("the body does not have the right members: {what}")
        }
    };
    Error::new(Code::Invalid, detail)
}
