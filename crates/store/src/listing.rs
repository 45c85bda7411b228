//! All entities of a registry in one snapshot, a page in memory at a time: for lists that are signed as a whole.

use charter_domain::{RegistryId, Timestamp};
use diesel::{dsl::sql, prelude::*, sql_types};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{EntityView, Json, from_json, view_sql},
    schema::registry_epochs,
    statement::sql_query,
    tx::stamp,
};

/// Entities read at once.
const PAGE: i64 = 500;

/// Where a registry stands in the snapshot that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub epoch: i64,
    /// When its last event was recorded; the beginning of time where there is none.
    pub recorded_at: Timestamp,
}

impl Store {
    /// Begins with where the registry stands and takes each entity to it, in the order of registration. All of it is of
    /// one snapshot, of which the epoch is read first. Both closures may run again from the beginning.
    pub async fn fold_entities<T, B, E>(
        &self,
        registry: RegistryId,
        begin: B,
        each: E,
    ) -> Result<(Standing, T), Error>
    where
        T: Send + 'static,
        B: Fn(Standing) -> T + Send + Sync + 'static,
        E: Fn(&mut T, &EntityView) + Send + Sync + 'static,
    {
        let page_sql = view_sql("e.entity_id > $2 order by e.entity_id limit $3");
        self.read("entity.fold", registry, move |conn| {
            let standing = standing(conn, registry)?;
            let (mut folded, mut after) = (begin(standing), Uuid::nil());
            loop {
                let rows: Vec<Json> = sql_query(&page_sql)
                    .bind::<sql_types::Integer, _>(registry.0)
                    .bind::<sql_types::Uuid, _>(after)
                    .bind::<sql_types::BigInt, _>(PAGE)
                    .load(conn)?;
                let Some(last) = rows.last() else { return Ok((standing, folded)) };
                after = from_json::<EntityView>(last)?.entity_id;
                for row in &rows {
                    each(&mut folded, &from_json(row)?);
                }
            }
        })
        .await
    }
}

fn standing(conn: &mut PgConnection, registry: RegistryId) -> Result<Standing, Error> {
    let found: Option<(i64, OffsetDateTime)> = registry_epochs::table
        .find(registry.0)
        // `-infinity` is no time that the driver knows.
        .select((
            registry_epochs::epoch,
            sql::<sql_types::Timestamptz>("greatest(recorded_at, '0001-01-01Z'::timestamptz)"),
        ))
        .first(conn)
        .optional()?;
    let (epoch, recorded_at) = found.ok_or_else(|| Error::NotFound(format!("registry {registry}")))?;
    Ok(Standing { epoch, recorded_at: stamp(recorded_at) })
}
