//! What a registry passes on lies inside what it was given itself: the scope, and the name of whom it is passed on to.

use std::collections::BTreeSet;

use charter_domain::{AuthorityId, Delegation, HttpsId, RegistryId, Scope, delegation::MAX_DEPTH};
use charter_proof::SubordinateStatement;
use charter_signing::jws;

use crate::{App, Error, error::Code, hosted::Tenant};

/// A scope that is passed on, and the name of whom it is passed on to.
pub type PassedOn<'a> = (&'a Scope, &'a HttpsId);

/// Checked when written, and again by every verifier: a registry whose superior is of this process may pass on only
/// what it was given. (A superior elsewhere checks when it reads.)
///
/// # Errors
/// `DENIED`, and who gave less.
pub async fn recorded(app: &App, tenant: &Tenant, (scope, name): PassedOn<'_>) -> Result<(), Error> {
    let now = app.clock.now();
    let own = &tenant.registry.authority;
    for superior in superiors(app, tenant) {
        let given = given(app, superior, own).await?;
        let passes_on = |d: &Delegation| d.standing(now).is_ok() && d.scope.may_delegate(scope);
        if !given.is_empty() && !given.iter().any(passes_on) {
            let by = &superior.registry.authority;
            return Err(Error::new(Code::Denied, format!("wider than what `{by}` delegated to `{own}`")));
        }
    }
    permitted(app, tenant, name).await
}

/// The same by what superiors elsewhere said last, where the way up has been heard. Whoever reads a chain verifies it;
/// here it spares staff a delegation that nobody would believe.
///
/// # Errors
/// `DENIED`, and who gave less.
pub fn heard(tenant: &Tenant, (scope, name): PassedOn<'_>) -> Result<(), Error> {
    let upward = tenant.upward();
    // The last is the anchor's configuration, which is no statement of this kind.
    let said = |token: &String| serde_json::from_slice::<SubordinateStatement>(&jws::peek(token).ok()?).ok();
    for (n, token) in upward.iter().enumerate() {
        let Some(said) = said(token) else { continue };
        // What the scope comes to its superior has looked at; a name must be permitted by all.
        if n == 0 && !said.metadata.trust_registry.scope.may_delegate(scope) {
            let (by, own) = (said.iss, &tenant.registry.authority);
            return Err(Error::new(Code::Denied, format!("wider than what `{by}` delegated to `{own}`")));
        }
        if said.constraints.naming_constraints.is_some_and(|names| !names.permits(name)) {
            return Err(unnamed(name, said.iss.as_str()));
        }
    }
    Ok(())
}

/// OpenID Federation 1.0, 6.2: what a delegation says of names holds for everybody below it, however far.
async fn permitted(app: &App, tenant: &Tenant, name: &HttpsId) -> Result<(), Error> {
    let now = app.clock.now();
    let mut met: BTreeSet<RegistryId> = [tenant.registry.id].into();
    let mut here = vec![tenant];
    for _ in 0..MAX_DEPTH {
        let mut above = Vec::new();
        for below in here {
            for superior in superiors(app, below) {
                let mut given = given(app, superior, &below.registry.authority).await?;
                given.retain(|d| d.standing(now).is_ok());
                if !given.is_empty() && !given.iter().any(|d| d.permits(name)) {
                    return Err(unnamed(name, superior.registry.authority.as_str()));
                }
                if met.insert(superior.registry.id) {
                    above.push(superior);
                }
            }
        }
        here = above;
    }
    Ok(())
}

/// Superiors of a registry that are of this process.
fn superiors<'a>(app: &'a App, tenant: &Tenant) -> Vec<&'a Tenant> {
    let above = tenant.above();
    app.hosted.tenants().filter(|t| above.hints.contains(&t.registry.entity_identifier)).collect()
}

/// What a superior has delegated to a registry, in force or not.
async fn given(app: &App, superior: &Tenant, to: &AuthorityId) -> Result<Vec<Delegation>, Error> {
    let mut delegations = app.store.delegations(superior.registry.id).await?;
    delegations.retain(|d| d.subordinate == *to);
    Ok(delegations)
}

fn unnamed(name: &HttpsId, by: &str) -> Error {
    Error::new(Code::Denied, format!("`{name}` is a name that `{by}` does not permit below it"))
}
