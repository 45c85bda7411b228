//! Webhooks: where events go, managed by operators. Configuration of delivery, so no events; who changed what is kept.
//! A request that is sent again is answered without the secret that it made: no answer that is kept holds one.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use charter_domain::{
    EntityId, Invalid, RegistryId, Timestamp, event,
    policy::{Action, allow},
    staff::Staff,
};
use charter_store::{
    outbox::{Attempt, Interest},
    request::Call,
    webhook::{By, Change, Changed, Settings, Webhook},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    App, Error,
    app::{
        etag,
        once::{Asked, once},
    },
    error::Code,
    outbox::{Message, Target},
};

const MAX_WEBHOOKS: usize = 20;
const MAX_KINDS: usize = 32;
/// For how long the secret before signs beside the new one.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);

/// What is wanted, before it is checked.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Wish {
    pub url: String,
    pub kinds: Vec<String>,
    /// Any identifier.
    pub entity_id: String,
}

async fn settings(app: &App, registry: RegistryId, wish: Wish) -> Result<Settings, Error> {
    app.outbox.admits(&wish.url).await.map_err(|why| Invalid::new("url", why))?;
    let interest = interest(app, registry, wish.kinds, &wish.entity_id).await?;
    Ok(Settings { url: wish.url, kinds: interest.kinds, entity: interest.entity })
}

/// Kinds and any identifier of an entity, as events are filtered by them.
pub async fn interest(
    app: &App,
    registry: RegistryId,
    kinds: Vec<String>,
    identifier: &str,
) -> Result<Interest, Error> {
    if kinds.len() > MAX_KINDS {
        return Err(Invalid::new("kinds", format!("must be at most {MAX_KINDS}")).into());
    }
    if let Some(bad) = kinds.iter().find(|kind| !event::Change::is_kind(kind)) {
        let text = format!("must be kinds of events, such as `StatusChanged`: `{bad:.64}` is none");
        return Err(Invalid::new("kinds", text).into());
    }
    let entity = match identifier {
        "" => None,
        text => {
            let id = EntityId::parse(text)?;
            Some(super::entity::get(app, registry, id.as_str()).await?.entity_id)
        }
    };
    Ok(Interest { kinds, entity })
}

/// A new secret as the receiver gets it, and sealed.
fn secret(app: &App) -> Result<(String, String), Error> {
    let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
    let sealed = app.kek.seal(secret.as_bytes()).map_err(|e| {
        tracing::error!(error = %e, "a secret cannot be sealed");
        Error::new(Code::Internal, "an error of ours; it was logged")
    })?;
    Ok((secret, sealed))
}

/// The webhook and its secret; none where it was only tried out.
pub async fn create(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    wish: Wish,
    asked: &Asked,
) -> Result<Option<(Webhook, String)>, Error> {
    allow(staff, Action::ManageWebhooks)?;
    if asked.validate_only {
        return wanted(app, registry, wish).await.map(|_| None);
    }
    let call = asked.call(&staff.id, "CreateWebhook", &wish)?;
    let (secret, sealed) = secret(app)?;
    let fresh = create_one(app, staff, registry, wish, (sealed.clone(), call.clone()));
    let made = once(app, registry, call.as_ref(), fresh).await?;
    Ok(made.map(|made| told(made, (secret, &sealed))))
}

/// With the secret, if this request made it.
fn told(webhook: Webhook, (secret, sealed): (String, &str)) -> (Webhook, String) {
    let secret = if webhook.secret == sealed { secret } else { String::new() };
    (webhook, secret)
}

async fn wanted(app: &App, registry: RegistryId, wish: Wish) -> Result<Settings, Error> {
    let settings = settings(app, registry, wish).await?;
    if app.store.webhooks(registry, None).await?.len() >= MAX_WEBHOOKS {
        let text = format!("a registry has at most {MAX_WEBHOOKS} webhooks: delete one");
        return Err(Error::new(Code::Conflict, text));
    }
    Ok(settings)
}

