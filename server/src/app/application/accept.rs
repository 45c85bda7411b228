//! What staff of the superior make of an application: the proposal that it asks for, or a refusal.

use charter_domain::{
    Interval, Invalid, NamingConstraints, RegistryId, Scope, Timestamp,
    application::ApplicationState,
    delegation::endpoint,
    policy::{self, Action, Refusal},
    scope::Grant,
    staff::Staff,
};
use uuid::Uuid;

use super::{
    Shown, held, shown,
    signed::{self, Join, Says, Verified},
    text,
};
use crate::{
    App, Error,
    app::{
        delegation::{self, NewDelegation},
        etag, govern,
        govern::{
            Wish,
            wish::{ChangeStatus, RawDelegation},
        },
        once::Asked,
    },
};

/// Code of a delegation that ends because the subordinate left.
const LEFT: &str = "SUBORDINATE_LEFT";

/// What is granted of what was applied for; what is absent stays as it was applied for.
#[derive(Debug, Clone, Default)]
pub struct Accept {
    /// Empty: all of it.
    pub scope: Vec<Grant>,
    pub max_path_length: Option<u8>,
    /// Empty: those that were applied for.
    pub naming_constraints: NamingConstraints,
    pub answers_as_own: Option<bool>,
    pub valid_until: Option<Timestamp>,
    /// Why it is proposed.
    pub reason: String,
}

/// The delegation that a wish comes to, were all of it granted.
pub(super) fn wished(found: &Verified, wish: &Join, now: Timestamp) -> Result<NewDelegation, Error> {
    let registry = &found.configuration.metadata.trust_registry;
    let endpoint = endpoint(&registry.grpc_endpoint)?;
    Ok(NewDelegation {
        subordinate: registry.authority_id.clone(),
        entity_identifier: found.signed.iss.clone(),
        jwks: found.configuration.jwks.clone(),
        endpoint,
        tls_spki_sha256: registry.tls_spki_sha256.clone(),
        scope: Scope::parse(wish.scope.clone())?,
        max_path_length: wish.max_path_length,
        naming_constraints: NamingConstraints::parse(&wish.naming_constraints)?,
        answers_as_own: wish.answers_as_own,
        valid: Interval::new(Some(now), wish.valid_until)?,
        begins_when_recorded: true,
    })
}

/// Never more than was applied for.
fn granted(of: &Shown, accept: &Accept) -> Result<RawDelegation, Error> {
    let scope = if accept.scope.is_empty() { of.scope.clone() } else { Scope::parse(accept.scope.clone())? };
    if !of.scope.contains(&scope) {
        return Err(Invalid::new("scope", "must lie inside what was applied for").into());
    }
    let max_path_length = match (of.max_path_length, accept.max_path_length) {
        (wished, None) => wished,
        (Some(wished), Some(given)) if given > wished => {
            return Err(Invalid::new("max_path_length", "must not exceed what was applied for").into());
        }
        (_, given) => given,
    };
    let naming_constraints = if accept.naming_constraints.is_empty() {
        of.naming_constraints.clone()
    } else {
        NamingConstraints::parse(&accept.naming_constraints)?
    };
    if !of.naming_constraints.contains(&naming_constraints) {
        let text = "must permit no name that what was applied for does not";
        return Err(Invalid::new("naming_constraints", text).into());
    }
    let valid_until = match (of.valid_until, accept.valid_until) {
        (wished, None) => wished,
        (Some(wished), Some(given)) if given > wished => {
            return Err(Invalid::new("valid_until", "must not be after what was applied for").into());
        }
        (_, given) => given,
    };
    if accept.answers_as_own == Some(true) && !of.answers_as_own {
        return Err(Invalid::new("answers_as_own", "was not applied for").into());
    }
    Ok(RawDelegation {
        subordinate_id: of.applicant.clone(),
        entity_identifier: of.entity_identifier.clone(),
        jwks_json: of.jwks.clone(),
        endpoint: of.endpoint.clone(),
        tls_spki_sha256: of.tls_spki_sha256.texts(),
        scope: scope.0,
        max_path_length: max_path_length.map(u32::from),
        naming_constraints,
        answers_as_own: accept.answers_as_own.unwrap_or(of.answers_as_own),
        valid_from: None,
        valid_until,
    })
}

/// Nobody has answered it yet.
fn waits(of: &Shown) -> Result<(), Error> {
    if of.receipt.state == ApplicationState::Received.code() {
        return Ok(());
    }
    let proposal = of.proposal.map(|id| format!(", by proposal `{id}`")).unwrap_or_default();
    let text = format!("the application is {} already{proposal}", of.receipt.state);
    Err(Refusal::Illegal(text).into())
}

/// Makes the proposal that is applied for: others approve it as any other.
///
/// # Errors
/// Refused where it does not wait any more, where it would be more than was applied for or than this registry may pass
/// on, and where the caller may not propose it.
pub async fn accept(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
    (accept, only_try): (Accept, bool),
) -> Result<govern::Shown, Error> {
    policy::allow(staff, Action::ReadApplications)?;
    let kept = held(app, registry, id).await?;
    let of = shown(&kept, app.clock.now())?;
    waits(&of)?;
    let mut asked = Asked::parse("", "", only_try)?;
    let (read, _) = signed::kept(&kept.signed).map_err(crate::app::document::internal)?;
    let wish = match read.says {
        Says::Join(_) => Wish::Delegation(granted(&of, &accept)?),
        Says::Leave(_) | Says::Inquire(_) => {
            let held = delegation::of(app, registry, &kept.applicant).await?;
            // What is ended is what the notice is about: nobody needs to have read it first.
            asked.etag = Some(etag::delegation(&held, app.clock.now())?);
            Wish::ChangeStatus(ChangeStatus {
                subordinate_id: of.applicant.clone(),
                state: "ENDED".to_owned(),
                code: LEFT.to_owned(),
                ..ChangeStatus::default()
            })
        }
    };
    let proposed = govern::propose(app, staff, registry, (wish, accept.reason), &asked).await?;
    if !only_try {
        let proposal = govern::id(&proposed.proposal_id)?;
        app.store.application_proposed(registry, id, proposal).await?;
    }
    Ok(proposed)
}

/// Ends it without a proposal; the applicant is shown why.
pub async fn refuse(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    id: Uuid,
    (why, only_try): (&str, bool),
) -> Result<Shown, Error> {
    policy::allow(staff, Action::AnswerApplications)?;
    text("reason", why)?;
    let of = shown(&held(app, registry, id).await?, app.clock.now())?;
    waits(&of)?;
    if only_try {
        return Ok(of);
    }
    if !app.store.refuse_application(registry, id, (staff.id, why.to_owned())).await? {
        return Err(Refusal::Illegal("somebody answered the application meanwhile".to_owned()).into());
    }
    shown(&held(app, registry, id).await?, app.clock.now())
}
