//! Delegations: a subordinate may speak for a scope, never wider than what this registry may delegate.

use charter_domain::{
    AuthorityId, Delegation, HttpsId, Interval, Invalid, NamingConstraints, RegistryId, Scope, SpkiPins,
    Timestamp,
    event::{Change, DelegationMade},
    json,
    policy::Caller,
    status::{State, state_at},
};
use charter_signing::JwkSet;
use charter_store::request::Call;
use serde::{Deserialize, Serialize};

use crate::{
    App, Error,
    app::{
        document::Issuing,
        import::permit_load,
        once::{Asked, once, principal},
    },
    hosted::Tenant,
};

pub mod inside;

#[derive(Debug, Clone, Serialize)]
pub struct NewDelegation {
    pub subordinate: AuthorityId,
    pub entity_identifier: HttpsId,
    pub jwks: JwkSet,
    pub endpoint: String,
    #[serde(skip_serializing_if = "SpkiPins::is_empty")]
    pub tls_spki_sha256: SpkiPins,
    pub scope: Scope,
    pub max_path_length: Option<u8>,
    #[serde(skip_serializing_if = "NamingConstraints::is_empty")]
    pub naming_constraints: NamingConstraints,
    pub answers_as_own: bool,
    pub valid: Interval,
    /// From the instant of its event on.
    pub begins_when_recorded: bool,
}

/// The epoch is 0 when it was only tried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delegated {
    pub delegation_id: i64,
    pub epoch: i64,
    pub warnings: Vec<String>,
}

/// Keys as JSON text, read strictly.
pub fn keys(text: &str) -> Result<JwkSet, Invalid> {
    json::parse_strict(text).map_err(|e| e.at("jwks_json"))?;
    JwkSet::parse(text.as_bytes()).map_err(|e| Invalid::new("jwks_json", e.to_string()))
}

pub async fn put(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    new: NewDelegation,
    asked: &Asked,
) -> Result<Delegated, Error> {
    let call = asked.call(principal(caller)?, "PutDelegation", &new)?;
    let fresh = put_one(app, caller, registry, new, (asked.validate_only, call.clone()));
    let made: Delegated = once(app, registry, call.as_ref(), fresh).await?;
    if made.epoch > 0 {
        app.changed(registry, made.epoch).await?;
    }
    Ok(made)
}

async fn put_one(
    app: &App,
    caller: &Caller,
    registry: RegistryId,
    new: NewDelegation,
    (only_try, call): (bool, Option<Call>),
) -> Result<Delegated, Error> {
    let permit = permit_load(app, caller, registry).await?;
    let tenant = app.tenant(registry)?;
    check(app, tenant, &new).await?;
    let issuing = Issuing::new(tenant, app.config.documents.lifetime_secs);
    let warnings = overlaps(app, registry, &new).await?;
    let written = app
        .store
        .write_or_try("delegation.put", registry, only_try, move |tx| {
            let made = made(&new)?;
            let id = tx.record(&permit, &[Change::DelegationMade(made)])?;
            issuing.sign_delegations(tx, &[id])?;
            let epoch = if only_try { 0 } else { tx.epoch };
            let made = Delegated { delegation_id: id, epoch, warnings: warnings.clone() };
            tx.keep(call.as_ref(), &made)?;
            Ok(made)
        })
        .await?;
    Ok(written.value)
}

/// The event that a delegation is.
pub fn made(new: &NewDelegation) -> Result<DelegationMade, charter_store::Error> {
    Ok(DelegationMade {
        subordinate: new.subordinate.clone(),
        entity_identifier: new.entity_identifier.clone(),
        jwks: serde_json::to_value(&new.jwks).map_err(|e| charter_store::Error::Internal(e.to_string()))?,
        endpoint: new.endpoint.clone(),
        tls_spki_sha256: new.tls_spki_sha256.clone(),
        scope: new.scope.clone(),
        max_path_length: new.max_path_length,
        naming_constraints: new.naming_constraints.clone(),
        answers_as_own: new.answers_as_own,
        valid: new.valid,
        begins_when_recorded: new.begins_when_recorded,
    })
}

