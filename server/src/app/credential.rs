//! Keys and certificates of services: drafted to be bound, recognised at the door, taken away at once.

use std::collections::HashMap;

use charter_domain::{
    RegistryId, Timestamp,
    credential::{self, CredentialKind},
    event::{Change, CredentialBound, CredentialRevoked},
    policy::{self, Action, Refusal},
    staff::{Staff, StaffId},
};
use charter_store::{Authorship, Tx, credential::Credential, request::Call, staff::Member};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    govern,
    once::{Asked, once},
};
use crate::{App, Error, error::Code};

/// What is asked for, as a door hands it over.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct BindCredential {
    pub staff_id: i64,
    pub credential: String,
    pub sha256: String,
    pub scopes: Vec<String>,
    pub valid_until: Timestamp,
}

pub fn draft(wish: &BindCredential, now: Timestamp) -> Result<Change, Error> {
    credential::life(wish.valid_until, now)?;
    Ok(Change::CredentialBound(CredentialBound {
        credential_id: Uuid::now_v7(),
        staff_id: StaffId(wish.staff_id),
        credential: CredentialKind::parse(&wish.credential)?,
        sha256: credential::fingerprint(&wish.sha256)?,
        scopes: credential::scopes(&wish.scopes)?,
        valid_until: wish.valid_until,
    }))
}

/// The owner is a service in office whose roles give what is asked for.
fn fits(staff: &[Member], bound: &CredentialBound) -> Result<(), charter_store::Error> {
    let owner = staff.iter().find(|m| m.id == bound.staff_id && !m.dismissed);
    let missing = || charter_store::Error::NotFound(format!("member of staff `{}`", bound.staff_id));
    let owner = owner.ok_or_else(missing)?;
    if !owner.service {
        let text = "people sign in at their provider: only a service has keys and certificates";
        return Err(Refusal::Illegal(text.to_owned()).into());
    }
    Ok(credential::within(&owner.roles, &bound.scopes)?)
}

pub async fn check(app: &App, registry: RegistryId, bound: &CredentialBound) -> Result<(), Error> {
    fits(&app.store.staff(registry).await?, bound)?;
    let known = app.store.staff_credentials(registry).await?;
    if known.iter().any(|c| c.sha256 == bound.sha256) {
        return Err(Error::new(Code::Conflict, "this credential is or was bound here: make a new one"));
    }
    Ok(())
}

/// The same under the registry's lock.
pub fn locked(tx: &mut Tx<'_>, bound: &CredentialBound) -> Result<(), charter_store::Error> {
    fits(&tx.staff()?, bound)
}

pub async fn list(app: &App, staff: &Staff, registry: RegistryId) -> Result<Vec<Credential>, Error> {
    policy::allow(staff, Action::ReadCredentials)?;
    Ok(app.store.staff_credentials(registry).await?)
}

/// Nothing is kept of who may sign in, so the next request with it is refused everywhere. The epoch after it; 0 when it
/// was only tried out.
pub async fn revoke(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, code): (Uuid, &str),
    asked: &Asked,
) -> Result<i64, Error> {
    let call = asked.call(&staff.id, "RevokeCredential", &(id, code))?;
    let fresh = revoke_one(app, staff, registry, (id, code), (asked.validate_only, call.clone()));
    let epoch = once(app, registry, call.as_ref(), fresh).await?;
    if epoch > 0 {
        govern::acknowledge(app, registry, epoch, false).await?;
    }
    Ok(epoch)
}

async fn revoke_one(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    (id, code): (Uuid, &str),
    (only_try, call): (bool, Option<Call>),
) -> Result<i64, Error> {
    let reason = crate::app::status::code(code)?;
    let staff = staff.clone();
    let work = move |tx: &mut Tx<'_>| -> Result<i64, charter_store::Error> {
        let permit = policy::revoke_credential(&staff, registry, tx.phase)?;
        let found = tx.staff_credential(id)?;
        let found = found.ok_or_else(|| charter_store::Error::NotFound(format!("credential `{id}`")))?;
        if found.revoked {
            return Err(Refusal::Illegal("it has been revoked already".to_owned()).into());
        }
        let change = CredentialRevoked { credential_id: id, reason: reason.clone() };
        let by = Authorship { actor: staff.id.0, ..Authorship::default() };
        tx.record_by(&permit, &[Change::CredentialRevoked(change)], &by)?;
        let epoch = if only_try { 0 } else { tx.epoch };
        tx.keep(call.as_ref(), &epoch)?;
        Ok(epoch)
    };
    Ok(app.store.write_or_try("credential.revoke", registry, only_try, work).await?.value)
}

/// Who a credential stands for now; nobody when it is unknown, revoked or over, or its owner is not in office.
pub async fn owner(
    app: &App,
    registry: RegistryId,
    kind: CredentialKind,
    sha256: String,
) -> Result<Staff, Error> {
    let now = app.clock.now();
    let found = app.store.staff_credential_of(registry, kind, sha256).await?;
    let found = found.filter(|c| !c.revoked && !c.dismissed && c.service && now < c.valid_until());
    let unknown = || Error::new(Code::Unauthenticated, "the credential is not, or no longer, bound here");
    let found = found.ok_or_else(unknown)?;
    used(app, registry, &found, now).await;
    Ok(Staff {
        id: found.staff_id,
        roles: found.roles,
        service: true,
        stepped_up: false,
        only: Some(found.scopes),
    })
}

/// The days that this process has written down, so that a busy service costs one write a day.
pub type Uses = Mutex<HashMap<(RegistryId, Uuid), i64>>;

async fn used(app: &App, registry: RegistryId, credential: &Credential, now: Timestamp) {
    let day = now.secs().div_euclid(86_400);
    let known = app.uses.lock().await.insert((registry, credential.id), day);
    if known == Some(day) {
        return;
    }
    // A read-only site answers too: that it was used is then not written down.
    if let Err(error) = app.store.credential_used(registry, credential.id, now).await {
        tracing::debug!(%error, "the use of a credential was not written down");
    }
}

/// The id of a credential as text.
pub fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_| Error {
        field: Some("credential_id".to_owned()),
        ..Error::new(Code::Invalid, "`credential_id` must be a UUID")
    })
}
