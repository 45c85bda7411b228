//! Emergency suspension: by one person, at once, and over by itself unless it is proposed and approved in time.

use std::time::Duration;

use charter_domain::{
    EntityId, RegistryId, Timestamp,
    event::{Change, StatusChanged},
    govern::lifecycle,
    policy,
    staff::Staff,
    status::{State, TargetKind},
};
use charter_store::{Authorship, document::Which, request::Call};
use serde::{Deserialize, Serialize};

use crate::{
    App, Error,
    app::{
        document::Issuing,
        entity::domain,
        govern,
        once::{Asked, once},
    },
};

/// How long a second person has to make it last.
const LAPSES_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// The epoch after it (0 when it was only tried out), and when it is over.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suspended {
    pub epoch: i64,
    #[schema(value_type = String, format = DateTime)]
    pub lapses_at: Timestamp,
}

pub async fn suspend(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    entity: &EntityId,
    code: &str,
    asked: &Asked,
) -> Result<Suspended, Error> {
    let call = asked.call(&staff.id, "SuspendInEmergency", &(entity, code))?;
    let fresh = suspend_one(app, staff, registry, (entity, code), (asked, call.clone()));
    let done: Suspended = once(app, registry, call.as_ref(), fresh).await?;
    if done.epoch > 0 {
        govern::acknowledge(app, registry, done.epoch, true).await?;
    }
    Ok(done)
}

async fn suspend_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (entity, code): (&EntityId, &str),
    (asked, call): (&Asked, Option<Call>),
) -> Result<Suspended, Error> {
    let tenant = app.tenant(registry)?;
    let reason = crate::app::status::code(code)?;
    let id = crate::app::entity::get(app, registry, entity.as_str()).await?.entity_id.to_string();
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let staff = staff.clone();
    let only_try = asked.validate_only;
    let written = app
        .store
        .write_or_try("emergency.suspend", registry, only_try, move |tx| {
            let (now, last) = (tx.now, tx.last_emergency(staff.id)?);
            let permit = policy::emergency(&staff, registry, tx.phase, last, now)?;
            let lapses_at = now.plus(LAPSES_AFTER);
            let plain =
                StatusChanged::plain(TargetKind::Entity, id.clone(), State::Suspended, now, reason.clone());
            let change = StatusChanged { lapses_at: Some(lapses_at), ..plain };
            lifecycle::transition(&domain(&tx.statuses(TargetKind::Entity, &id)?), &change, now)?;
            let by = Authorship { actor: staff.id.0, ..Authorship::default() };
            tx.record_by(&permit, &[Change::StatusChanged(change)], &by)?;
            issuing.sign(tx, &Which::Entity(id.clone()))?;
            let done = Suspended { epoch: if only_try { 0 } else { tx.epoch }, lapses_at };
            tx.keep(call.as_ref(), &done)?;
            Ok(done)
        })
        .await?;
    Ok(written.value)
}
