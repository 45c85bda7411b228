//! Afterwards: what was denied becomes an event, once over all servers of a registry, with the signed file as evidence.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use charter_domain::{
    event::{Change, StatusChanged},
    govern::lifecycle,
    policy,
    status::{State, TargetKind},
};
use charter_proof::breakglass::MAX_LIFE;
use charter_store::{Error as StoreError, document::Which};
use uuid::Uuid;

use super::Held;
use crate::{
    App, Error,
    app::{document::Issuing, entity::domain},
};

/// Names the entity in all ways that are on record, and records what is denied, of each denial that needs it. What
/// cannot be done now is tried again.
pub async fn all(app: &App) {
    if !app.register.usable() {
        return;
    }
    for held in app.hosted.breakglass.held().iter() {
        if !held.named.load(Ordering::Acquire) {
            name(app, held).await;
        }
        if held.recorded.load(Ordering::Acquire) || app.hosted.holds.get(held.registry).is_some() {
            continue;
        }
        if let Err(error) = record(app, held).await {
            tracing::debug!(%error, jti = held.terms().jti, "a denial cannot be recorded yet");
        }
    }
}

/// A denial names an entity by some of its identifiers; it is asked about by others too.
async fn name(app: &App, held: &Held) {
    let mut names = Vec::new();
    for id in &held.terms().entity_ids {
        match app.store.entity(held.registry, id.as_str()).await {
            Ok(found) => names.extend(found.into_iter().flat_map(|entity| entity.identifiers)),
            Err(_) => return,
        }
    }
    held.call(names.into_iter().flat_map(|id| super::spellings(&id.value)));
}

/// One transaction: the file, a suspension until it lapses of each entity that is active, and its documents anew.
async fn record(app: &App, held: &Arc<Held>) -> Result<(), Error> {
    let tenant = app.tenant(held.registry)?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let signers = held.denial.signed_by().map_err(|e| StoreError::Internal(e.to_string()))?;
    let jti = Uuid::parse_str(&held.terms().jti).map_err(|e| StoreError::Internal(e.to_string()))?;
    let permit = policy::breakglass(held.registry, &signers)?;
    let about = Arc::clone(held);
    let written = app.store.write("breakglass.record", held.registry, move |tx| {
        let terms = about.terms();
        let mut entities = BTreeSet::new();
        for id in &terms.entity_ids {
            entities.extend(tx.entity_id(id.as_str())?);
        }
        let (now, ends) = (tx.now, terms.ends());
        let mut changes = Vec::new();
        for id in entities.iter().filter(|_| ends > now) {
            let id = id.to_string();
            let current = domain(&tx.statuses(TargetKind::Entity, &id)?);
            let plain =
                StatusChanged::plain(TargetKind::Entity, id, State::Suspended, now, terms.reason.clone());
            let change = StatusChanged { lapses_at: Some(ends.min(now.plus(MAX_LIFE))), ..plain };
            // Who is revoked, suspended or gone is denied already.
            if lifecycle::transition(&current, &change, now).is_ok() {
                changes.push(change);
            }
        }
        let entities: Vec<Uuid> = entities.into_iter().collect();
        let file = (jti, about.denial.to_bytes());
        if !tx.keep_emergency_denial(&permit, file, &entities, ends, changes.len())? {
            return Ok(false);
        }
        let ids: Vec<String> = changes.iter().map(|change| change.target_id.clone()).collect();
        let changes: Vec<Change> = changes.into_iter().map(Change::StatusChanged).collect();
        tx.record(&permit, &changes)?;
        for id in ids {
            issuing.sign(tx, &Which::Entity(id))?;
        }
        Ok(true)
    });
    let written = written.await?;
    held.recorded.store(true, Ordering::Release);
    if written.value {
        tracing::warn!(jti = held.terms().jti, epoch = written.epoch, "a denial was recorded");
        app.changed(held.registry, written.epoch).await?;
    }
    Ok(())
}