async fn create_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    wish: Wish,
    (sealed, call): (String, Option<Call>),
) -> Result<Option<Webhook>, Error> {
    let settings = wanted(app, registry, wish).await?;
    let by = By { staff: staff.id, now: app.clock.now(), call };
    let made = app.store.put_webhook(registry, (Uuid::now_v7(), settings, sealed), by).await?;
    app.told.have(registry);
    Ok(made)
}

async fn found(app: &App, registry: RegistryId, id: Uuid) -> Result<Webhook, Error> {
    let found = app.store.webhooks(registry, Some(id)).await?.into_iter().next();
    found.ok_or_else(|| Error::not_found("webhook", id))
}

pub async fn list(app: &App, staff: &Staff, registry: RegistryId) -> Result<Vec<Webhook>, Error> {
    allow(staff, Action::ManageWebhooks)?;
    Ok(app.store.webhooks(registry, None).await?)
}

/// One, with who changed it.
pub async fn get(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
) -> Result<(Webhook, Vec<Changed>), Error> {
    allow(staff, Action::ManageWebhooks)?;
    let webhook = found(app, registry, id).await?;
    Ok((webhook, app.store.webhook_changes(registry, id).await?))
}

/// Whose etag was named, if one was or must be.
fn seen(asked: &Asked, needed: bool, webhook: &Webhook) -> Result<(), charter_store::Error> {
    if needed || asked.etag.is_some() {
        etag::webhook(webhook)?.expected(asked.etag.as_ref())?;
    }
    Ok(())
}

/// Changes one as it was seen; none where it is gone afterwards. Events sent again overwrite nothing: no etag is needed.
async fn change(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, changes): (Uuid, Vec<Change>),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Option<Webhook>, Error> {
    let needed = !matches!(changes.as_slice(), [Change::Replay(_)]);
    if asked.validate_only {
        let found = found(app, registry, id).await?;
        seen(asked, needed, &found)?;
        return Ok(Some(found));
    }
    let by = By { staff: staff.id, now: app.clock.now(), call };
    let asked = asked.clone();
    let as_seen = move |webhook: &Webhook| seen(&asked, needed, webhook);
    let changed = app.store.change_webhook(registry, id, changes, by, as_seen).await?;
    app.told.have(registry);
    Ok(changed)
}

/// Another URL with its filters, where one is given; active or not, where that is said.
pub async fn update(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, asked): (Uuid, &Asked),
    what: (Wish, Option<bool>),
) -> Result<Webhook, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let call = asked.call(&staff.id, "UpdateWebhook", &(id, &what))?;
    let fresh = update_one(app, staff, registry, (id, what), (asked, call.clone()));
    let changed = once(app, registry, call.as_ref(), fresh).await?;
    changed.ok_or_else(|| Error::not_found("webhook", id))
}

async fn update_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, (wish, enabled)): (Uuid, (Wish, Option<bool>)),
    asked: (&Asked, Option<Call>),
) -> Result<Option<Webhook>, Error> {
    found(app, registry, id).await?;
    if wish.url.is_empty() && (!wish.kinds.is_empty() || !wish.entity_id.is_empty()) {
        return Err(Invalid::new("url", "must be given with the filters").into());
    }
    let mut changes = Vec::new();
    if !wish.url.is_empty() {
        changes.push(Change::Settings(settings(app, registry, wish).await?));
    }
    changes.extend(enabled.map(Change::Enabled));
    change(app, staff, registry, (id, changes), asked).await
}

pub async fn delete(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, asked): (Uuid, &Asked),
) -> Result<(), Error> {
    allow(staff, Action::ManageWebhooks)?;
    let call = asked.call(&staff.id, "DeleteWebhook", &id)?;
    let fresh = change(app, staff, registry, (id, vec![Change::Delete]), (asked, call.clone()));
    once(app, registry, call.as_ref(), fresh).await.map(drop)
}

pub async fn replay(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, asked): (Uuid, &Asked),
    after: i64,
) -> Result<Webhook, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let call = asked.call(&staff.id, "ReplayWebhook", &(id, after))?;
    let epoch = app.store.epoch(registry).await?;
    if !(0..=epoch).contains(&after) {
        return Err(Invalid::new("after", format!("must be 0 to {epoch}, the last event there is")).into());
    }
    let fresh = change(app, staff, registry, (id, vec![Change::Replay(after)]), (asked, call.clone()));
    let changed = once(app, registry, call.as_ref(), fresh).await?;
    changed.ok_or_else(|| Error::not_found("webhook", id))
}

