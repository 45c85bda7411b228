//! Parameters that are named by hand: what each must be, and an example, is known by its name.

use serde_json::{Value, json};

use crate::rest::query::NUMBERS;

/// `true` or `false`.
const TRUTHS: [&str; 4] = ["changed", "noCache", "trust_marked", "intermediate"];
/// As the demonstration has them.
const EXAMPLES: [(&str, &str); 8] = [
    ("did", "did:web:helsinki.fi"),
    ("entity_id", "did:web:helsinki.fi"),
    ("subject", "did:web:helsinki.fi"),
    ("ecosystem_id", "did:web:education.trust.fi.example"),
    ("authority_id", "did:web:education.trust.fi.example"),
    ("action", "issue"),
    ("resource", "UniversityDegreeCredential"),
    ("seq", "1"),
];

pub fn parameter(place: &str, name: &str) -> Value {
    let mut made =
        json!({ "name": name, "in": place, "required": place == "path", "schema": schema(place, name) });
    if let Some((_, example)) = EXAMPLES.iter().find(|(of, _)| *of == name) {
        made["example"] = json!(example);
    }
    made
}

fn schema(place: &str, name: &str) -> Value {
    let kind = match name {
        _ if place != "query" => "string",
        name if NUMBERS.contains(&name) => "integer",
        name if TRUTHS.contains(&name) => "boolean",
        _ => "string",
    };
    json!({ "type": kind })
}
