//! What was done, by whom (as a number), when and why: the public events of a registry.

use charter_domain::{
    EntityId, RegistryId, Timestamp,
    policy::{self, Action},
    staff::Staff,
};
use charter_store::event::Filter;
use serde_json::Value;

use crate::{App, Error};

/// What to look for; empty is everything.
#[derive(Debug, Default)]
pub struct Wish {
    /// Any identifier of an entity, or `staff`.
    pub subject: String,
    pub actor: i64,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Events after a number, oldest first, each with its own.
pub async fn list(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    wish: Wish,
    (after, limit): (i64, i64),
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    policy::allow(staff, Action::ReadAudit)?;
    let subject = match wish.subject.as_str() {
        "" => None,
        "staff" => Some("staff".to_owned()),
        identifier => {
            let id = EntityId::parse(identifier).map_err(|e| e.at("subject"))?;
            Some(crate::app::entity::get(app, registry, id.as_str()).await?.entity_id.to_string())
        }
    };
    let actor = Some(wish.actor).filter(|a| *a != 0);
    let filter = Filter { subject, actor, from: wish.from, until: wish.until };
    Ok(app.store.events(registry, filter, after, limit).await?)
}

/// Records that somebody looks, before they see anything.
pub async fn accessed(
    app: &App,
    staff: &Staff,
    registry: RegistryId,
    what: &'static str,
    filter: Value,
) -> Result<(), Error> {
    Ok(app.store.put_access(registry, staff.id, what, filter, app.clock.now()).await?)
}
