//! Errors in EBSI's words: `application/problem+json` of type `about:blank`.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;

use crate::{app::ebsi::Fault, rest::log::unkept};

const BAD: &str = "Bad Request";
const REVISION: &str = "[\"schemaRevisionId must start with 0x\",\"schemaRevisionId must have 66 characters\",\
                        \"schemaRevisionId must be a hexadecimal number\"]";
/// Longest text of a caller that is repeated.
const SHOWN: usize = 300;

pub(super) fn of(fault: Fault) -> Response<Body> {
    let (status, title, detail) = match fault {
        Fault::Ours(error) => return unkept(error),
        Fault::Did => bad("[\"did must be a valid DID v1\"]"),
        Fault::SchemaId => bad("[\"schemaId must be a valid schema ID\"]"),
        Fault::RevisionId => bad(REVISION),
        Fault::Instant => bad("[\"valid-at must be a valid ISO 8601 date string\"]"),
        Fault::Query(text) => bad(text),
        Fault::PageSize => (
            StatusCode::BAD_REQUEST,
            "Bad Paging Request",
            "PageSize should not be greater than 50".to_owned(),
        ),
        Fault::Issuer(did) => missing("Issuer Not Found", format!("Issuer {} not found", cut(&did))),
        Fault::Attribute(id) => {
            missing("Attribute Not Found", format!("Attribute {} not found", marked(&id)))
        }
        Fault::Revision(id) => missing("Revision Not Found", format!("Revision {} not found", marked(&id))),
        Fault::Proxy(did, id) => {
            let detail = format!("Proxy {} of issuer {} can't be found", cut(&id), cut(&did));
            missing("Proxy Not Found", detail)
        }
        Fault::Schema(id) => missing("Schema Not Found", format!("Schema {} not found", cut(&id))),
        Fault::SchemaRevision(id) => {
            missing("Schema Revision Not Found", format!("Schema revision {} not found", cut(&id)))
        }
        Fault::Metadata(id) => missing("Metadata Not Found", format!("Metadata {} not found", cut(&id))),
        Fault::Identifier(did) => {
            missing("Identifier Not Found", format!("Identifier {} not found", cut(&did)))
        }
    };
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn bad(detail: &str) -> (StatusCode, &'static str, String) {
    (StatusCode::BAD_REQUEST, BAD, detail.to_owned())
}

fn missing(title: &'static str, detail: String) -> (StatusCode, &'static str, String) {
    (StatusCode::NOT_FOUND, title, detail)
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Ids of attributes are shown with their mark, however they were asked for.
fn marked(id: &str) -> String {
    format!("0x{}", cut(id.strip_prefix("0x").unwrap_or(id)))
}
