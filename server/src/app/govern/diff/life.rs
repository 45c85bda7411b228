//! What a correction or renewal changes, from what is recorded now.

use charter_domain::{RegistryId, event::Change};
use charter_store::target::Held;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{App, Error};

/// Of these the change names what it is about: it does not change them.
const NAMES: [&str; 6] =
    ["entity_id", "accreditation_id", "delegation_id", "subordinate", "target", "target_id"];

/// Puts `from` beside each `to`, where the change corrects or renews.
pub async fn before(
    app: &App,
    registry: RegistryId,
    change: &Change,
    fields: &mut Map<String, Value>,
) -> Result<(), Error> {
    let now = match change {
        Change::EntityCorrected(e) => entity(app, registry, e.entity_id).await?,
        Change::AccreditationCorrected(a) => accreditation(app, registry, a.accreditation_id).await?,
        Change::DelegationCorrected(d) => delegation(app, registry, d.delegation_id).await?,
        Change::Renewed(r) => {
            let held = app.store.target(registry, r.target, r.target_id.clone()).await?;
            json!({ "valid_until": held.and_then(|h: Held| h.valid.until) })
        }
        _ => return Ok(()),
    };
    fields.retain(|name, _| !NAMES.contains(&name.as_str()));
    for (name, field) in fields.iter_mut() {
        field["from"] = now[name].clone();
    }
    Ok(())
}

async fn entity(app: &App, registry: RegistryId, id: Uuid) -> Result<Value, Error> {
    let held = app.store.entity_of(registry, id).await?;
    Ok(held.map_or(
        Value::Null,
        |e| json!({ "names": e.names, "country": e.country, "identifiers": e.identifiers }),
    ))
}

async fn accreditation(app: &App, registry: RegistryId, id: Uuid) -> Result<Value, Error> {
    let held = app.store.accreditations(registry, None, Some(id), 1).await?.into_iter().next();
    Ok(held.map_or(Value::Null, |a| {
        let valid = a.valid.interval();
        json!({
            "body": a.body, "legal_basis": a.legal_basis, "evidence_uri": a.evidence_uri,
            "evidence_date": a.evidence_date, "evidence_sha256": a.evidence_sha256,
            "valid_from": valid.from, "valid_until": valid.until,
        })
    }))
}

async fn delegation(app: &App, registry: RegistryId, id: i64) -> Result<Value, Error> {
    let list = app.store.delegations(registry).await?;
    Ok(list.into_iter().find(|d| d.id == id).map_or(Value::Null, |d| {
        json!({
            "scope": d.scope, "endpoint": d.endpoint, "answers_as_own": d.answers_as_own,
            "max_path_length": d.max_path_length, "naming_constraints": d.naming_constraints, "tls_spki_sha256": d.tls_spki_sha256,
            "jwks": serde_json::from_str::<Value>(&d.jwks).unwrap_or_default(),
        })
    }))
}
