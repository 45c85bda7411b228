//! Corrections and renewals as the events that they would be.

use charter_domain::{
    AuthorityId, EntityId, Invalid, NamingConstraints, Scope, SpkiPins, Timestamp,
    delegation::{endpoint, path_length},
    event::{
        AccreditationCorrected, Change, DelegationCorrected, EntityCorrected, Identifier, LanguageMap,
        Renewed,
    },
    govern::correction,
    record::{RawAccreditation, RawRecord, Record},
    status::TargetKind,
};
use charter_store::entity::EntityView;

use super::{optional_uuid, owner, parsed};
use crate::{
    App, Error,
    app::{
        delegation, did,
        govern::wish::{CorrectAccreditation, CorrectDelegation, CorrectEntity, Renew},
    },
    hosted::Tenant,
};

pub async fn entity(app: &App, tenant: &Tenant, w: CorrectEntity) -> Result<Change, Error> {
    let id = EntityId::parse(&w.entity_id)?;
    let held = crate::app::entity::get(app, tenant.registry.id, id.as_str()).await?;
    let new = wanted(&held, w)?;
    let added = new.identifiers.iter().filter(|i| !held.identifiers.contains(i));
    did::admit(app, tenant.registry.id, &added.cloned().collect::<Vec<_>>()).await?;
    let differs = |new: Record| EntityCorrected {
        entity_id: held.entity_id,
        names: Some(new.names).filter(|n| *n != held.names),
        country: Some(new.country).filter(|c| *c != held.country),
        identifiers: Some(new.identifiers).filter(|i| *i != held.identifiers),
    };
    let change = differs(new);
    correction::entity(&change, &held.identifiers)?;
    Ok(Change::EntityCorrected(change))
}

/// The entity as it would be, read as a record to be loaded is.
fn wanted(held: &EntityView, w: CorrectEntity) -> Result<Record, Invalid> {
    let known = |value: &String| held.identifiers.iter().any(|i| i.value == *value);
    if let Some(value) = w.end_identifiers.iter().find(|v| !known(v)) {
        return Err(Invalid::new(
            "end_identifiers",
            format!("has `{value}`, which the entity does not have"),
        ));
    }
    let stays = |i: &&Identifier| !w.end_identifiers.contains(&i.value);
    let mut identifiers: Vec<Identifier> = held.identifiers.iter().filter(stays).cloned().collect();
    identifiers.extend(w.add_identifiers);
    if identifiers.is_empty() {
        return Err(Invalid::new("end_identifiers", "must leave the first identifier"));
    }
    let first = identifiers.remove(0);
    let record = Record::parse(RawRecord {
        identifier: first.value.clone(),
        identifiers,
        names: named(&held.names, w.names),
        country: if w.country.is_empty() { held.country.clone() } else { w.country },
        ..RawRecord::default()
    })?;
    // Its type is as it was recorded, whatever would be made of the value today.
    let identifiers = std::iter::once(first).chain(record.identifiers.into_iter().skip(1)).collect();
    Ok(Record { identifiers, ..record })
}

fn named(held: &LanguageMap, new: LanguageMap) -> LanguageMap {
    let mut names = held.clone();
    for (tag, name) in new {
        if name.is_empty() { drop(names.remove(&tag)) } else { drop(names.insert(tag, name)) }
    }
    names
}

