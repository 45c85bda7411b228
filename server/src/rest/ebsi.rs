//! EBSI's registries as they are read: Trusted Issuers Registry v5, Trusted Schemas Registry v3, DID Registry v5. Paths,
//! members, pages and texts of errors are EBSI's own; entity tags are added.

pub mod did;
pub mod issuer;
mod page;
mod problem;
pub mod schema;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::Response,
};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::timeout_at;

use super::transcode;
use crate::{
    App, Error,
    app::ebsi::{Fault, Page},
    door::Here,
    error::Code,
    etag,
};

/// Asked again each time, and not sent again where it is the same.
const KEEP: &str = "no-cache";
const JSON: &str = "application/json";
/// Longest segment of a path that is looked at.
const MAX_SEGMENT: usize = 2_048;

/// What a request has that these reads look at.
pub struct Read {
    app: Arc<App>,
    here: Here,
    headers: HeaderMap,
    uri: Uri,
}

impl FromRequestParts<Arc<App>> for Read {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let here = parts.extensions.get::<Here>().copied().ok_or_else(transcode::lost)?;
        Ok(Self { app: Arc::clone(app), here, headers: parts.headers.clone(), uri: parts.uri.clone() })
    }
}

/// What an answer is made of, with its entity tag where that is known.
struct Shown {
    kind: &'static str,
    body: Bytes,
    etag: Option<String>,
}

impl From<Value> for Shown {
    fn from(value: Value) -> Self {
        Self { kind: JSON, body: Bytes::from(value.to_string()), etag: None }
    }
}

impl Read {
    /// A segment after `/<registry>/<version>`: as it was sent where it is a DID whose own `%` is not encoded, else
    /// decoded once.
    fn segment(&self, at: usize) -> Result<String, Fault> {
        let raw = self.uri.path().split('/').nth(at + 3).unwrap_or_default();
        let refused = || Error::new(Code::Invalid, "a segment of the path is too long, or not UTF-8");
        if raw.len() > MAX_SEGMENT {
            return Err(refused().into());
        }
        if raw.starts_with("did:") && !raw.contains("%25") {
            return Ok(raw.to_owned());
        }
        Ok(percent_decode_str(raw).decode_utf8().map_err(|_| refused())?.into_owned())
    }

    /// Where this registry is, as others reach it, without a slash at the end.
    fn base(&self) -> Result<&str, Fault> {
        Ok(self.app.tenant(self.here.registry)?.config.public_url.trim_end_matches('/'))
    }

    fn page(&self) -> Result<Page, Fault> {
        let ([], page) = page::parameters(&self.uri, [])?;
        Ok(page)
    }

    /// Runs until the request's deadline.
    async fn within<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let late = |_| Error::new(Code::DeadlineExceeded, "it took longer than the request may");
        timeout_at(self.here.deadline, work).await.map_err(late)?
    }

    fn answer<T: Into<Shown>>(&self, found: Result<T, Fault>) -> Response<Body> {
        match found {
            Ok(shown) => self.sent(shown.into()),
            Err(fault) => problem::of(fault),
        }
    }

    fn sent(&self, shown: Shown) -> Response<Body> {
        let tag = shown.etag.unwrap_or_else(|| tag(&shown.body));
        let held = etag::is_held(&self.headers, &tag);
        let mut response = Response::new(if held { Body::empty() } else { Body::from(shown.body) });
        let headers = response.headers_mut();
        if !held {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.kind));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEEP));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // The same address is that of each registry that answers there.
        headers.insert(header::VARY, HeaderValue::from_static("charter-registry"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        if held {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    }
}

fn tag(body: &Bytes) -> String {
    let digest: String = format!("{:x}", Sha256::digest(body)).chars().take(32).collect();
    format!("\"{digest}\"")
}
