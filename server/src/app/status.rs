//! Suspending, reinstating, revoking and ending entities and delegations.

use charter_domain::{
    AuthorityId, EntityId, Invalid, RegistryId, Timestamp,
    event::{Change, StatusChanged},
    policy::Caller,
    status::{State, TargetKind},
};
use charter_store::{Tx, document::Which, request::Call};
use serde::Serialize;

use crate::{
    App, Error,
    app::{
        document::Issuing,
        govern,
        import::permit_load,
        once::{Asked, once, principal},
    },
};

#[derive(Debug, Clone, Serialize)]
pub enum Target {
    Entity(EntityId),
    Delegation(AuthorityId),
}

#[derive(Debug, Clone, Serialize)]
pub struct NewStatus {
    pub target: Target,
    pub state: State,
    pub reason: String,
    pub effective_from: Option<Timestamp>,
}

/// Records the state and signs what it touches again. A revocation or suspension is acknowledged only when no
/// register of any process can still accept an older answer: commit + 1.01 leases.
pub async fn set(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    new: NewStatus,
    asked: &Asked,
) -> Result<i64, Error> {
    let call = asked.call(principal(caller)?, "SetStatus", &new)?;
    let negative = new.state != State::Active;
    let fresh = set_one(app, caller, registry, new, (asked.validate_only, call.clone()));
    let epoch = once(app, registry, call.as_ref(), fresh).await?;
    if !asked.validate_only {
        govern::acknowledge(app, registry, epoch, negative).await?;
    }
    Ok(epoch)
}

async fn set_one(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    new: NewStatus,
    (only_try, call): (bool, Option<Call>),
) -> Result<i64, Error> {
    let permit = permit_load(app, caller, registry).await?;
    let tenant = app.tenant(registry)?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let written = app
        .store
        .write_or_try("status.set", registry, only_try, move |tx| {
            let (target, target_id) = find(tx, &new.target)?;
            let delegation = target_id.parse::<i64>().ok();
            let from = new.effective_from.unwrap_or(tx.now);
            let changed =
                StatusChanged::plain(target, target_id.clone(), new.state, from, new.reason.clone());
            tx.record(&permit, &[Change::StatusChanged(changed)])?;
            match (target, delegation) {
                (TargetKind::Delegation, Some(id)) => issuing.sign_delegations(tx, &[id]),
                _ => issuing.sign(tx, &Which::Entity(target_id)),
            }?;
            let epoch = if only_try { 0 } else { tx.epoch };
            tx.keep(call.as_ref(), &epoch)?;
            Ok(epoch)
        })
        .await?;
    Ok(written.value)
}

fn find(tx: &mut Tx<'_>, target: &Target) -> Result<(TargetKind, String), charter_store::Error> {
    match target {
        Target::Entity(id) => {
            let found = tx.entity_id(id.as_str())?;
            let found = found.ok_or_else(|| charter_store::Error::NotFound(format!("entity `{id}`")))?;
            Ok((TargetKind::Entity, found.to_string()))
        }
        Target::Delegation(id) => {
            let now = tx.now;
            let list = tx.delegations()?;
            let found = super::delegation::current(&list, id, now);
            let found =
                found.ok_or_else(|| charter_store::Error::NotFound(format!("delegation of `{id}`")))?;
            Ok((TargetKind::Delegation, found.id.to_string()))
        }
    }
}

/// A reason code as it is recorded.
pub fn code(text: &str) -> Result<String, Invalid> {
    let good = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if good { Ok(text.to_owned()) } else { Err(Invalid::new("reason", "must be a code in UPPER_SNAKE")) }
}
