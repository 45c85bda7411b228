//! A registry's policy over REST: the same as `PolicyService`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};

use crate::{App, Error, app::registry_policy, door::Here};

/// `GET /api/v1/policy`
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    let policy = registry_policy::get(&app, here.registry).await?;
    Ok(Json(json!({
        "quorums": registry_policy::quorums(&policy),
        "hearing": policy.hearing.code(),
        "reply_days": policy.reply_days,
        "languages": policy.languages,
    })))
}
