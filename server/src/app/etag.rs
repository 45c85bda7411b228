//! What the etags of things are made of, and the etag of what a drafted change would change.

use charter_domain::{
    Delegation, Invalid, RegistryId, Timestamp,
    event::{Change, CredentialBound, StaffDismissed},
    staff::StaffId,
    status::{State, TargetKind, state_at},
};
use charter_store::{
    entity::{AccreditationView, EntityView, StatementView, StatusView},
    proposal::Kept,
    staff::Member,
    webhook::Webhook,
};
use uuid::Uuid;

use crate::{App, Error, app::entity::domain, etag::Etag};

/// The state is part of it: one that takes effect later changes what is seen then.
fn state(statuses: Option<&Vec<StatusView>>, now: Timestamp) -> State {
    state_at(&domain(statuses.map_or(&[], Vec::as_slice)), now)
}

pub fn entity(e: &EntityView, now: Timestamp) -> Result<Etag, Error> {
    let statements: Vec<State> =
        e.statements.iter().flatten().map(|s| state(s.statuses.as_ref(), now)).collect();
    let grounds: Vec<State> =
        e.accreditations.iter().flatten().map(|a| state(a.statuses.as_ref(), now)).collect();
    Ok(Etag::of(&(e, state(e.statuses.as_ref(), now), statements, grounds))?)
}

pub fn accreditation(a: &AccreditationView, now: Timestamp) -> Result<Etag, Error> {
    Ok(Etag::of(&(a, state(a.statuses.as_ref(), now)))?)
}

pub fn statement(s: &StatementView, now: Timestamp) -> Result<Etag, Error> {
    Ok(Etag::of(&(s, state(s.statuses.as_ref(), now)))?)
}

/// Without its document: that is signed anew and says the same.
pub fn delegation(d: &Delegation, now: Timestamp) -> Result<Etag, Error> {
    let plain = Delegation { document: None, ..d.clone() };
    Ok(Etag::of(&(plain, state_at(&d.statuses, now)))?)
}

pub fn member(m: &Member) -> Result<Etag, Error> {
    Ok(Etag::of(&(m.id, &m.roles, m.service, m.dismissed))?)
}

/// What somebody did to it and whether it is active; how far it is, too, for who holds a copy.
pub fn webhook(w: &Webhook) -> Result<Etag, Invalid> {
    Etag::of_two(&(w.id, w.revision, &w.state), w)
}

/// What is decided, and what others have said of it meanwhile.
pub fn proposal(kept: &Kept, now: Timestamp) -> Result<Etag, charter_store::Error> {
    let p = &kept.proposal;
    let core = (p.id, p.hash()?, p.state_at(now).code());
    Ok(Etag::of_two(&core, &(&p.approvals, &p.reason, &kept.closed_why, kept.seq))?)
}

/// Of what a change is about; none where it makes something new.
pub async fn touched(
    app: &App,
    registry: RegistryId,
    change: &Change,
    now: Timestamp,
) -> Result<Option<Etag>, Error> {
    match change {
        Change::StatusChanged(s) => target(app, registry, (s.target, &s.target_id), now).await.map(Some),
        Change::Renewed(r) => target(app, registry, (r.target, &r.target_id), now).await.map(Some),
        Change::EntityCorrected(e) => {
            target(app, registry, (TargetKind::Entity, &e.entity_id.to_string()), now).await.map(Some)
        }
        Change::AccreditationCorrected(a) => {
            let id = a.accreditation_id.to_string();
            target(app, registry, (TargetKind::Accreditation, &id), now).await.map(Some)
        }
        Change::DelegationCorrected(d) => {
            target(app, registry, (TargetKind::Delegation, &d.delegation_id.to_string()), now).await.map(Some)
        }
        Change::StaffDismissed(StaffDismissed { staff_id })
        | Change::CredentialBound(CredentialBound { staff_id, .. }) => {
            of_staff(app, registry, *staff_id).await.map(Some)
        }
        _ => Ok(None),
    }
}

async fn of_staff(app: &App, registry: RegistryId, id: StaffId) -> Result<Etag, Error> {
    let staff = app.store.staff(registry).await?;
    let found = staff.iter().find(|m| m.id == id);
    member(found.ok_or_else(|| Error::not_found("member of staff", id))?)
}

async fn target(
    app: &App,
    registry: RegistryId,
    (kind, named): (TargetKind, &str),
    now: Timestamp,
) -> Result<Etag, Error> {
    let gone = || Error::not_found(kind.as_str(), named);
    let id = || Uuid::parse_str(named).map_err(|_| gone());
    let number = || named.parse::<i64>().map_err(|_| gone());
    match kind {
        TargetKind::Entity => {
            let found = app.store.entity_of(registry, id()?).await?;
            entity(&found.ok_or_else(gone)?, now)
        }
        TargetKind::Accreditation => {
            let found = app.store.accreditations(registry, None, Some(id()?), 1).await?;
            accreditation(found.first().ok_or_else(gone)?, now)
        }
        TargetKind::Statement => {
            let (_, found) = crate::app::entity::statement(app, registry, number()?).await?;
            statement(&found, now)
        }
        TargetKind::Delegation => {
            let (id, list) = (number()?, app.store.delegations(registry).await?);
            delegation(list.iter().find(|d| d.id == id).ok_or_else(gone)?, now)
        }
    }
}
