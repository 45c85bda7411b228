//! The optional routes of the Ayra profile, by its shapes. Lists are of this registry's own records.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::Uri};
use charter_domain::{EntityId, Invalid, event::LanguageMap};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{metadata, query, trqp};
use crate::{
    App, Error,
    app::{delegation, directory, entity},
    door::Here,
    error::Code,
};

type Answer = Result<Json<Value>, Error>;

/// The second segment, decoded once unless it begins as a DID (`%3A` within one is part of it).
fn named(uri: &Uri) -> Result<EntityId, Error> {
    let raw = uri.path().split('/').nth(2).unwrap_or_default();
    if raw.starts_with("did:") {
        return Ok(EntityId::parse(raw)?);
    }
    let decoded = percent_decode_str(raw).decode_utf8();
    let decoded = decoded.map_err(|_| Error::new(Code::Invalid, "the identifier is not UTF-8"))?;
    Ok(EntityId::parse(&decoded)?)
}

fn name<'a>(names: &'a LanguageMap, language: &str) -> Option<&'a String> {
    names.get(language).or_else(|| names.values().next())
}

/// `GET /entities`
pub async fn entities(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let names = ["authority_id", "action", "resource", "time", "limit", "offset"];
    let [authority, action, resource, time, limit, offset] = query::parameters(&uri, names)?;
    let tenant = app.tenant(here.registry)?;
    directory::own(tenant, &authority)?;
    let right = match (action.is_empty(), resource.is_empty()) {
        (true, true) => None,
        (false, false) => Some((action, resource)),
        _ => return Err(Invalid::new("action", "must be given with resource, or neither").into()),
    };
    let at = directory::instant(tenant, &time)?;
    let limit = if limit.is_empty() { 100 } else { query::number::<i64>("limit", &limit)? };
    let offset = query::number::<i64>("offset", &offset)?;
    if !(1..=1_000).contains(&limit) {
        return Err(Invalid::new("limit", "must be 1 to 1000").into());
    }
    if offset < 0 {
        return Err(Invalid::new("offset", "must not be negative").into());
    }
    let page = directory::entities(&app, here.registry, right, at, (limit, offset)).await?;
    let item = |s: &charter_store::directory::Summary| {
        json!({
            "entity_id": s.identifier,
            "name": name(&s.names, &tenant.config.language),
            "authority_id": tenant.registry.authority,
        })
    };
    let items: Vec<Value> = page.items.iter().map(item).collect();
    let pagination = json!({ "limit": limit, "offset": offset, "total": page.total });
    Ok(Json(json!({ "items": items, "pagination": pagination })))
}

/// `GET /entities/{entity_id}`: what the issuer check says, with the profile's own member.
pub async fn entity(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let id = named(&uri)?;
    let tenant = app.tenant(here.registry)?;
    let found = entity::shown(&app, here.registry, id.as_str()).await?;
    let mut value = entity::issuer(&found, id.as_str(), &tenant.config.language, app.clock.now());
    value["entity_id"] = json!(id);
    value["authority_id"] = json!(tenant.registry.authority);
    Ok(Json(value))
}

/// `GET /entities/{entity_id}/authorizations`
pub async fn authorizations(
    State(app): State<Arc<App>>,
    Extension(here): Extension<Here>,
    uri: Uri,
) -> Answer {
    let [time] = query::parameters(&uri, ["time"])?;
    let tenant = app.tenant(here.registry)?;
    let at = directory::instant(tenant, &time)?;
    let list =
        directory::authorizations(&app, (here.registry, here.deadline), named(&uri)?.as_str(), at).await?;
    Ok(Json(list.iter().map(|(query, reply)| trqp::render(&app, here.registry, query, reply)).collect()))
}

/// `GET /ecosystems/{ecosystem_id}`: this authority, or one that it has delegated to.
pub async fn ecosystem(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let id = named(&uri)?;
    let tenant = app.tenant(here.registry)?;
    if directory::own(tenant, id.as_str()).is_ok() {
        return metadata::ayra(State(app), Extension(here)).await;
    }
    let list = app.store.delegations(here.registry).await?;
    let found = list.iter().find(|d| d.subordinate.to_string() == id.as_str());
    let unknown = || Error::new(Code::UnknownAuthority, format!("ecosystem `{id}` is not known here"));
    let subordinate = &found.ok_or_else(unknown)?.subordinate;
    let found = delegation::current(&list, subordinate, app.clock.now()).ok_or_else(unknown)?;
    Ok(Json(json!({
        "id": found.subordinate,
        "authority_id": found.subordinate,
        "entity_identifier": found.entity_identifier,
        "delegated_by": tenant.registry.authority,
        "scope": found.scope,
        "in_force": found.standing(app.clock.now()).is_ok(),
    })))
}

/// `GET /ecosystems/{ecosystem_id}/recognitions`, of this authority.
pub async fn recognitions(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let [time] = query::parameters(&uri, ["time"])?;
    let tenant = app.tenant(here.registry)?;
    directory::own(tenant, named(&uri)?.as_str())?;
    let at = directory::instant(tenant, &time)?;
    let list = directory::recognitions(&app, (here.registry, here.deadline), at).await?;
    Ok(Json(list.iter().map(|(query, reply)| trqp::render(&app, here.registry, query, reply)).collect()))
}

/// `GET /lookups/authorizations`
pub async fn terms(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let [authority] = query::parameters(&uri, ["authority_id"])?;
    directory::own(app.tenant(here.registry)?, &authority)?;
    let list = directory::terms(&app, here.registry).await?;
    Ok(Json(list.iter().map(|t| json!({ "action": t.action, "resource": t.resource })).collect()))
}

/// `GET /lookups/assuranceLevels`: none are recorded.
pub async fn levels(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let [authority] = query::parameters(&uri, ["authority_id"])?;
    directory::own(app.tenant(here.registry)?, &authority)?;
    Ok(Json(json!([])))
}

/// `GET /lookups/didMethods`
pub async fn methods(State(app): State<Arc<App>>, Extension(here): Extension<Here>, uri: Uri) -> Answer {
    let [authority] = query::parameters(&uri, ["authority_id"])?;
    let tenant = app.tenant(here.registry)?;
    directory::own(tenant, &authority)?;
    Ok(Json(json!([{ "identifier": "did:web", "authority_id": tenant.registry.authority }])))
}
