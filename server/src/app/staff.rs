//! Staff: who a bearer token or a client certificate stands for in a registry. Nobody else reaches governance.

use charter_domain::{
    Invalid, RegistryId,
    credential::{CredentialKind, is_key},
    policy::{self, Action, Refusal},
    spki::SpkiSha256,
    staff::Staff,
};
use charter_store::{
    credential::{hash, hex},
    staff::Member,
};
use http::{HeaderMap, header::AUTHORIZATION};
use serde_json::{Value, json};

use super::{credential, govern::wish::Appoint, privacy};
use crate::{App, Error, error::Code, hosted::Tenant};

/// The member of staff behind a request: by its bearer token, else by the client certificate of its connection.
pub async fn recognise(
    app: &App,
    headers: &HeaderMap,
    certificate: Option<SpkiSha256>,
    registry: RegistryId,
) -> Result<Staff, Error> {
    match certificate.filter(|_| !headers.contains_key(AUTHORIZATION)) {
        Some(presented) => {
            credential::owner(app, registry, CredentialKind::Certificate, presented.to_string()).await
        }
        None => identify(app, headers, registry).await,
    }
}

/// The same by bearer token alone: one of a provider, or a key of ours. An identity that is not staff of this registry
/// is told no more than that.
async fn identify(app: &App, headers: &HeaderMap, registry: RegistryId) -> Result<Staff, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = values.next().and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let token = token.filter(|_| values.next().is_none()).ok_or(Refusal::Unauthenticated)?;
    if is_key(token) {
        return credential::owner(app, registry, CredentialKind::ApiKey, hex(&hash(token))).await;
    }
    let identity = app.oidc.authenticate(token, app.clock.now()).await?;
    let member = app.store.staff_of(registry, identity.issuer, identity.subject).await?;
    let member = member.ok_or(Refusal::Denied)?;
    let Member { id, roles, service, .. } = member;
    Ok(Staff { id, roles, service, stepped_up: identity.stepped_up, only: None })
}

pub async fn list(app: &App, staff: &Staff, registry: RegistryId) -> Result<Vec<Member>, Error> {
    policy::allow(staff, Action::ReadStaff)?;
    Ok(app.store.staff(registry).await?)
}

/// Who is to be appointed, for the restricted part: nobody who is or was staff, by account or by person.
pub async fn person(app: &App, tenant: &Tenant, w: &Appoint) -> Result<Value, Error> {
    let registry = tenant.registry.id;
    let conflict = |text| Err(Error::new(Code::Conflict, text));
    let mac = privacy::mac(&app.erased, &w.issuer, &w.subject)?;
    if app.store.was_staff(registry, w.issuer.clone(), w.subject.clone(), mac).await? {
        return conflict("this person is or was staff here: a person has one number, for good");
    }
    let mut who = json!({ "issuer": w.issuer, "subject": w.subject });
    if let Some(key) = person_key(w)? {
        let authority = tenant.registry.authority.as_str();
        let person = app
            .persons
            .hex(&[authority, &key])
            .map_err(|_| Error::new(Code::Internal, "an error of ours; it was logged"))?;
        if app.store.is_known_person(registry, person.clone()).await? {
            return conflict(
                "this person is or was staff here by another account: a person has one number, for good",
            );
        }
        who["person"] = person.into();
    }
    let same = app.store.with_subject(registry, w.subject.clone()).await?;
    if !same.is_empty() {
        who["same_subject_elsewhere"] = json!(same);
    }
    Ok(who)
}

/// Letters in upper case and without spaces: how it was typed makes no other person.
fn person_key(w: &Appoint) -> Result<Option<String>, Invalid> {
    if w.person_key.is_empty() {
        return Ok(None);
    }
    let key: String =
        w.person_key.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    if w.service || !(4..=255).contains(&key.len()) || key.chars().any(char::is_control) {
        let reason = "must be a person's, 4 to 255 bytes without control characters";
        return Err(Invalid::new("person_key", reason));
    }
    Ok(Some(key))
}

/// An issuer or a subject, as far as they have a form.
pub fn identifier(field: &str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "must be 1 to 255 bytes without control characters"));
    }
    Ok(())
}
