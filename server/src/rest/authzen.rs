//! OpenID AuthZEN Authorization API 1.0: `POST /access/v1/evaluation`, `POST /access/v1/evaluations`, and what says where
//! they are.
//!
//! An evaluation is the question that TRQP puts, with the same answer: what is a no there is `"decision": false` here,
//! unknown terms included, and what cannot be decided is an error. Questions about keys are in `trust`.

mod key;
mod request;
mod trust;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{Request, Response},
};
use charter_cache::Lookup;
use charter_domain::{Context, EvidenceLevel, Invalid, Kind, Query};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use self::request::{Batch, Evaluation, Parts};
use super::{body, members::Object, trqp};
use crate::{
    App, Error,
    app::{
        answer::Reply,
        prepared::{self, Form, Moment, Written},
        query::{self, AT_ONCE, MAX_BATCH},
    },
    door::Here,
    error::Code,
};

pub const EVALUATION: &str = "/access/v1/evaluation";
pub const EVALUATIONS: &str = "/access/v1/evaluations";

/// One answer, as JSON text.
struct Evaluated {
    decision: bool,
    text: Vec<u8>,
}

impl Evaluated {
    fn of(value: &Value) -> Self {
        Self { decision: value["decision"] == true, text: value.to_string().into_bytes() }
    }
}

/// AuthZEN 1.0, 6; the door comes here directly.
pub async fn answer(app: &App, here: &Here, request: Request<Body>) -> Response<Body> {
    handle(app, here, request).await.unwrap_or_else(trqp::refused)
}

async fn handle(app: &App, here: &Here, request: Request<Body>) -> Result<Response<Body>, Error> {
    let bytes = body::json_bytes(request, body::SINGLE).await?;
    let Object(asked): Object<Evaluation<'_>> =
        serde_json::from_slice(&bytes).map_err(|e| body::invalid(&e))?;
    Ok(trqp::ok(evaluate(app, here, asked.parts()).await?.text))
}

/// AuthZEN 1.0, 7: each with an answer of its own, in the order of the questions, up to the one that ends it.
pub async fn evaluations(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Result<Response<Body>, Error> {
    let bytes = body::json_bytes(request, body::BATCH).await?;
    let Object(batch): Object<Batch<'_>> = serde_json::from_slice(&bytes).map_err(|e| body::invalid(&e))?;
    let (defaults, items) = (batch.parts(), batch.evaluations.as_deref().unwrap_or_default());
    let semantic = batch.semantic()?;
    if items.is_empty() {
        return Ok(trqp::ok(evaluate(&app, &here, defaults).await?.text));
    }
    if items.len() > MAX_BATCH {
        let why = format!("must have at most {MAX_BATCH} members");
        return Err(Invalid::new("evaluations", why).into());
    }
    let parts = items.iter().map(|Object(one)| one.parts().or(defaults));
    let asked: Vec<_> = parts.map(|parts| item(&app, &here, parts)).collect();
    let mut answers = futures::stream::iter(asked).buffered(AT_ONCE);
    let mut text = b"{\"evaluations\":[".to_vec();
    let mut first = true;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if !std::mem::take(&mut first) {
            text.push(b',');
        }
        text.extend_from_slice(&answer.text);
        if semantic.ends_with(answer.decision) {
            break;
        }
    }
    text.extend_from_slice(b"]}");
    Ok(trqp::ok(text))
}

/// One of several: what is wrong with it is said in its place (AuthZEN 1.0, 7.2.1), and is never a yes. Only faults of
/// ours end them all.
async fn item(app: &App, here: &Here, parts: Parts<'_>) -> Result<Evaluated, Error> {
    match evaluate(app, here, parts).await {
        Err(e) if e.code != Code::Internal => {
            let error = json!({ "status": e.code.http(), "message": e.detail, "code": e.code.as_str() });
            Ok(Evaluated::of(&json!({ "decision": false, "context": { "error": error } })))
        }
        answer => answer,
    }
}

async fn evaluate(app: &App, here: &Here, parts: Parts<'_>) -> Result<Evaluated, Error> {
    let subject = parts.subject()?;
    let kind = match &*subject.kind {
        request::KEY => {
            let evaluated = timeout_at(here.deadline, Box::pin(trust::evaluate(app, here, parts))).await;
            return evaluated.map_err(|_| query::late())?;
        }
        request::AUTHORITY => Kind::Recognition,
        _ => Kind::Authorization,
    };
    let authority = match parts.authority()? {
        Some(named) => named,
        None => app.tenant(here.registry)?.registry.authority.as_str(),
    };
    let (entity, action, resource) = (&*subject.id, &*parts.action()?.name, &*parts.typed_resource()?.id);
    let lookup = Lookup { registry: here.registry, kind, authority, entity, action, resource };
    if parts.is_plain()
        && let Some((reply, text)) = prepared::ready(app, &lookup, Form::AuthZen)
    {
        return Ok(Evaluated { decision: reply.is_yes(), text });
    }
    let query = Query::parse(kind, (authority, entity, action, resource), parts.context()?);
    let query = query.map_err(request::placed)?;
    // Boxed: the short way above should not carry the long way's state along.
    Box::pin(decide(app, here, &query)).await
}

async fn decide(app: &App, here: &Here, query: &Query) -> Result<Evaluated, Error> {
    let reply = query::answer(app, here.asks(query.clone())).await?;
    if let Some(error) = query::undecided(app, &reply) {
        return Err(error);
    }
    let moment = Moment::of(app, here.registry, &reply);
    if query.context == Context::default() {
        let text = reply.texts.get_or_render(Form::AuthZen, |moment| rendered(&reply, moment));
        return Ok(Evaluated { decision: reply.is_yes(), text: text.fill(&moment) });
    }
    let mut value = rendered(&reply, &moment.written());
    value["context"]["understood"] = json!(trqp::understood(query));
    if query.context.evidence != EvidenceLevel::None {
        value["context"]["evidence"] = trqp::evidence(app, here, query, &reply).await?;
    }
    Ok(Evaluated::of(&value))
}

fn rendered(reply: &Reply, moment: &Written<'_>) -> Value {
    json!({ "decision": reply.is_yes(), "context": context(reply, moment) })
}

/// When and why: what TRQP's answer has as `meta`, and its message.
fn context(reply: &Reply, moment: &Written<'_>) -> Value {
    let mut context = json!({ "time_evaluated": moment.evaluated, "message": reply.message() });
    if let (Value::Object(members), Value::Object(meta)) = (&mut context, trqp::meta(reply, moment)) {
        members.extend(meta);
    }
    context
}

/// AuthZEN 1.0, 9: nothing is searched, so no endpoint of a search is named.
pub async fn configuration(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
) -> Result<Json<Value>, Error> {
    let url = app.tenant(here.registry)?.config.public_url.trim_end_matches('/');
    Ok(Json(json!({
        "policy_decision_point": url,
        "access_evaluation_endpoint": format!("{url}{EVALUATION}"),
        "access_evaluations_endpoint": format!("{url}{EVALUATIONS}"),
    })))
}
