//! Schemas that are of no type of ours: how errors look, Charter's own and those of other standards.

use serde_json::{Map, Value, json};

/// By the names that operations refer to.
pub fn all() -> [(&'static str, Value); 4] {
    [
        ("Problem", problem()),
        ("EbsiProblem", ebsi_problem()),
        ("OidfError", oidf_error()),
        ("DidResult", did_result()),
    ]
}

fn object(required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn string() -> Value {
    json!({ "type": "string" })
}

fn list_of(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

fn problem() -> Value {
    let link = object(&[], &[("index", json!({ "type": "integer" })), ("authority_id", string())]);
    let statement = json!({ "type": ["string", "null"] });
    let referral = object(
        &[],
        &[("authority_id", string()), ("endpoint", string()), ("subordinate_statement", statement)],
    );
    let error = object(&[], &[("pointer", string()), ("code", string()), ("detail", string())]);
    let mut schema = object(
        &["type", "title", "status", "detail", "code", "retryable"],
        &[
            ("type", json!({ "type": "string", "format": "uri" })),
            ("title", string()),
            ("status", json!({ "type": "integer" })),
            ("detail", string()),
            ("code", string()),
            ("retryable", json!({ "type": "boolean" })),
            ("failing_link", link),
            ("referrals", list_of(&referral)),
            ("errors", list_of(&error)),
        ],
    );
    schema["description"] = json!("RFC 9457.");
    schema
}

/// What EBSI's reads answer with: RFC 9457 of type `about:blank`, or a problem of ours, which has all of its members.
fn ebsi_problem() -> Value {
    let status = json!({ "type": "integer" });
    object(
        &["type", "title", "status", "detail"],
        &[("type", string()), ("title", string()), ("status", status), ("detail", string())],
    )
}

/// OpenID Federation 1.0, 8.9.
fn oidf_error() -> Value {
    object(&["error", "error_description"], &[("error", string()), ("error_description", string())])
}

/// DID Resolution, 7.1.1: a result, or the error within its metadata.
fn did_result() -> Value {
    object(
        &["didDocument", "didResolutionMetadata", "didDocumentMetadata"],
        &[
            ("didDocument", json!({ "type": ["object", "null"] })),
            ("didResolutionMetadata", json!({ "type": "object" })),
            ("didDocumentMetadata", json!({ "type": "object" })),
        ],
    )
}
