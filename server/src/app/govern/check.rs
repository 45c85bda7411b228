//! Whether a drafted change may still happen: looked at when it is proposed and again when it is approved.

use charter_domain::{
    RegistryId, Timestamp,
    event::{Change, StatementMade, StatusChanged},
    govern::lifecycle,
    policy::Refusal,
    staff::{Role, StaffId},
    status::Status,
};
use charter_store::Tx;
use uuid::Uuid;

use crate::{
    App, Error,
    app::{
        credential, credential_type, entity::domain, key, privacy, procedure, registry_policy, schema,
        superior,
    },
    error::Code,
    hosted::Tenant,
};

mod life;

/// Security officers who must remain: one could never appoint another.
const LEAST_SECURITY: usize = 2;

pub async fn change(app: &App, registry: RegistryId, change: &Change, now: Timestamp) -> Result<(), Error> {
    match change {
        Change::StatusChanged(s) => status(app, registry, s, now).await,
        Change::EntityRegistered(e) => {
            let all = e.identifiers.iter().map(|i| i.value.clone()).collect();
            app.store.registry_policy(registry).await?.names(&e.names)?;
            let taken = app.store.taken(registry, all).await?;
            taken.iter().next().map_or(Ok(()), |value| {
                Err(Error::new(Code::DuplicateEntity, format!("`{value}` exists already")))
            })
        }
        Change::AccreditationGranted(_) | Change::DelegationMade(_) => Ok(begins(change, now)?),
        Change::StatementMade(s) => {
            begins(change, now)?;
            let value = s.resource.as_str().to_owned();
            credential_type::free(&value, app.store.stands_for(registry, value.clone()).await?)?;
            ground(app, registry, s).await
        }
        Change::PersonalDataErased(e) => privacy::check(app, registry, e.subject).await,
        Change::SchemaPublished(s) => {
            let value = s.resource.as_str().to_owned();
            Ok(credential_type::free(&value, app.store.stands_for(registry, value.clone()).await?)?)
        }
        Change::SchemaDeprecated(d) => schema::may_deprecate(app, registry, d).await,
        Change::CredentialTypeDefined(t) => credential_type::may_define(app, registry, t).await,
        Change::EntityCorrected(e) => life::entity(app, registry, e).await,
        Change::Renewed(r) => life::renewed(app, registry, r, now).await,
        Change::KeyAdded(_)
        | Change::KeyRetired(_)
        | Change::KeyRevoked(_)
        | Change::EntityKeyAdded(_)
        | Change::EntityKeyRevoked(_) => {
            let entity = key::check::entity(change);
            Ok(key::check::may(change, &app.store.keys(registry, entity).await?, now)?)
        }
        Change::CredentialBound(c) => credential::check(app, registry, c).await,
        Change::SuperiorJoined(_) | Change::SuperiorLeft(_) => superior::check(app, registry, change).await,
        Change::StaffDismissed(d) => {
            let known = app.store.staff(registry).await?;
            let found = known.iter().any(|m| m.id == d.staff_id && !m.dismissed);
            if found { Ok(()) } else { Err(Error::not_found("member of staff", d.staff_id)) }
        }
        Change::PolicySet(p) => {
            let staff = app.store.staff(registry).await?;
            Ok(registry_policy::enough_people(&p.policy, &staff)?)
        }
        _ => procedure::check(app, registry, change, now).await,
    }
}

/// What this registry's own superior bounds: looked at when it is proposed and again before each approval.
pub async fn above(app: &App, tenant: &Tenant, change: &Change) -> Result<(), Error> {
    // Another process may have recorded a superior a moment ago.
    tenant.fresh_above(&app.store).await?;
    key::check::held_down(tenant, change, app.clock.now())?;
    life::bounded(app, tenant, change).await
}

/// A grant that waited too long for its approvals would begin in the past.
fn begins(change: &Change, now: Timestamp) -> Result<(), Refusal> {
    match change {
        Change::AccreditationGranted(a) => lifecycle::grant(&a.valid, a.begins_when_recorded, now),
        Change::DelegationMade(d) => lifecycle::grant(&d.valid, d.begins_when_recorded, now),
        Change::StatementMade(s) => lifecycle::grant(&s.valid, s.begins_when_recorded, now),
        _ => Ok(()),
    }
}

