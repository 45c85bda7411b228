//! Webhooks over REST: the same use-cases as `WebhookService`. Every route needs an operator.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, State},
    http::{Request, Response, Uri},
};
use charter_domain::{Invalid, staff::Staff};
use charter_store::{
    outbox::Attempt,
    webhook::{Changed, Webhook},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body, query,
    tag::{asked, tagged},
};
use crate::{
    App, Error,
    app::{
        etag, staff,
        webhook::{self, Wish},
    },
    door::Here,
    error::Code,
    page,
};

type Answer = Result<Json<Value>, Error>;

async fn who(app: &App, here: &Here, headers: &HeaderMap) -> Result<Staff, Error> {
    staff::recognise(app, headers, here.certificate, here.registry).await
}

fn view(w: &Webhook) -> Result<Value, Error> {
    let failing = w.failing_since();
    Ok(json!({
        "webhook_id": w.id, "url": w.url, "kinds": w.kinds, "entity_id": w.entity, "state": w.state,
        "disabled_why": w.disabled_why, "cursor": w.cursor, "failures": w.failures, "failing_since": failing,
        "due_at": failing.map(|_| w.due_at()), "created_at": w.created_at(), "previous_until": w.previous_until(),
        "etag": etag::webhook(w)?.header(),
    }))
}

fn with_changes(w: &Webhook, changes: &[Changed]) -> Result<Value, Error> {
    let change = |c: &Changed| json!({ "at": c.at(), "by": c.by, "what": c.what });
    let mut value = view(w)?;
    value["changes"] = changes.iter().map(change).collect();
    Ok(value)
}

fn delivery(a: &Attempt) -> Value {
    json!({
        "number": a.number, "seq": a.seq, "failures": a.failures, "at": a.at(), "duration_ms": a.duration_ms,
        "status": a.status, "outcome": a.outcome,
    })
}

/// URL and filters, and what some verbs take besides.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Given {
    url: String,
    kinds: Vec<String>,
    entity_id: String,
    enabled: Option<bool>,
    after: Option<i64>,
    validate_only: bool,
}

impl Given {
    fn wish(self) -> Wish {
        Wish { url: self.url, kinds: self.kinds, entity_id: self.entity_id }
    }
}

/// `POST /api/v1/webhooks`
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let staff = who(&app, &here, request.headers()).await?;
    let headers = request.headers().clone();
    let r: Given = body::parse(&body::json_bytes(request, body::SINGLE).await?)?;
    let asked = asked(&headers, r.validate_only)?;
    Ok(match webhook::create(&app, &staff, here.registry, r.wish(), &asked).await? {
        Some((made, secret)) => {
            (StatusCode::CREATED, Json(json!({ "webhook": view(&made)?, "secret": secret })))
        }
        None => (StatusCode::OK, Json(json!({ "webhook": null, "secret": "" }))),
    })
}

/// `GET /api/v1/webhooks`
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    headers: HeaderMap,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let list = webhook::list(&app, &staff, here.registry).await?;
    let webhooks: Vec<Value> = list.iter().map(view).collect::<Result<_, Error>>()?;
    Ok(Json(json!({ "webhooks": webhooks })))
}

/// `GET /api/v1/webhooks/{id}`
pub async fn get(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Error> {
    let staff = who(&app, &here, &headers).await?;
    let (found, changes) = webhook::get(&app, &staff, here.registry, webhook::id(&id)?).await?;
    Ok(tagged(&headers, &etag::webhook(&found)?.header(), &with_changes(&found, &changes)?))
}

/// `DELETE /api/v1/webhooks/{id}?validate_only=`
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let [validate_only] = query::parameters(&uri, ["validate_only"])?;
    let id = webhook::id(&id)?;
    let asked = asked(&headers, query::truth("validate_only", &validate_only)?)?;
    webhook::delete(&app, &staff, here.registry, (id, &asked)).await?;
    Ok(Json(json!({})))
}

/// `POST /api/v1/webhooks/{id}:update`, `:test`, `:replay`, `:rotateSecret`
pub async fn act(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(segment): Path<String>,
    request: Request<Body>,
) -> Answer {
    let staff = who(&app, &here, request.headers()).await?;
    let registry = here.registry;
    let headers = request.headers().clone();
    let r: Given = body::parse(&body::json_bytes(request, body::SINGLE).await?)?;
    let (id, verb) = segment.split_once(':').unwrap_or((segment.as_str(), ""));
    let asked = asked(&headers, r.validate_only)?;
    let one = (webhook::id(id)?, &asked);
    let answer = match verb {
        "update" => {
            let enabled = r.enabled;
            view(&webhook::update(&app, &staff, registry, one, (r.wish(), enabled)).await?)?
        }
        "test" if r.validate_only => {
            return Err(Invalid::new("validate_only", "is not for a test: it always sends").into());
        }
        "test" => delivery(&webhook::test(&app, &staff, registry, one).await?),
        "replay" => view(&webhook::replay(&app, &staff, registry, one, r.after.unwrap_or_default()).await?)?,
        "rotateSecret" => {
            let (changed, secret) = webhook::rotate(&app, &staff, registry, one).await?;
            json!({ "webhook": view(&changed)?, "secret": secret })
        }
        _ => {
            let text = "a webhook takes `:update`, `:test`, `:replay` and `:rotateSecret`";
            return Err(Error::new(Code::NotFound, text));
        }
    };
    Ok(Json(answer))
}

/// `GET /api/v1/webhooks/{id}/deliveries?page_size=&page_token=`
pub async fn deliveries(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let staff = who(&app, &here, &headers).await?;
    let id = webhook::id(&id)?;
    let [size, token] = query::parameters(&uri, ["page_size", "page_token"])?;
    let limit = page::size(query::number("page_size", &size)?)?;
    let name = format!("deliveries {id}|{}", here.registry);
    let before = page::cursor(&app.page_secret, &name, &token)?.and_then(|a| a.parse().ok());
    let list =
        webhook::deliveries(&app, &staff, here.registry, (id, before.unwrap_or(i64::MAX), limit)).await?;
    let last = list.last().filter(|_| usize::try_from(limit).is_ok_and(|l| list.len() >= l));
    let next = last.map(|a| page::token(&app.page_secret, &name, &a.number.to_string())).unwrap_or_default();
    let deliveries: Vec<Value> = list.iter().map(delivery).collect();
    Ok(Json(json!({ "deliveries": deliveries, "next_page_token": next })))
}
