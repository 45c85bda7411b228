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
use charter_store::{Authorship, document::Which};

use crate::{
    App, Error,
    app::{document::Issuing, entity::domain, govern},
};

/// How long a second person has to make it last.
const LAPSES_AFTER: Duration = Duration::from_secs(24 * 3_600);

pub async fn suspend(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    entity: &EntityId,
    code: &str,
) -> Result<(i64, Timestamp), Error> {
    let tenant = app.hosted.tenant(registry).ok_or_else(|| Error::not_found("registry", registry))?;
    let reason = crate::app::status::code(code)?;
    let id = crate::app::entity::get(app, registry, entity.as_str()).await?.entity_id.to_string();
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let staff = staff.clone();
    let written = app
        .store
        .write("emergency.suspend", registry, move |tx| {
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
            Ok(lapses_at)
        })
        .await?;
    govern::acknowledge(app, registry, written.epoch, true).await?;
    Ok((written.epoch, written.value))
}
