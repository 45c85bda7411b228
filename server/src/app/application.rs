//! Joining and leaving, seen from the superior: what others have applied for, and the proposals that are made of it. And
//! from the applicant: what it signs. Nothing is fetched from an applicant, and nothing that it sends has an effect.

use charter_domain::{
    AuthorityId, Invalid, RegistryId, Timestamp,
    application::{ApplicationState, MAX_TEXT, Purpose},
    delegation,
    policy::{self, Action, Refusal},
    staff::Staff,
    status::{State, state_at},
};
use charter_signing::{JwkSet, jws};
use charter_store::application::{Application, NewApplication};
use uuid::Uuid;

use self::signed::{Join, Leave, Says, Verified};
use crate::{App, Error, app::delegation as delegations, error::Code};

pub mod accept;
pub mod sign;
pub mod signed;
pub mod view;

pub use self::{
    accept::{Accept, accept, refuse},
    sign::{Wanted, sign},
    view::{Receipt, Shown},
};

fn verified(app: &App, registry: RegistryId, token: &str) -> Result<Verified, Error> {
    Ok(signed::verify(token, &app.tenant(registry)?.registry.entity_identifier, app.clock.now())?)
}

/// Keeps an application or a notice, once. Whoever sends it need not be known.
///
/// # Errors
/// Says what does not hold; a conflict where the same was sent before.
pub async fn submit(app: &App, registry: RegistryId, token: &str) -> Result<Receipt, Error> {
    let found = verified(app, registry, token)?;
    let applicant = found.configuration.metadata.trust_registry.authority_id.clone();
    let purpose = match &found.signed.says {
        Says::Join(wish) => {
            may_join(app, registry, (&applicant, &found), wish).await?;
            Purpose::Join
        }
        Says::Leave(notice) => {
            may_leave(app, registry, (&applicant, &found, token), notice).await?;
            Purpose::Leave
        }
        Says::Inquire(_) => {
            return Err(Invalid::new("application", "is a question: it goes to `InquireApplication`").into());
        }
    };
    let new = NewApplication {
        id: Uuid::now_v7(),
        purpose,
        jti: found.signed.jti,
        applicant,
        entity_identifier: found.signed.iss,
        kid: found.kid,
        signed: token.to_owned(),
    };
    let kept = app.store.put_application(registry, new).await.map_err(|e| match e {
        charter_store::Error::Conflict(_) => {
            Error::new(Code::Conflict, "this application was received before: ask for its state")
        }
        other => other.into(),
    })?;
    Ok(Receipt::of(&kept, app.clock.now()))
}

/// How an application stands, told to the key that signed it and to nobody else.
pub async fn inquire(app: &App, registry: RegistryId, token: &str) -> Result<Receipt, Error> {
    let found = verified(app, registry, token).map_err(|e| match e.field {
        Some(_) => Error { field: Some("inquiry".to_owned()), ..e },
        None => e,
    })?;
    let Says::Inquire(id) = found.signed.says else {
        return Err(Invalid::new("inquiry", "must ask for the state of an application").into());
    };
    let kept = app.store.application(registry, id).await?;
    let own = kept.filter(|a| a.kid == found.kid && a.entity_identifier == found.signed.iss);
    Ok(Receipt::of(&own.ok_or_else(|| Error::not_found("application", id))?, app.clock.now()))
}

/// A text of a person: bounded, one line.
fn text(field: &str, text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        let reason = format!("must be 1 to {MAX_TEXT} bytes without control characters");
        return Err(Invalid::new(field, reason));
    }
    Ok(())
}

