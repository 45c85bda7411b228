//! Webhooks: where events go, managed by operators. Configuration of delivery, so no events; who changed what is kept.
//! What changes one takes its id and `validate_only`: then everything is checked and nothing kept.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use charter_domain::{
    EntityId, Invalid, RegistryId, Timestamp, event,
    policy::{Action, allow},
    staff::Staff,
};
use charter_store::{
    outbox::{Attempt, Interest},
    webhook::{Change, Changed, Settings, Webhook},
};
use uuid::Uuid;

use crate::{
    App, Error,
    error::Code,
    outbox::{Message, Target},
};

const MAX_WEBHOOKS: usize = 20;
const MAX_KINDS: usize = 32;
/// For how long the secret before signs beside the new one.
const OVERLAP: Duration = Duration::from_secs(24 * 3_600);

/// What is wanted, before it is checked.
#[derive(Debug, Clone, Default)]
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

pub async fn create(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    wish: Wish,
    validate_only: bool,
) -> Result<Option<(Webhook, String)>, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let settings = settings(app, registry, wish).await?;
    if app.store.webhooks(registry, None).await?.len() >= MAX_WEBHOOKS {
        let text = format!("a registry has at most {MAX_WEBHOOKS} webhooks: delete one");
        return Err(Error::new(Code::Conflict, text));
    }
    if validate_only {
        return Ok(None);
    }
    let (secret, sealed) = secret(app)?;
    let (id, now) = (Uuid::now_v7(), app.clock.now());
    app.store.put_webhook(registry, (id, settings, sealed), (staff.id, now)).await?;
    app.told.have(registry);
    Ok(Some((found(app, registry, id).await?, secret)))
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

async fn change(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, validate_only): (Uuid, bool),
    change: Change,
) -> Result<(), Error> {
    if validate_only {
        return found(app, registry, id).await.map(drop);
    }
    app.store.change_webhook(registry, id, change, (staff.id, app.clock.now())).await?;
    app.told.have(registry);
    Ok(())
}

/// Another URL with its filters, where one is given; active or not, where that is said.
pub async fn update(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, validate_only): (Uuid, bool),
    (wish, enabled): (Wish, Option<bool>),
) -> Result<Webhook, Error> {
    allow(staff, Action::ManageWebhooks)?;
    found(app, registry, id).await?;
    if wish.url.is_empty() && (!wish.kinds.is_empty() || !wish.entity_id.is_empty()) {
        return Err(Invalid::new("url", "must be given with the filters").into());
    }
    if !wish.url.is_empty() {
        let settings = settings(app, registry, wish).await?;
        change(app, staff, registry, (id, validate_only), Change::Settings(settings)).await?;
    }
    if let Some(enabled) = enabled {
        change(app, staff, registry, (id, validate_only), Change::Enabled(enabled)).await?;
    }
    found(app, registry, id).await
}

pub async fn delete(app: &App, staff: &Staff, registry: RegistryId, one: (Uuid, bool)) -> Result<(), Error> {
    allow(staff, Action::ManageWebhooks)?;
    change(app, staff, registry, one, Change::Delete).await
}

pub async fn replay(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    one: (Uuid, bool),
    after: i64,
) -> Result<Webhook, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let epoch = app.store.epoch(registry).await?;
    if !(0..=epoch).contains(&after) {
        return Err(Invalid::new("after", format!("must be 0 to {epoch}, the last event there is")).into());
    }
    change(app, staff, registry, one, Change::Replay(after)).await?;
    found(app, registry, one.0).await
}

pub async fn rotate(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, validate_only): (Uuid, bool),
) -> Result<(Webhook, String), Error> {
    allow(staff, Action::ManageWebhooks)?;
    if validate_only {
        return Ok((found(app, registry, id).await?, String::new()));
    }
    let (secret, sealed) = secret(app)?;
    let until = app.clock.now().plus(OVERLAP);
    change(app, staff, registry, (id, false), Change::Secret(sealed, until)).await?;
    Ok((found(app, registry, id).await?, secret))
}

/// Sends a message that is no event, at once.
pub async fn test(app: &App, staff: &Staff, registry: RegistryId, id: Uuid) -> Result<Attempt, Error> {
    allow(staff, Action::ManageWebhooks)?;
    let webhook = found(app, registry, id).await?;
    let now = app.clock.now();
    let body = serde_json::json!({ "type": "webhook.test", "timestamp": now, "data": {} }).to_string();
    let message = format!("msg_test_{}", Uuid::new_v4().simple());
    let attempt = attempt(app, &webhook, (0, message, body.into_bytes()), now).await;
    app.store.keep_attempt(registry, id, attempt.clone()).await?;
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
