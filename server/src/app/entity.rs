//! Reading entities, and the record that verifiers know (`GET /api/v1/issuers/{did}`).

use charter_domain::{
    Query, Reason, RegistryId, Timestamp,
    status::{State, Status, state_at},
};
use charter_store::entity::{EntityView, StatementView, StatusView};
use serde_json::{Value, json};

use crate::{App, Error, app::answer::Reply, error::Code};

pub async fn get(app: &App, registry: RegistryId, identifier: &str) -> Result<EntityView, Error> {
    let found = app.store.entity(registry, identifier).await?;
    found.ok_or_else(|| Error {
        field: Some("entity_id".to_owned()),
        ..Error::new(Code::UnknownEntity, format!("entity `{identifier}` does not exist"))
    })
}

/// The same with what is denied in an emergency, as a suspension: for verifiers, not for who changes records.
pub async fn shown(app: &App, registry: RegistryId, identifier: &str) -> Result<EntityView, Error> {
    let authority = &app.tenant(registry)?.registry.authority;
    let mut found = get(app, registry, identifier).await?;
    app.hosted.breakglass.overlay(authority, &mut found);
    Ok(found)
}

/// Statuses as they are decided about.
pub fn domain(list: &[StatusView]) -> Vec<Status> {
    list.iter().map(|s| Status { state: s.state, effective: s.effective() }).collect()
}

fn statuses(list: Option<&Vec<StatusView>>) -> Vec<Status> {
    domain(list.map_or(&[], Vec::as_slice))
}

/// The state in force at an instant, since when, and why.
pub fn status_of(entity: &EntityView, at: Timestamp) -> (State, Option<Timestamp>, String) {
    let state = state_at(&statuses(entity.statuses.as_ref()), at);
    let row = entity.statuses.iter().flatten().find(|s| s.state == state && s.effective().contains(at));
    row.map_or((state, None, String::new()), |s| (state, s.effective().from, s.reason.clone()))
}

/// The entry and the check in one object: `legalName` is the name in the registry's own language, else the first.
pub fn issuer(entity: &EntityView, asked: &str, language: &str, at: Timestamp) -> Value {
    let (state, _, _) = status_of(entity, at);
    let accreditation = entity.accreditations.iter().flatten().find(|a| a.valid.interval().contains(at));
    let latest = accreditation.or_else(|| entity.accreditations.iter().flatten().last());
    let in_force = |s: &&StatementView| {
        let ground =
            entity.accreditations.iter().flatten().find(|a| Some(a.accreditation_id) == s.accreditation_id);
        let stands = |valid: charter_domain::Interval, statuses: &Option<Vec<StatusView>>| {
            valid.contains(at) && state_at(&self::statuses(statuses.as_ref()), at) == State::Active
        };
        s.kind == 0
            && s.action == "issue"
            && stands(s.valid.interval(), &s.statuses)
            && ground.is_none_or(|a| stands(a.valid.interval(), &a.statuses))
    };
    let mut types: Vec<&str> =
        entity.statements.iter().flatten().filter(in_force).map(|s| s.resource.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let held: &[&str] = if state == State::Active { &types } else { &[] };
    let status = match state {
        State::Active if types.is_empty() => "expired".to_owned(),
        state => state.code().to_ascii_lowercase(),
    };
    let name = entity.names.get(language).or_else(|| entity.names.values().next());
    let mut record = json!({
        "issuerDID": asked,
        "canonicalId": entity.canonical(),
        "legalName": name,
        "names": entity.names,
        "country": entity.country,
        "accreditation": latest.map(|a| json!({
            "body": a.body, "legalBasis": a.legal_basis, "validUntil": a.valid.interval().until,
        })),
        "authorizedCredentials": held,
        "credentialTypes": held,
        "authorized": !held.is_empty(),
        "accreditationValid": accreditation.is_some(),
        "status": status,
        "registeredAt": entity.registered_at(),
    });
    let successors = entity.succeeded_by(at);
    if state == State::Ended && !successors.is_empty() {
        record["succeededBy"] = json!(successors);
    }
    record
}

/// Who continues what an entity did, where a registry of this process answered that it has ended. What was held at an
/// earlier epoch is not looked up.
pub async fn successors(app: &App, query: &Query, reply: &Reply) -> Result<Vec<String>, Error> {
    let decided_by = app.hosted.by_authority(&reply.decided_by);
    let Some(registry) = decided_by.filter(|_| reply.reason == Reason::Ended) else { return Ok(Vec::new()) };
    if query.context.known_at.is_some() {
        return Ok(Vec::new());
    }
    let at = query.context.time.unwrap_or(reply.evaluated_at);
    let found = app.store.entity(registry, query.entity.as_str()).await?;
    Ok(found.map_or_else(Vec::new, |entity| entity.succeeded_by(at)))
}

/// Entities, page by page; `after` is a cursor of an earlier page.
pub async fn list(
    app: &App,
    registry: RegistryId,
    find: charter_store::find::Entities,
    (after, limit): (Option<uuid::Uuid>, i64),
) -> Result<Vec<EntityView>, Error> {
    Ok(app.store.find_entities(registry, find, (after, limit)).await?)
}

/// A statement by its number, and the entity that it is about.
pub async fn statement(
    app: &App,
    registry: RegistryId,
    id: i64,
) -> Result<(uuid::Uuid, StatementView), Error> {
    let entity = app.store.entity_stated(registry, id).await?;
    let found = entity.and_then(|e| {
        let id_of = e.entity_id;
        e.statements.into_iter().flatten().find(|s| s.id == id).map(|s| (id_of, s))
    });
    found.ok_or_else(|| Error::not_found("statement", id))
}