/// Parsed as a delegation is, and inside what this registry may pass on: what could never be granted is said at once.
async fn may_join(
    app: &App,
    registry: RegistryId,
    (applicant, found): (&AuthorityId, &Verified),
    wish: &Join,
) -> Result<(), Error> {
    let (tenant, now) = (app.tenant(registry)?, app.clock.now());
    text("contact", &wish.contact)?;
    if wish.max_path_length.is_some_and(|n| n > delegation::MAX_DEPTH) {
        let text = format!("must be at most {}", delegation::MAX_DEPTH);
        return Err(Invalid::new("max_path_length", text).into());
    }
    if wish.valid_until.is_some_and(|until| until <= now) {
        return Err(Invalid::new("valid_until", "must be in the future").into());
    }
    let new = accept::wished(found, wish, now)?;
    delegations::check(app, tenant, &new).await?;
    delegations::inside::heard(tenant, (&new.scope, &new.entity_identifier))?;
    let list = app.store.delegations(registry).await?;
    let theirs =
        |d: &&delegation::Delegation| d.subordinate == *applicant || d.entity_identifier == found.signed.iss;
    let stands = |d: &delegation::Delegation| {
        !d.valid.is_before(now) && matches!(state_at(&d.statuses, now), State::Active | State::Suspended)
    };
    if list.iter().filter(theirs).any(stands) {
        let text = "this authority has a delegation already: it can be corrected or renewed";
        return Err(Refusal::Illegal(text.to_owned()).into());
    }
    Ok(())
}

/// Only the subordinate itself gives notice: under a key that its delegation states.
async fn may_leave(
    app: &App,
    registry: RegistryId,
    (applicant, found, token): (&AuthorityId, &Verified, &str),
    notice: &Leave,
) -> Result<(), Error> {
    crate::app::status::code(&notice.code)?;
    let unknown = || Error::new(Code::Denied, "no delegation here states the key that signed this");
    let held = delegations::of(app, registry, applicant).await.map_err(|e| match e.code {
        Code::NotFound => unknown(),
        _ => e,
    })?;
    let keys = JwkSet::parse(held.jwks.as_bytes()).map_err(|_| unknown())?;
    let theirs = held.entity_identifier == found.signed.iss && jws::verify(token, signed::TYP, &keys).is_ok();
    if !theirs {
        return Err(unknown());
    }
    match state_at(&held.statuses, app.clock.now()) {
        State::Active | State::Suspended => Ok(()),
        state => {
            let text = format!("the delegation is {} already", state.code());
            Err(Refusal::Illegal(text).into())
        }
    }
}

pub async fn list(app: &App, staff: &Staff, registry: RegistryId, state: &str) -> Result<Vec<Shown>, Error> {
    policy::allow(staff, Action::ReadApplications)?;
    let wanted = match state {
        "" => None,
        text => Some(ApplicationState::parse(text)?),
    };
    let now = app.clock.now();
    let all = app.store.applications(registry).await?;
    let chosen = all.into_iter().filter(|a| wanted.is_none_or(|state| a.state(now) == state));
    chosen.map(|a| shown(&a, now)).collect()
}

pub async fn get(app: &App, staff: &Staff, registry: RegistryId, id: Uuid) -> Result<Shown, Error> {
    policy::allow(staff, Action::ReadApplications)?;
    shown(&held(app, registry, id).await?, app.clock.now())
}

async fn held(app: &App, registry: RegistryId, id: Uuid) -> Result<Application, Error> {
    let found = app.store.application(registry, id).await?;
    found.ok_or_else(|| Error::not_found("application", id))
}

fn shown(kept: &Application, now: Timestamp) -> Result<Shown, Error> {
    let (signed, configuration) = signed::kept(&kept.signed).map_err(|e| {
        tracing::error!(error = %e, application = %kept.id, "an application that was kept cannot be read");
        Error::new(Code::Internal, "an error of ours; it was logged")
    })?;
    Ok(Shown::of(kept, signed, configuration, now))
}

/// The id of an application as text.
pub fn id(text: &str) -> Result<Uuid, Error> {
    Ok(Uuid::parse_str(text).map_err(|_| Invalid::new("application_id", "must be a UUID"))?)
}
