//! Keys and certificates of services over REST: the same use-cases as `CredentialService`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::Request,
};
use charter_store::credential::Credential;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, governance::who, tag::asked};
use crate::{
    App, Error,
    app::{credential, govern},
    door::Here,
    error::Code,
};

/// `GET /api/v1/credentials`
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let staff = who(&app, &here, &headers).await?;
    let shown = |c: Credential| {
        json!({
            "credential_id": c.id, "staff_id": c.staff_id, "credential": c.credential.code(), "sha256": c.sha256,
            "scopes": c.scopes, "valid_until": c.valid_until(), "revoked": c.revoked,
            "last_used": c.used.unwrap_or_default(),
        })
    };
    let found = credential::list(&app, &staff, here.registry).await?;
    Ok(Json(json!({ "credentials": found.into_iter().map(shown).collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    code: String,
    #[serde(default)]
    validate_only: bool,
}

/// `POST /api/v1/credentials/{id}:revoke`
pub async fn act(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(segment): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Error> {
    let headers = request.headers().clone();
    let staff = who(&app, &here, &headers).await?;
    let Some(id) = segment.strip_suffix(":revoke") else {
        return Err(Error::new(Code::NotFound, "a credential takes `:revoke`"));
    };
    let id = credential::id(id)?;
    let r: Revoke = body::strict(&body::json_bytes(request, body::SINGLE).await?)?;
    let asked = asked(&headers, r.validate_only)?;
    let work = async move { credential::revoke(&app, &staff, here.registry, (id, &r.code), &asked).await };
    Ok(Json(json!({ "epoch": govern::to_its_end(work).await? })))
}
