//! Whether a correction or renewal may still happen.

use std::collections::BTreeSet;

use charter_domain::{
    Delegation, RegistryId, Timestamp,
    event::{Change, DelegationCorrected, EntityCorrected, Renewed},
    govern::{correction, renewal},
    policy::Refusal,
    status::TargetKind,
};
use charter_store::{Tx, target::Held};

use crate::{
    App, Error,
    app::{delegation::inside, recognition},
    error::Code,
    hosted::Tenant,
};

/// Identifiers that are added are nobody else's. (Which ones it has now the draft has looked at; since then no event
/// about it was recorded, or the proposal is out of date.)
pub async fn entity(app: &App, registry: RegistryId, change: &EntityCorrected) -> Result<(), Error> {
    if let Some(names) = &change.names {
        app.store.registry_policy(registry).await?.names(names)?;
    }
    let Some(identifiers) = &change.identifiers else { return Ok(()) };
    let held = app.store.entity_of(registry, change.entity_id).await?;
    let own: BTreeSet<String> =
        held.map(|e| e.identifiers.into_iter().map(|i| i.value).collect()).unwrap_or_default();
    let new = identifiers.iter().map(|i| i.value.clone()).filter(|v| !own.contains(v)).collect();
    let taken = app.store.taken(registry, new).await?;
    taken.iter().next().map_or(Ok(()), |value| {
        Err(Error::new(Code::DuplicateEntity, format!("`{value}` is another entity's")))
    })
}

pub async fn renewed(app: &App, registry: RegistryId, r: &Renewed, now: Timestamp) -> Result<(), Error> {
    let held = app.store.target(registry, r.target, r.target_id.clone()).await?;
    lasts(r, held, now)?;
    recognition::renewed(app, registry, r, now).await
}

pub fn renewed_locked(tx: &mut Tx<'_>, r: &Renewed) -> Result<(), charter_store::Error> {
    let held = tx.target(r.target, &r.target_id)?;
    Ok(lasts(r, held, tx.now)?)
}

fn lasts(r: &Renewed, held: Option<Held>, now: Timestamp) -> Result<(), Refusal> {
    let held = held.ok_or_else(|| Refusal::Illegal(format!("{} does not exist", r.target.as_str())))?;
    renewal::renewal(&held.valid, &held.statuses, r.valid_until, now)
}

/// What a delegation has become meanwhile bounds what it may be corrected to.
pub fn narrowed_locked(tx: &mut Tx<'_>, change: &DelegationCorrected) -> Result<(), charter_store::Error> {
    let now = tx.now;
    let list = tx.delegations()?;
    let held = list.iter().find(|d| d.id == change.delegation_id);
    let held = held.ok_or_else(|| Refusal::Illegal("the delegation does not exist".to_owned()))?;
    Ok(correction::delegation(change, held, now)?)
}

/// A delegation that is made, corrected or renewed is inside what this registry was delegated itself, and so is the name
/// of the subordinate. (What becomes narrower in the instant between is found by whoever reads the chain.)
pub async fn bounded(app: &App, tenant: &Tenant, change: &Change) -> Result<(), Error> {
    let held = match change {
        Change::DelegationMade(d) => return within(app, tenant, (&d.scope, &d.entity_identifier)).await,
        Change::DelegationCorrected(d) => numbered(app, tenant, d.delegation_id).await?,
        Change::Renewed(r) if r.target == TargetKind::Delegation => {
            numbered(app, tenant, r.target_id.parse().unwrap_or_default()).await?
        }
        _ => None,
    };
    let Some(held) = held else { return Ok(()) };
    let scope = match change {
        Change::DelegationCorrected(DelegationCorrected { scope: Some(scope), .. }) => scope,
        _ => &held.scope,
    };
    within(app, tenant, (scope, &held.entity_identifier)).await
}

/// Inside what a superior of this process records, and what those elsewhere said last.
async fn within(app: &App, tenant: &Tenant, passed_on: inside::PassedOn<'_>) -> Result<(), Error> {
    inside::recorded(app, tenant, passed_on).await?;
    inside::heard(tenant, passed_on)
}

async fn numbered(app: &App, tenant: &Tenant, id: i64) -> Result<Option<Delegation>, Error> {
    let list = app.store.delegations(tenant.registry.id).await?;
    Ok(list.into_iter().find(|d| d.id == id))
}
