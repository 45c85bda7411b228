//! W3C DID Resolution over HTTPS, documents of entities that have no site of their own, and what was found of others'.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use charter_credential::{Fault, Options};
use charter_domain::Timestamp;
use charter_store::did_watch::Watched;
use serde_json::{Value, json};

use super::{governance::who, query, transcode::segment};
use crate::{
    App, Error,
    app::did::{self, Found},
    door::Here,
    error::Code,
};

/// A result with its metadata (DID Resolution, 7.1), and the document alone (DID Core 1.0, 6).
const RESULT: &str = "application/did-resolution";
const DOCUMENTS: [&str; 3] = ["application/did", "application/did+ld+json", "application/did+json"];
const ERRORS: &str = "https://www.w3.org/ns/did#";

/// `GET /1.0/identifiers/{did}` (DID Resolution, 7.1.1).
pub async fn identifier(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Error> {
    let Some(media) = wanted(&headers) else {
        return Ok(refusal(
            "REPRESENTATION_NOT_SUPPORTED",
            "ask for application/did-resolution or application/did",
        ));
    };
    let options = match options(&uri) {
        Ok(options) => options,
        Err(refused) => return Ok(refused),
    };
    let Ok(did) = segment(&uri) else { return Ok(refusal("INVALID_DID", "the DID is not UTF-8")) };
    let resolving = did::resolve(&app, here.registry, &did, options);
    let found = tokio::time::timeout_at(here.deadline, resolving).await;
    Ok(answer(found.unwrap_or(Ok(Err(Fault::Unreachable)))?, media))
}

/// The first media type of `Accept` that there is; weights are not compared.
fn wanted(headers: &HeaderMap) -> Option<&'static str> {
    let all = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let mut asked =
        all.flat_map(|v| v.split(',')).map(|one| one.split(';').next().unwrap_or_default().trim());
    let Some(first) = asked.next() else { return Some(RESULT) };
    std::iter::once(first).chain(asked).find_map(|one| match one {
        "*/*" | "application/*" | "application/json" | "application/ld+json" => Some(RESULT),
        one => DOCUMENTS.into_iter().chain([RESULT]).find(|media| media.eq_ignore_ascii_case(one)),
    })
}

/// Parameters are options of the resolution (DID Resolution, 4.1).
fn options(uri: &Uri) -> Result<Options, Response> {
    let mut options = Options::default();
    let invalid = |why: &str| refusal("INVALID_OPTIONS", why);
    for (name, value) in query::all(uri).map_err(|_| invalid("an option stands twice"))? {
        match (name.as_str(), value.as_str()) {
            ("versionTime", time) => {
                let time =
                    Timestamp::parse(time).map_err(|_| invalid("`versionTime` must be an RFC 3339 time"))?;
                options.version_time = Some(time);
            }
            ("noCache", "true") => options.no_cache = true,
            ("noCache" | "expandRelativeUrls", "false") => {}
            ("versionId", _) => return Err(refusal("FEATURE_NOT_SUPPORTED", "versions have no ids here")),
            ("expandRelativeUrls", "true") => {
                return Err(refusal("FEATURE_NOT_SUPPORTED", "URLs stay as the document has them"));
            }
            ("noCache" | "expandRelativeUrls", _) => return Err(invalid("must be `true` or `false`")),
            _ => return Err(invalid("options are `versionTime`, `noCache` and `expandRelativeUrls`")),
        }
    }
    Ok(options)
}

fn answer(found: Found, media: &'static str) -> Response {
    match found {
        Ok(document) if media == RESULT => {
            let result = json!({
                "didDocument": document,
                "didResolutionMetadata": { "contentType": "application/did" },
                "didDocumentMetadata": {},
            });
            typed(StatusCode::OK, RESULT, &result)
        }
        Ok(document) => typed(StatusCode::OK, media, &document),
        Err(Fault::Deactivated) => {
            let result = json!({
                "didDocument": null,
                "didResolutionMetadata": {},
                "didDocumentMetadata": { "deactivated": true },
            });
            typed(StatusCode::GONE, RESULT, &result)
        }
        Err(fault) => refusal(fault.code(), &fault.to_string()),
    }
}

/// DID Resolution, 10 and 7.1.1: which error has which status.
fn status(code: &str) -> StatusCode {
    match code {
        "INVALID_DID" | "INVALID_OPTIONS" => StatusCode::BAD_REQUEST,
        "NOT_FOUND" => StatusCode::NOT_FOUND,
        "REPRESENTATION_NOT_SUPPORTED" => StatusCode::NOT_ACCEPTABLE,
        "METHOD_NOT_SUPPORTED" | "FEATURE_NOT_SUPPORTED" => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error is RFC 9457 within the metadata.
fn refusal(code: &str, detail: &str) -> Response {
    let title = code.replace('_', " ").to_ascii_lowercase();
    let result = json!({
        "didDocument": null,
        "didResolutionMetadata": {
            "error": { "type": format!("{ERRORS}{code}"), "title": title, "detail": detail },
        },
        "didDocumentMetadata": {},
    });
    typed(status(code), RESULT, &result)
}

fn typed(status: StatusCode, media: &'static str, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // Which of them it is depends on it.
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (status, headers, body.to_string()).into_response()
}

/// `GET /e/{name}/did.json`: where did:web looks for an entity whose DID is under the registry's.
pub async fn hosted(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
) -> Result<Response, Error> {
    match did::hosted(&app, here.registry, &name).await? {
        Ok(document) => Ok(typed(StatusCode::OK, "application/json", &document)),
        Err(Fault::Deactivated) => Ok(StatusCode::GONE.into_response()),
        Err(_) => Err(Error::new(Code::NotFound, "no entity has this DID here")),
    }
}

/// `GET /api/v1/dids[?changed=true]`: what was found of the DIDs of entities.
pub async fn watched(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let staff = who(&app, &here, &headers).await?;
    let [changed] = query::parameters(&uri, ["changed"])?;
    let changed = query::truth("changed", &changed)?;
    let list = did::watched(&app, &staff, here.registry, changed).await?;
    Ok(Json(json!({ "dids": list.iter().map(shown).collect::<Vec<_>>() })))
}

fn shown(w: &Watched) -> Value {
    json!({
        "did": w.did, "outcome": w.outcome, "finding": w.finding, "first_seen": w.first_seen(),
        "checked_at": w.checked_at(), "changed_at": w.changed_at(), "changes": w.changes,
    })
}
