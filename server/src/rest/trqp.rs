//! TRQP v2, HTTPS binding: `POST /authorization`, `POST /recognition`.
//!
//! A plain question that is cached takes the short way: its body is sent as prepared, with the times put in.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, header},
};
use charter_cache::Lookup;
use charter_domain::{Context, EvidenceLevel, Kind, Query, RegistryId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body,
    members::{Members, Object},
};
use crate::{
    App, Error,
    app::{
        answer::Reply,
        entity,
        log::{self, evidence::Shown},
        prepared::{self, Form, Moment, Written},
        query, resolve,
    },
    door::Here,
    error::Code,
};

/// TRQP v2 request. Unknown top-level members are ignored (TRQP v2, versioning); duplicates are refused.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    entity_id: Cow<'a, str>,
    #[serde(borrow)]
    authority_id: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(default)]
    context: Members<String>,
}

/// Both paths; the door comes here directly.
pub async fn answer(kind: Kind, app: &App, here: &Here, request: Request<Body>) -> Response<Body> {
    handle(kind, app, here, request).await.unwrap_or_else(refused)
}

/// RFC 9110, 15.5.6: a method that is not allowed is told which one is.
pub fn refused(error: Error) -> Response<Body> {
    let other_method = error.code == Code::MethodNotAllowed;
    let mut response = error.into_http();
    if other_method {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

async fn handle(kind: Kind, app: &App, here: &Here, request: Request<Body>) -> Result<Response<Body>, Error> {
    let bytes = body::json_bytes(request, body::SINGLE).await?;
    let Object(question): Object<Question<'_>> =
        serde_json::from_slice(&bytes).map_err(|e| body::invalid(&e))?;
    if question.context.0.is_empty()
        && let Some(bytes) = kept(kind, app, here, &question)
    {
        return Ok(ok(bytes));
    }
    let context = Context::parse(question.context.0.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
    let terms = (
        question.authority_id.as_ref(),
        question.entity_id.as_ref(),
        question.action.as_ref(),
        question.resource.as_ref(),
    );
    let query = Query::parse(kind, terms, context)?;
    let plain = query.context == Context::default();
    // Boxed: the short way above should not carry the long way's state along.
    let reply = Box::pin(query::answer(app, here.asks(query.clone()))).await?;
    if let Some(error) = query::trqp_error(app, &reply) {
        return Err(error);
    }
    if plain {
        let text = reply.texts.get_or_render(Form::Trqp, |moment| self::plain(&query, &reply, moment));
        return Ok(ok(text.fill(&Moment::of(app, here.registry, &reply))));
    }
    let mut value = render(app, here.registry, &query, &reply);
    if query.context.evidence != EvidenceLevel::None {
        value["evidence"] = evidence(app, here, &query, &reply).await?;
    }
    Ok(ok(value.to_string().into_bytes()))
}

/// The short way.
fn kept(kind: Kind, app: &App, here: &Here, question: &Question<'_>) -> Option<Vec<u8>> {
    let lookup = Lookup {
        registry: here.registry,
        kind,
        authority: &question.authority_id,
        entity: &question.entity_id,
        action: &question.action,
        resource: &question.resource,
    };
    prepared::ready(app, &lookup, Form::Trqp).map(|(_, text)| text)
}

/// 200 with JSON.
pub fn ok(bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(query: &Query, reply: &Reply, moment: &Written<'_>) -> Value {
    let word = match query.kind {
        Kind::Authorization => "authorized",
        Kind::Recognition => "recognized",
    };
    json!({
        "entity_id": query.entity,
        "authority_id": query.authority,
        "action": query.action,
        "resource": query.resource,
        word: reply.is_yes(),
        "time_evaluated": moment.evaluated,
        "message": reply.message(),
        "meta": meta(reply, moment),
    })
}

/// What every form of an answer says beside the decision.
pub fn meta(reply: &Reply, moment: &Written<'_>) -> Value {
    let mut meta = json!({
        "reason": reply.reason.code(),
        "basis": reply.basis(),
        "decided_by": reply.decided_by,
        "epoch": reply.entry.epoch,
        "published_size": moment.published,
        "log": moment.log,
        "expires_at": moment.expires,
    });
    if !reply.unstated.is_empty() {
        meta["unstated_conditions"] = json!(reply.unstated);
    }
    if let Some(link) = &reply.failing {
        meta["failing_link"] = json!(link);
    }
    if let Some(age) = reply.stale {
        meta["stale"] = json!(true);
        meta["age_secs"] = json!(age.as_secs());
    }
    meta
}

/// The whole response, for questions with a context. Only members that were understood are echoed.
pub fn render(app: &App, asked: RegistryId, query: &Query, reply: &Reply) -> Value {
    let moment = Moment::of(app, asked, reply);
    let mut value = plain(query, reply, &moment.written());
    value["meta"]["time_evaluated"] = json!(moment.evaluated);
    if let Some(time) = query.context.time {
        value["time_requested"] = json!(time);
    }
    let context = understood(query);
    if !context.is_empty() {
        value["context"] = json!(context);
    }
    value
}

pub fn understood(query: &Query) -> BTreeMap<String, String> {
    let c = &query.context;
    [
        ("time", c.time.map(|t| t.to_string())),
        ("known_at", c.known_at.map(|k| k.to_string())),
        ("locator", c.locator.as_ref().map(ToString::to_string)),
        ("jurisdiction", c.jurisdiction.as_ref().map(|j| j.as_str().to_owned())),
        ("follow_recognition", c.follow_recognition.then(|| "true".to_owned())),
        ("max_staleness", c.max_staleness.map(|age| age.as_secs().to_string())),
        ("evidence", (c.evidence != EvidenceLevel::None).then(|| level(c.evidence).to_owned())),
    ]
    .into_iter()
    .filter_map(|(k, v)| Some((k.to_owned(), v?)))
    .collect()
}

fn level(level: EvidenceLevel) -> &'static str {
    match level {
        EvidenceLevel::None => "none",
        EvidenceLevel::Chain => "chain",
        EvidenceLevel::Full => "full",
    }
}

/// What the question asks for beside the answer: the chain, and with `full` what proves it.
pub async fn evidence(app: &App, here: &Here, query: &Query, reply: &Reply) -> Result<Value, Error> {
    let mut value = json!({ "chain": resolve::full_chain(app, here.registry, reply).await? });
    if query.context.evidence == EvidenceLevel::Full {
        value["path"] = super::resolve::path(app, here.registry, reply);
        if let Some(found) = log::evidence::full(app, here.registry, reply).await
            && let (Value::Object(members), Value::Object(more)) = (&mut value, json!(Shown::from(found)))
        {
            members.extend(more);
        }
    }
    let successors = entity::successors(app, query, reply).await?;
    if !successors.is_empty() {
        value["succeeded_by"] = json!(successors);
    }
    Ok(value)
}
