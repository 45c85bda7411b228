//! What is recorded and what it would become, field by field: what an approver looks at.

use charter_domain::{RegistryId, event::Change, status::state_at};
use charter_store::restricted::Restricted;
use serde_json::{Map, Value, json};

use crate::{
    App, Error,
    app::{entity::domain, privacy},
};

mod life;

/// A member for each field that differs, with `from` and `to`; for something new, `from` is null.
pub async fn of(
    app: &App,
    registry: RegistryId,
    change: &Change,
    restricted: Option<&Restricted>,
) -> Result<Value, Error> {
    let value = serde_json::to_value(change).unwrap_or_default();
    let mut fields: Map<String, Value> = match value.get("data").and_then(Value::as_object) {
        Some(data) => data.iter().map(|(k, v)| (k.clone(), json!({ "from": null, "to": v }))).collect(),
        None => Map::new(),
    };
    match change {
        Change::StatusChanged(s) => {
            let rows = app.store.statuses(registry, s.target, s.target_id.clone()).await?;
            let before = state_at(&domain(&rows), s.starts(app.clock.now()));
            fields.insert("state".to_owned(), json!({ "from": before.code(), "to": s.state.code() }));
            // These name what changes; they do not change.
            fields.remove("target");
            fields.remove("target_id");
            fields.remove("entity_id");
        }
        Change::StaffDismissed(d) => {
            let staff = app.store.staff(registry).await?;
            let roles = staff.into_iter().find(|m| m.id == d.staff_id).map(|m| m.roles);
            fields = [("roles".to_owned(), json!({ "from": roles, "to": null }))].into_iter().collect();
        }
        Change::PersonalDataErased(e) => {
            let held = privacy::counts(app, registry, e.subject).await?;
            fields.insert("held".to_owned(), json!({ "from": held, "to": null }));
        }
        _ => life::before(app, registry, change, &mut fields).await?,
    }
    if let Some(Value::Object(who)) = restricted.map(|r| &r.body) {
        fields.extend(who.iter().map(|(k, v)| (k.clone(), json!({ "from": null, "to": v }))));
    }
    Ok(Value::Object(fields))
}
