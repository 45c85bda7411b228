//! What a status, a renewal or a correction is about, as it is held now.

use charter_domain::{
    Interval, RegistryId,
    status::{Status, TargetKind},
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, Span, from_json},
    statement::sql_query,
    status::statuses,
};

/// An entity, accreditation, statement or delegation.
#[derive(Debug, Clone)]
pub struct Held {
    /// Whose it is; absent for a delegation.
    pub entity_id: Option<Uuid>,
    /// Always, for an entity.
    pub valid: Interval,
    /// States other than `ACTIVE`, in order of time.
    pub statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Row {
    e: Option<Uuid>,
    #[serde(flatten)]
    valid: Span,
}

const fn sql(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Entity => {
            "select json_build_object('e', entity_id, 'f', null, 'u', null)::text as value from entities
              where registry_id = $1 and entity_id = $2::uuid and upper_inf(recorded)"
        }
        TargetKind::Accreditation => {
            "select json_build_object('e', entity_id, 'f', micros(lower(valid)), 'u', micros(upper(valid)))::text as value
               from accreditations where registry_id = $1 and accreditation_id = $2::uuid and upper_inf(recorded)"
        }
        TargetKind::Statement => {
            "select json_build_object('e', t.entity_id, 'f', micros(lower(s.valid)), 'u', micros(upper(s.valid)))::text
                    as value
               from statements s join tuples t on t.registry_id = $1 and t.tuple_id = s.tuple_id
              where s.registry_id = $1 and s.statement_id = $2::bigint and upper_inf(s.recorded)"
        }
        TargetKind::Delegation => {
            "select json_build_object('e', null, 'f', micros(lower(valid)), 'u', micros(upper(valid)))::text as value
               from delegations where registry_id = $1 and delegation_id = $2::bigint and upper_inf(recorded)"
        }
    }
}

fn well_formed(kind: TargetKind, id: &str) -> bool {
    match kind {
        TargetKind::Entity | TargetKind::Accreditation => Uuid::parse_str(id).is_ok(),
        TargetKind::Statement | TargetKind::Delegation => id.parse::<i64>().is_ok(),
    }
}

fn held(
    conn: &mut PgConnection,
    registry: RegistryId,
    kind: TargetKind,
    id: &str,
) -> Result<Option<Held>, Error> {
    if !well_formed(kind, id) {
        return Ok(None);
    }
    let rows: Vec<Json> = sql_query(sql(kind))
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(id)
        .load(conn)?;
    let Some(row) = rows.first() else { return Ok(None) };
    let row: Row = from_json(row)?;
    let list = statuses(conn, registry, kind, id)?;
    let statuses = list.iter().map(|s| Status { state: s.state, effective: s.effective() }).collect();
    Ok(Some(Held { entity_id: row.e, valid: row.valid.interval(), statuses }))
}

impl Store {
    pub async fn target(
        &self,
        registry: RegistryId,
        kind: TargetKind,
        id: String,
    ) -> Result<Option<Held>, Error> {
        self.read("target.get", registry, move |conn| held(conn, registry, kind, &id)).await
    }
}

impl Tx<'_> {
    /// The same under the registry's lock.
    pub fn target(&mut self, kind: TargetKind, id: &str) -> Result<Option<Held>, Error> {
        held(self.conn, self.registry, kind, id)
    }
}
