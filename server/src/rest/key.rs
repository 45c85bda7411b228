//! Keys over REST: `GET /api/v1/keys`, `GET /api/v1/keys:check`, and the signed set of those used no longer.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, Uri, header},
};
use charter_domain::{Timestamp, key::Verdict};
use serde_json::{Value, json};

use super::query;
use crate::{
    App, Error,
    app::key::{self, Question},
    door::Here,
};

/// `GET /api/v1/keys?entity_id=`
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let [entity] = query::parameters(&uri, ["entity_id"])?;
    let entity = key::owner(&app, here.registry, &entity).await?;
    Ok(Json(json!({ "keys": key::list(&app, here.registry, entity).await? })))
}

/// `GET /api/v1/keys:check?kid=&entity_id=&claimed_at=&sha256=`
pub async fn check(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let [kid, entity, claimed, sha256] =
        query::parameters(&uri, ["kid", "entity_id", "claimed_at", "sha256"])?;
    let claimed_at = match claimed.as_str() {
        "" => None,
        text => Some(Timestamp::parse(text).map_err(|e| e.at("claimed_at"))?),
    };
    let checked = key::check(&app, here.registry, Question { entity, kid, claimed_at, sha256 }).await?;
    let mut body = json!({
        "verdict": checked.verdict.code(),
        "message": checked.verdict.text(),
        "accepted": checked.verdict == Verdict::Accepted,
        "evaluated_at": checked.at,
    });
    if let Some((seq, at)) = checked.proof {
        body["evidence_seq"] = seq.into();
        body["existed_at"] = json!(at);
    }
    Ok(Json(body))
}

/// OpenID Federation 1.0, 8.7.
pub async fn historical(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<([(HeaderName, &'static str); 2], String), Error> {
    let set = key::historical(&app, here.registry).await?;
    Ok(([(header::CONTENT_TYPE, "application/jwk-set+jwt"), (header::CACHE_CONTROL, "no-cache")], set))
}
