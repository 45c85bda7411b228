//! Well-known documents: the entity configuration, the DID document.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, header},
};
use charter_federation::LocalAuthority;
use serde_json::Value;

use crate::{App, Error, app::did, door::Here};

type Typed = ([(HeaderName, &'static str); 2], String);

fn typed(media: &'static str, body: String) -> Typed {
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-cache")], body)
}

/// OpenID Federation 1.0, section 9.
pub async fn configuration(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Typed, Error> {
    let view = app.hosted.view(here.registry).await?;
    Ok(typed("application/entity-statement+jwt", view.configuration.clone()))
}

/// The authority's DID document, where did:web looks for it.
pub async fn did(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    Ok(Json(did::own(&app, here.registry).await?))
}
