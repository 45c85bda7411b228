//! Staff: who a bearer token stands for in a registry. Nobody else reaches governance.

use charter_domain::{
    Invalid, RegistryId,
    policy::{self, Action, Refusal},
    staff::Staff,
};
use charter_store::staff::Member;
use http::{HeaderMap, header::AUTHORIZATION};

use crate::{App, Error};

/// The member of staff behind a request. An identity that is not staff of this registry is told no more than that.
pub async fn identify(app: &App, headers: &HeaderMap, registry: RegistryId) -> Result<Staff, Error> {
    let value = headers.get(AUTHORIZATION).ok_or(Refusal::Unauthenticated)?;
    let token =
        value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).ok_or(Refusal::Unauthenticated)?;
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

/// An issuer or a subject, as far as they have a form.
pub fn identifier(field: &str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "must be 1 to 255 bytes without control characters"));
    }
    Ok(())
}
