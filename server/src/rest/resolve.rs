//! `POST /api/v1/resolve`: a decision whatever the outcome, with path and evidence.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Extension, Json, body::Body, extract::State, http::Request};
use charter_domain::{Context, EvidenceLevel, Kind, Outcome, Query, RegistryId};
use charter_federation::Mode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use crate::{
    App, Error,
    app::{
        answer::Reply,
        log::{self, evidence::Shown},
        query::Asked,
        resolve as app_resolve,
    },
    door::Here,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(default = "authorization")]
    kind: String,
    /// Default: the registry that is asked.
    #[serde(default)]
    authority_id: Option<String>,
    entity_id: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    min_epoch: i64,
    #[serde(default)]
    mode: Going,
    #[serde(default)]
    max_staleness_secs: u32,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Going {
    #[default]
    Recurse,
    Refer,
    CachedOnly,
}

impl From<Going> for Mode {
    fn from(going: Going) -> Self {
        match going {
            Going::Recurse => Self::Recurse,
            Going::Refer => Self::Refer,
            Going::CachedOnly => Self::CachedOnly,
        }
    }
}

fn authorization() -> String {
    "authorization".to_owned()
}

pub async fn resolve(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Result<Json<Value>, Error> {
    let question: Question = body::parse(&body::json_bytes(request, body::SINGLE).await?)?;
    let own = own_authority(&app, &here)?;
    let authority = question.authority_id.as_deref().unwrap_or(&own);
    let context = Context::parse(question.context.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
    let terms =
        (authority, question.entity_id.as_str(), question.action.as_str(), question.resource.as_str());
    let query = Query::parse(Kind::parse(&question.kind)?, terms, context)?;
    let asked = here.asks(query.clone());
    let max_staleness = asked.max_staleness.max(Duration::from_secs(question.max_staleness_secs.into()));
    let asked = Asked { mode: question.mode.into(), max_staleness, ..asked };
    let reply = app_resolve::answer(&app, asked, question.min_epoch).await?;
    let chain = app_resolve::full_chain(&app, here.registry, &reply).await?;
    let mut body = render(&app, &here, (&query, &reply), &chain);
    if query.context.evidence == EvidenceLevel::Full
        && let Some(found) = log::evidence::full(&app, here.registry, &reply).await
    {
        body["log_evidence"] = json!(Shown::from(found));
    }
    Ok(Json(body))
}

pub fn own_authority(app: &App, here: &Here) -> Result<String, Error> {
    let tenant =
        app.hosted.tenant(here.registry).ok_or_else(|| Error::not_found("registry", here.registry))?;
    Ok(tenant.registry.authority.to_string())
}

fn render(app: &App, here: &Here, (query, reply): (&Query, &Reply), chain: &[String]) -> Value {
    let outcome = match reply.reason.outcome() {
        Outcome::Yes => "yes",
        Outcome::No => "no",
        Outcome::Indeterminate => "indeterminate",
    };
    json!({
        "outcome": outcome,
        "reason": reply.reason.code(),
        "message": reply.message(),
        "kind": query.kind.as_str(),
        "authority_id": query.authority,
        "entity_id": query.entity,
        "action": query.action,
        "resource": query.resource,
        "basis": reply.basis(),
        "decided_by": reply.decided_by,
        "as_of": query.context.time.unwrap_or(reply.evaluated_at),
        "time_evaluated": reply.evaluated_at,
        "expires_at": reply.expires_at,
        "next_change": reply.entry.next_change,
        "unstated_conditions": reply.unstated,
        "stale": reply.stale.is_some(),
        "failing_link": reply.failing,
        "path": path(app, here.registry, reply),
        "chain": chain,
        "referrals": reply.referrals,
        "published_size": log::state::shown(app, here.registry),
        "log": log::state::log(app, here.registry, reply),
    })
}

pub fn path(app: &App, asked: RegistryId, reply: &Reply) -> Value {
    let step = |s: &crate::app::answer::KeptStep| {
        json!({
            "authority_id": s.authority, "epoch": s.epoch, "reason": s.reason.code(), "via": s.via,
            "published_size": log::state::of_step(app, asked, s),
        })
    };
    reply.path.iter().map(step).collect()
}