/// The webhook and its new secret, which is empty where none was made.
pub async fn rotate(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, asked): (Uuid, &Asked),
) -> Result<(Webhook, String), Error> {
    allow(staff, Action::ManageWebhooks)?;
    let call = asked.call(&staff.id, "RotateWebhookSecret", &id)?;
    let (secret, sealed) = secret(app)?;
    let new = Change::Secret(sealed.clone(), app.clock.now().plus(OVERLAP));
    let fresh = change(app, staff, registry, (id, vec![new]), (asked, call.clone()));
    let changed = once(app, registry, call.as_ref(), fresh).await?;
    let changed = changed.ok_or_else(|| Error::not_found("webhook", id))?;
    Ok(told(changed, (secret, &sealed)))
}

/// Sends a message that is no event, at once.
pub async fn test(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, asked): (Uuid, &Asked),
) -> Result<Attempt, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let call = asked.call(&staff.id, "TestWebhook", &id)?;
    once(app, registry, call.as_ref(), test_one(app, registry, id, call.clone())).await
}

async fn test_one(app: &App, registry: RegistryId, id: Uuid, call: Option<Call>) -> Result<Attempt, Error> {
    let webhook = found(app, registry, id).await?;
    let now = app.clock.now();
    let body = serde_json::json!({ "type": "webhook.test", "timestamp": now, "data": {} }).to_string();
    let message = format!("msg_test_{}", Uuid::new_v4().simple());
    let attempt = attempt(app, &webhook, (0, message, body.into_bytes()), now).await;
    app.store.keep_attempt(registry, id, attempt.clone(), call).await?;
    Ok(attempt)
}

pub async fn deliveries(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, before, limit): (Uuid, i64, i64),
) -> Result<Vec<Attempt>, Error> {
    allow(staff, Action::ManageWebhooks)?;
    found(app, registry, id).await?;
    Ok(app.store.attempts(registry, id, before, limit).await?)
}

/// One attempt, whatever comes of it.
pub async fn attempt(
    app: &App,
    webhook: &Webhook,
    (seq, message, body): (i64, String, Vec<u8>),
    now: Timestamp,
) -> Attempt {
    let started = std::time::Instant::now();
    let outcome = match signed(app, webhook, message, body, now) {
        Ok((target, message)) => match app.outbox.send(&target, &message).await {
            Ok(status) => (status, "DELIVERED"),
            Err(fault) => (fault.status(), fault.code()),
        },
        Err(why) => {
            tracing::error!(webhook = %webhook.id, error = %why, "a webhook cannot be signed");
            (0, "NOT_SIGNED")
        }
    };
    let took = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
    Attempt::new(seq, now, outcome, took)
}

/// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature` with `v1`, once for each secret.
fn signed(
    app: &App,
    webhook: &Webhook,
    id: String,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<(Target, Message), String> {
    let target = Target::parse(&webhook.url, app.config.webhooks.allow_loopback)?;
    let previous = webhook.previous.as_ref().filter(|_| webhook.previous_until().is_some_and(|t| now < t));
    let mut signatures = Vec::new();
    for sealed in [Some(&webhook.secret), previous].into_iter().flatten() {
        let secret = String::from_utf8(app.kek.open(sealed).map_err(|e| e.to_string())?);
        let secret = secret.map_err(|e| e.to_string())?;
        let signer = standardwebhooks::Webhook::new(&secret).map_err(|e| e.to_string())?;
        signatures.push(signer.sign(&id, now.secs(), &body).map_err(|e| e.to_string())?);
    }
    let headers = vec![
        (standardwebhooks::HEADER_WEBHOOK_ID, id),
        (standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, now.secs().to_string()),
        (standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signatures.join(" ")),
    ];
    Ok((target, Message { headers, body }))
}

/// The id of a webhook as text.
pub fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_| Invalid::new("webhook_id", "must be a UUID").into())
}