/// What a statement stands on is an accreditation of the same entity.
async fn ground(app: &App, registry: RegistryId, s: &StatementMade) -> Result<(), Error> {
    let Some(id) = s.accreditation_id else { return Ok(()) };
    let found = app.store.accreditations(registry, None, Some(id), 1).await?;
    if found.first().is_some_and(|a| a.entity_id == s.entity_id) {
        return Ok(());
    }
    Err(Error::not_found("accreditation of this entity", id))
}

async fn status(app: &App, registry: RegistryId, s: &StatusChanged, now: Timestamp) -> Result<(), Error> {
    let current = current(app, registry, s).await?;
    lifecycle::transition(&current, s, now)?;
    procedure::fair(app, registry, s, &current, now).await?;
    if s.succeeded_by.is_empty() {
        return Ok(());
    }
    Ok(no_loop(s, &app.store.successors(registry).await?)?)
}

fn no_loop(s: &StatusChanged, links: &[(Uuid, Uuid)]) -> Result<(), Refusal> {
    let of = |id: Uuid| links.iter().filter(|(from, _)| *from == id).map(|(_, to)| *to).collect();
    let entity = Uuid::parse_str(&s.target_id).map_err(|e| Refusal::Illegal(e.to_string()))?;
    lifecycle::no_loop(entity, &s.succeeded_by, of)
}

async fn current(app: &App, registry: RegistryId, s: &StatusChanged) -> Result<Vec<Status>, Error> {
    let held = app.store.target(registry, s.target, s.target_id.clone()).await?;
    held.map(|h| h.statuses).ok_or_else(|| Error::not_found(s.target.as_str(), &s.target_id))
}

/// The same under the registry's lock, when it is executed: nothing can come between.
pub fn locked(tx: &mut Tx<'_>, change: &Change) -> Result<(), charter_store::Error> {
    procedure::locked(tx, change)?;
    match change {
        Change::StatusChanged(s) => {
            let current = domain(&tx.statuses(s.target, &s.target_id)?);
            lifecycle::transition(&current, s, tx.now)?;
            if s.succeeded_by.is_empty() {
                return Ok(());
            }
            Ok(no_loop(s, &tx.successors()?)?)
        }
        Change::CredentialBound(c) => credential::locked(tx, c),
        Change::SuperiorJoined(_) | Change::SuperiorLeft(_) => superior::locked(tx, change),
        Change::StaffDismissed(d) => two_remain(tx, d.staff_id),
        Change::StatementMade(s) => {
            begins(change, tx.now)?;
            let resource = tx.stands_for(s.resource.as_str())?;
            Ok(credential_type::free(s.resource.as_str(), resource)?)
        }
        Change::SchemaPublished(s) => {
            let resource = tx.stands_for(s.resource.as_str())?;
            Ok(credential_type::free(s.resource.as_str(), resource)?)
        }
        Change::SchemaDeprecated(d) => schema::locked(tx, d),
        Change::CredentialTypeDefined(t) => credential_type::locked(tx, t),
        Change::PolicySet(p) => registry_policy::locked(tx, &p.policy),
        Change::Renewed(r) => life::renewed_locked(tx, r),
        Change::DelegationCorrected(d) => life::narrowed_locked(tx, d),
        Change::KeyAdded(_)
        | Change::KeyRetired(_)
        | Change::KeyRevoked(_)
        | Change::EntityKeyAdded(_)
        | Change::EntityKeyRevoked(_) => {
            let history = tx.keys(key::check::entity(change))?;
            Ok(key::check::may(change, &history, tx.now)?)
        }
        _ => Ok(begins(change, tx.now)?),
    }
}

/// As many as the policy asks for too. Two approvals at once would each see the other's security officer.
fn two_remain(tx: &mut Tx<'_>, leaving: StaffId) -> Result<(), charter_store::Error> {
    let mut staff = tx.staff()?;
    let officers = || staff.iter().filter(|m| !m.dismissed && m.roles.contains(&Role::SecurityOfficer));
    let remain = officers().filter(|m| m.id != leaving && !m.service);
    if officers().any(|m| m.id == leaving) && remain.count() < LEAST_SECURITY {
        let text = "two security officers must remain: appoint another first".to_owned();
        return Err(Refusal::Illegal(text).into());
    }
    staff.retain(|m| m.id != leaving);
    Ok(registry_policy::enough_people(&tx.registry_policy()?, &staff)?)
}