pub async fn accreditation(app: &App, tenant: &Tenant, w: CorrectAccreditation) -> Result<Change, Error> {
    let registry = tenant.registry.id;
    let given = optional_uuid("accreditation_id", &w.accreditation_id)?;
    let id = given.ok_or_else(|| Invalid::new("accreditation_id", "must be a UUID"))?;
    let held = app.store.accreditations(registry, None, Some(id), 1).await?;
    let held = held.into_iter().next().ok_or_else(|| Error::not_found("accreditation", id))?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    parsed(RawRecord {
        accreditation: Some(RawAccreditation {
            body: w.body.clone().unwrap_or_else(|| held.body.clone()),
            legal_basis: text(&w.legal_basis),
            evidence_uri: text(&w.evidence_uri),
            evidence_date: text(&w.evidence_date),
            evidence_sha256: text(&w.evidence_sha256),
            ..RawAccreditation::default()
        }),
        ..RawRecord::default()
    })?;
    let was = held.valid.interval();
    let change = AccreditationCorrected {
        accreditation_id: id,
        entity_id: held.entity_id,
        body: w.body.filter(|t| *t != held.body),
        legal_basis: w.legal_basis.filter(|t| *t != held.legal_basis),
        evidence_uri: w.evidence_uri.filter(|t| *t != held.evidence_uri),
        evidence_date: w.evidence_date.filter(|t| *t != held.evidence_date),
        evidence_sha256: w.evidence_sha256.filter(|t| *t != held.evidence_sha256),
        valid_from: w.valid_from.filter(|t| Some(*t) != was.from),
        valid_until: w.valid_until.filter(|t| Some(*t) != was.until),
    };
    correction::accreditation(&change, was)?;
    Ok(Change::AccreditationCorrected(change))
}

pub async fn delegation(
    app: &App,
    tenant: &Tenant,
    w: CorrectDelegation,
    now: Timestamp,
) -> Result<Change, Error> {
    let subordinate = AuthorityId::parse(&w.subordinate_id).map_err(|e| e.at("subordinate_id"))?;
    let held = delegation::of(app, tenant.registry.id, &subordinate).await?;
    let scope = if w.scope.is_empty() { None } else { Some(Scope::parse(w.scope)?) };
    let jwks = match w.jwks_json.as_str() {
        "" => None,
        text => Some(delegation::keys(text)?),
    };
    let pins = w.tls_spki_sha256.map(|pins| SpkiPins::parse(&pins)).transpose()?;
    let names = w.naming_constraints.as_ref().map(NamingConstraints::parse).transpose()?;
    let change = DelegationCorrected {
        delegation_id: held.id,
        subordinate,
        scope: scope.filter(|s| *s != held.scope),
        endpoint: match w.endpoint.as_str() {
            "" => None,
            text => Some(endpoint(text)?).filter(|e| *e != held.endpoint),
        },
        tls_spki_sha256: pins.filter(|pins| *pins != held.tls_spki_sha256),
        jwks: jwks
            .map(serde_json::to_value)
            .transpose()
            .map_err(|e| Invalid::new("jwks_json", e.to_string()))?
            .filter(|keys| serde_json::from_str(&held.jwks).ok().as_ref() != Some(keys)),
        answers_as_own: w.answers_as_own.filter(|a| *a != held.answers_as_own),
        max_path_length: path_length(w.max_path_length)?.filter(|n| Some(*n) != held.max_path_length),
        naming_constraints: names.filter(|names| *names != held.naming_constraints),
    };
    correction::delegation(&change, &held, now)?;
    Ok(Change::DelegationCorrected(change))
}

pub async fn renew(app: &App, tenant: &Tenant, w: Renew) -> Result<Change, Error> {
    let (target, target_id) = renewed(app, tenant, &w).await?;
    Ok(Change::Renewed(Renewed {
        entity_id: owner(app, tenant, target, &target_id).await?,
        target,
        target_id,
        valid_until: w.valid_until.ok_or_else(|| Invalid::new("valid_until", "must be given"))?,
    }))
}

async fn renewed(app: &App, tenant: &Tenant, w: &Renew) -> Result<(TargetKind, String), Error> {
    let accreditation = optional_uuid("accreditation_id", &w.accreditation_id)?;
    match (accreditation, w.statement_id, w.subordinate_id.as_str()) {
        (Some(id), 0, "") => Ok((TargetKind::Accreditation, id.to_string())),
        (None, id, "") if id != 0 => Ok((TargetKind::Statement, id.to_string())),
        (None, 0, text) if !text.is_empty() => {
            let subordinate = AuthorityId::parse(text).map_err(|e| e.at("subordinate_id"))?;
            let held = delegation::of(app, tenant.registry.id, &subordinate).await?;
            Ok((TargetKind::Delegation, held.id.to_string()))
        }
        _ => Err(Invalid::new("target", "must be one subordinate, accreditation or statement").into()),
    }
}