/// What may not be delegated, and to whom.
pub async fn check(app: &App, tenant: &Tenant, new: &NewDelegation) -> Result<(), Error> {
    if new.subordinate == tenant.registry.authority {
        return Err(Invalid::new("subordinate_id", "must be another authority").into());
    }
    if new.entity_identifier == tenant.registry.entity_identifier {
        return Err(Invalid::new("entity_identifier", "must be another authority's").into());
    }
    let names = &new.naming_constraints;
    if !names.is_empty() && !names.permits(&new.entity_identifier) {
        let text = format!("must permit the subordinate's own name, `{}`", new.entity_identifier);
        return Err(Invalid::new("naming_constraints", text).into());
    }
    inside::recorded(app, tenant, (&new.scope, &new.entity_identifier)).await
}

/// The delegation of a subordinate that holds now, else its last one.
pub async fn of(app: &App, registry: RegistryId, subordinate: &AuthorityId) -> Result<Delegation, Error> {
    let list = app.store.delegations(registry).await?;
    let found = current(&list, subordinate, app.clock.now()).cloned();
    found.ok_or_else(|| Error::not_found("delegation of", subordinate))
}

/// Of those whose time it is the one in force, else one that is suspended: what was revoked stands in no other's way.
pub fn current<'a>(
    list: &'a [Delegation],
    subordinate: &AuthorityId,
    now: Timestamp,
) -> Option<&'a Delegation> {
    let of = || list.iter().filter(|d| d.subordinate == *subordinate);
    let rank = |d: &&Delegation| match state_at(&d.statuses, now) {
        State::Active => 0,
        State::Suspended => 1,
        State::Ended | State::Revoked => 2,
    };
    of().filter(|d| d.valid.contains(now)).min_by_key(rank).or_else(|| of().next_back())
}

/// Overlapping siblings are allowed, and said.
async fn overlaps(app: &App, registry: RegistryId, new: &NewDelegation) -> Result<Vec<String>, Error> {
    let siblings = app.store.delegations(registry).await?;
    let overlapping = |d: &&charter_domain::Delegation| {
        d.subordinate != new.subordinate && (d.scope.contains(&new.scope) || new.scope.contains(&d.scope))
    };
    Ok(siblings
        .iter()
        .filter(overlapping)
        .map(|d| format!("the scope overlaps that of `{}`", d.subordinate))
        .collect())
}

#[cfg(test)]
mod tests {
    use charter_domain::status::Status;

    use super::{State as S, *};

    #[test]
    fn what_was_revoked_does_not_hide_the_delegation_that_came_after_it() {
        let now = Timestamp::from_secs(1_000);
        let subordinate = AuthorityId::parse("did:web:b.example").expect("a DID");
        let delegation = |id, state| Delegation {
            id,
            subordinate: subordinate.clone(),
            entity_identifier: HttpsId::parse("https://b.example").expect("an https id"),
            jwks: String::new(),
            endpoint: String::new(),
            tls_spki_sha256: SpkiPins::default(),
            scope: Scope::default(),
            max_path_length: None,
            naming_constraints: NamingConstraints::default(),
            answers_as_own: true,
            valid: Interval::ALWAYS,
            statuses: vec![Status { state, effective: Interval::ALWAYS }],
            document: None,
        };
        let chosen = |states: &[State]| {
            let list: Vec<Delegation> = (1..).zip(states).map(|(id, state)| delegation(id, *state)).collect();
            current(&list, &subordinate, now).map(|d| d.id)
        };
        assert_eq!(chosen(&[S::Revoked, S::Active]), Some(2));
        assert_eq!(chosen(&[S::Revoked, S::Suspended]), Some(2));
        assert_eq!(chosen(&[S::Suspended, S::Revoked]), Some(1));
        assert_eq!(chosen(&[S::Suspended, S::Active]), Some(2));
        assert_eq!(chosen(&[S::Ended, S::Revoked]), Some(1));
        assert_eq!(chosen(&[]), None);
    }
}
