//! Schemas and credential types over REST: the same use-cases as over gRPC. Everything here is public.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::{Request, Uri},
};
use charter_store::schemas::{SchemaView, TypeView};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, query};
use crate::{
    App, Error,
    app::{credential_type, list as lists, schema},
    door::Here,
    page,
};

type Answer = Result<Json<Value>, Error>;

/// A document of the largest size as a JSON string, in which each byte may be escaped.
const DOCUMENT: usize = 2 * 256 * 1024;

fn view(s: &SchemaView) -> Value {
    let deprecation = s.deprecated.as_ref().map(
        |d| json!({ "code": d.reason, "replaced_by": d.replaced_by.clone().unwrap_or_default(), "at": d.at() }),
    );
    json!({
        "resource": s.resource, "revision": s.revision, "schema_id": s.id, "sha256": s.sha256, "uri": s.uri,
        "published_at": s.published_at(), "deprecation": deprecation, "references": s.references, "schema": s.schema,
    })
}

fn type_view(t: &TypeView) -> Value {
    let mut value = serde_json::to_value(&t.defined).unwrap_or_default();
    value["defined_at"] = json!(t.defined_at());
    value
}

/// `GET /api/v1/schemas?resource=&filter=&page_size=&page_token=`
pub async fn list(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let names = ["resource", "filter", "page_size", "page_token"];
    let [resource, filter, size, token] = query::parameters(&uri, names)?;
    let find = lists::schemas(&resource, &filter)?;
    let limit = page::size(query::number("page_size", &size)?)?;
    let name = format!("schemas {resource} {filter}|{}", here.registry);
    let after = page::cursor(&app.page_secret, &name, &token)?.and_then(|a| a.parse().ok()).unwrap_or(0);
    let list = app.store.find_schemas(here.registry, find, (after, limit)).await?;
    let last = list.last().filter(|_| usize::try_from(limit).is_ok_and(|l| list.len() >= l));
    let next = last.map(|s| page::token(&app.page_secret, &name, &s.seq.to_string())).unwrap_or_default();
    let schemas: Vec<Value> = list.iter().map(view).collect();
    Ok(Json(json!({ "schemas": schemas, "next_page_token": next })))
}

/// `GET /api/v1/schemas/{id}`, `/{resource}`, `/{resource}@{revision}`
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
) -> Answer {
    Ok(Json(view(&schema::find(&app, here.registry, schema::named(&name)).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Validate {
    #[serde(default)]
    schema_id: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    revision: u32,
    document_json: String,
}

/// `POST /api/v1/schemas:validate`
pub async fn validate(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Answer {
    let r: Validate = body::parse(&body::json_bytes(request, DOCUMENT).await?)?;
    let which = schema::which(&r.schema_id, &r.resource, r.revision)?;
    let (used, faults) = schema::validate(&app, here.registry, which, &r.document_json).await?;
    Ok(Json(json!({
        "valid": faults.is_empty(), "faults": faults, "schema_id": used.id, "resource": used.resource,
        "revision": used.revision, "deprecated": used.deprecated.is_some(),
    })))
}

/// `GET /api/v1/credential-types?filter=&page_size=&page_token=`
pub async fn types(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let [filter, size, token] = query::parameters(&uri, ["filter", "page_size", "page_token"])?;
    let find = lists::credential_types(&filter)?;
    let limit = page::size(query::number("page_size", &size)?)?;
    let name = format!("credential types {filter}|{}", here.registry);
    let after = page::cursor(&app.page_secret, &name, &token)?.and_then(|a| a.parse().ok()).unwrap_or(0);
    let list = app.store.find_credential_types(here.registry, find, (after, limit)).await?;
    let last = list.last().filter(|_| usize::try_from(limit).is_ok_and(|l| list.len() >= l));
    let next = last.map(|t| page::token(&app.page_secret, &name, &t.seq.to_string())).unwrap_or_default();
    let types: Vec<Value> = list.iter().map(type_view).collect();
    Ok(Json(json!({ "credential_types": types, "next_page_token": next })))
}

/// `GET /api/v1/credential-types/{resource}`, or anything that stands for it
pub async fn get_type(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(name): Path<String>,
) -> Answer {
    Ok(Json(type_view(&credential_type::get(&app, here.registry, &name).await?)))
}
