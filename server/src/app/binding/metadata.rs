//! What a registry can say of a party by its name alone.

use charter_domain::{EntityId, RegistryId, Timestamp};
use charter_federation::LocalAuthority;
use charter_signing::jws;
use serde_json::{Value, json};

use super::Party;
use crate::{
    App, Error,
    app::{document, entity, key},
};

/// Claims, and the signed document that makes them, where there is one.
#[derive(Debug)]
pub struct Metadata {
    pub claims: Value,
    pub signed: Option<String>,
}

/// Of the registry itself, and of a subordinate whose records are here, its entity configuration (OpenID Federation 1.0,
/// 3); of another subordinate this registry's statement about it; of an entity what is recorded, with its keys.
///
/// # Errors
/// Where the records cannot be read.
pub async fn metadata(
    app: &App,
    registry: RegistryId,
    (party, name): (&Party, &EntityId),
    at: Timestamp,
) -> Result<Metadata, Error> {
    let signed = match party {
        Party::Registry => Some(app.hosted.view(registry).await?.configuration.clone()),
        Party::Subordinate(delegation) => match app.hosted.hosted(&delegation.subordinate) {
            Some(below) => Some(app.hosted.view(below).await?.configuration.clone()),
            None => delegation.document.clone(),
        },
        Party::Entity(found) => {
            let language = &app.tenant(registry)?.config.language;
            let mut claims = entity::issuer(found, name.as_str(), language, at);
            claims["keys"] = json!(key::list(app, registry, Some(found.entity_id)).await?);
            return Ok(Metadata { claims, signed: None });
        }
    };
    let claims = signed.as_deref().map_or(Ok(Value::Null), claims)?;
    Ok(Metadata { claims, signed })
}

fn claims(document: &str) -> Result<Value, Error> {
    let payload = jws::peek(document).map_err(document::internal)?;
    Ok(serde_json::from_slice(&payload).map_err(document::internal)?)
}
