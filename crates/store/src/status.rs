//! Statuses of one target, and who succeeded whom.

use charter_domain::{RegistryId, status::TargetKind};
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, StatusView, from_json},
    statement::sql_query,
};

#[derive(QueryableByName)]
struct Link {
    #[diesel(sql_type = sql_types::Uuid)]
    entity: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    successor: Uuid,
}

pub(crate) fn statuses(
    conn: &mut PgConnection,
    registry: RegistryId,
    target: TargetKind,
    id: &str,
) -> Result<Vec<StatusView>, Error> {
    let rows: Vec<Json> = sql_query(
        "select json_build_object('s', state, 'f', micros(lower(effective)), 'u', micros(upper(effective)),
                'r', reason)::text as value
           from status_changes
          where registry_id = $1 and target_kind = $2 and target_id = $3 and upper_inf(recorded)
          order by effective",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(target.as_str())
    .bind::<sql_types::Text, _>(id)
    .load(conn)?;
    rows.iter().map(from_json).collect()
}

fn successors(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let rows: Vec<Link> = sql_query(
        "select target_id::uuid as entity, unnest(succeeded_by) as successor from status_changes
          where registry_id = $1 and target_kind = 'entity' and upper_inf(recorded)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .load(conn)?;
    Ok(rows.into_iter().map(|l| (l.entity, l.successor)).collect())
}

impl Tx<'_> {
    pub fn successors(&mut self) -> Result<Vec<(Uuid, Uuid)>, Error> {
        successors(self.conn, self.registry)
    }

    pub fn statuses(&mut self, target: TargetKind, id: &str) -> Result<Vec<StatusView>, Error> {
        statuses(self.conn, self.registry, target, id)
    }
}

impl Store {
    /// States other than `ACTIVE` as they are held now, in order of time.
    pub async fn statuses(
        &self,
        registry: RegistryId,
        target: TargetKind,
        id: String,
    ) -> Result<Vec<StatusView>, Error> {
        self.read("status.list", registry, move |conn| statuses(conn, registry, target, &id)).await
    }

    /// Who has ended, and who succeeds them.
    pub async fn successors(&self, registry: RegistryId) -> Result<Vec<(Uuid, Uuid)>, Error> {
        self.read("status.successors", registry, move |conn| successors(conn, registry)).await
    }
}
