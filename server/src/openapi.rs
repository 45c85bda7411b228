//! The REST interface as OpenAPI 3.1: a path for every route of the table, with schemas from the answers' own types.

mod message;
mod named;
mod operations;
mod parameter;

use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;

pub use self::operations::{Operation, all};
use self::parameter::parameter;
use crate::{
    app::{
        emergency::Suspended,
        govern::view::{Approval, Decided, Shown},
    },
    proto,
    rest::{
        ROUTES,
        governance::{Act, Emergency, Propose},
        route::{Needs, Route},
        transcode::{FIELDS, Method, parameters},
    },
};

/// Named here, or the documentation would name the authors of the library.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Charter",
        version = "1",
        description = "A federated trust registry. TRQP v2, the Ayra profile's routes, the issuer check, resolution, and the governance of a sealed registry.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(Shown, Approval, Decided, Suspended, Propose, Act, Emergency))
)]
struct Base;

/// Public documents have schemas of their own; these are the ones that REST takes and gives.
const PUBLIC: [(&str, &str); 4] = [
    ("AuthorizationRequest", include_str!("../../schemas/authorization-request.schema.json")),
    ("AuthorizationResponse", include_str!("../../schemas/authorization-response.schema.json")),
    ("RecognitionRequest", include_str!("../../schemas/recognition-request.schema.json")),
    ("RecognitionResponse", include_str!("../../schemas/recognition-response.schema.json")),
];
/// An example for each of them that has one.
const EXAMPLES: [(&str, &str); 4] = [
    ("AuthorizationRequest", include_str!("../../schemas/examples/authorization-request.json")),
    ("AuthorizationResponse", include_str!("../../schemas/examples/authorization-response.json")),
    ("RecognitionRequest", include_str!("../../schemas/examples/recognition-request.json")),
    ("RecognitionResponse", include_str!("../../schemas/examples/recognition-response.json")),
];

/// The whole document, as it is served and as `schemas/openapi.json` has it.
pub fn text() -> String {
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}

pub fn document() -> Value {
    let mut document = serde_json::to_value(Base::openapi()).unwrap_or_default();
    for (name, schema) in PUBLIC {
        document["components"]["schemas"][name] = serde_json::from_str(schema).unwrap_or_default();
    }
    for (name, schema) in named::all() {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An OpenID Connect access token of a member of staff." },
        "mutualTLS": { "type": "mutualTLS", "description": "A client certificate bound to a member of staff." },
        "apiKey": { "type": "apiKey", "in": "header", "name": "authorization", "description": "`Bearer charter_...`: a key of a service." },
        "bootstrap": { "type": "http", "scheme": "bearer", "description": "The bootstrap token, until the registry is sealed." },
    });
    let mut found = message::Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        for operation in operations::of(route) {
            paths.entry(template(operation.path)).or_insert_with(|| json!({}))[route.method.to_lowercase()] =
                described(route, operation, &mut found);
        }
    }
    document["paths"] = Value::Object(paths);
    for (name, schema) in found {
        document["components"]["schemas"][name] = schema;
    }
    document
}

/// A path as OpenAPI writes it: it has no sign for a parameter of several segments.
pub fn template(path: &str) -> String {
    path.replace("{*", "{")
}

fn content(kind: &str, name: &str) -> Value {
    let schema = match name {
        "" | "form" => json!({ "type": "object" }),
        "[]" => json!({ "type": "array", "items": { "type": "object" } }),
        "text" => json!({ "type": "string" }),
        // A stream, or bytes.
        "any" => json!({}),
        name => json!({ "$ref": format!("#/components/schemas/{name}") }),
    };
    let mut media = json!({ "schema": schema });
    if let Some((_, example)) = EXAMPLES.iter().find(|(of, _)| *of == name) {
        media["example"] = serde_json::from_str(example).unwrap_or_default();
    }
    json!({ kind: media })
}

/// Parameters and answer of a read, from its method.
fn read(path: &str, method: Method, found: &mut message::Schemas) -> Option<(Vec<Value>, Value)> {
    let descriptor = proto::method(method.service, method.name)?;
    let mut list = Vec::new();
    // What the segment of a path stands for is the handler's to say where no field is named.
    let named = path.ends_with('}') && method.segment.is_none();
    for field in parameters(&descriptor.input(), method).into_iter().filter(|_| !named) {
        let schema = message::kind(&field, found);
        let name =
            if schema["type"] == "string" && field.name() == "read_mask" { FIELDS } else { field.name() };
        let mut one = json!({ "name": name, "in": "query", "schema": schema });
        let text = message::comment(&field);
        if !text.is_empty() {
            one["description"] = json!(text);
        }
        list.push(one);
    }
    Some((list, message::answer(&descriptor.output(), found)))
}

fn described(route: &Route, operation: &Operation, found: &mut message::Schemas) -> Value {
    let path = template(operation.path);
    let segments = path.split(['/', ':']).filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let mut listed: Vec<Value> = segments.map(|name| parameter("path", name)).collect();
    listed.extend(operation.query.iter().map(|name| parameter("query", name)));
    listed.extend(operation.headers.iter().map(|name| parameter("header", name)));
    let mut answer = content(operation.kind, operation.answer);
    if let Some((queries, schema)) = operation.reads.and_then(|method| read(operation.path, method, found)) {
        listed.extend(queries);
        answer = json!({ operation.kind: { "schema": schema } });
    }
    let mut faults = content("application/problem+json", "Problem");
    if let Some((name, kind)) = operation.faults {
        faults[kind] = content(kind, name)[kind].take();
    }
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": listed,
        "responses": {
            "200": { "description": "Done.", "content": answer },
            "default": { "description": "A problem.", "content": faults },
        },
    });
    if let Some(body) = operation.body {
        let kind = match body {
            "text" => "text/plain",
            "form" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        value["requestBody"] = json!({ "required": true, "content": content(kind, body) });
    }
    value["security"] = match route.needs {
        Needs::Staff => json!([{ "bearer": [] }, { "mutualTLS": [] }, { "apiKey": [] }]),
        Needs::Bootstrap => json!([{ "bootstrap": [] }]),
        Needs::Nothing => json!([]),
    };
    value
}
