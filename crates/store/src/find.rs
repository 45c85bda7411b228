//! Pages of what fits a filter. An absent condition is met by everything.

mod delegation;
mod schema;

use charter_domain::{RegistryId, Timestamp, status::State};
use diesel::{RunQueryDsl, sql_types};
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{AccreditationView, EntityView, Json, accreditation_json, from_json, view_sql},
    statement::sql_query,
    tx::offset,
};

pub use self::{
    delegation::Delegations,
    schema::{CredentialTypes, Schemas},
};

/// `[from, until)`; an absent bound is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Between {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct Entities {
    pub country: Option<String>,
    /// In force now.
    pub state: Option<State>,
    pub registered_at: Between,
    pub identifier: Option<String>,
    /// Of a statement that is recorded, in force or not; both of the same one.
    pub action: Option<String>,
    pub resource: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Accreditations {
    pub entity_id: Option<Uuid>,
    pub body: Option<String>,
    pub valid_until: Between,
}

// One row at most is in force at an instant.
const ENTITIES: &str = "e.entity_id > $2
  and ($4 is null or e.country = $4)
  and ($5 is null or $5 = coalesce((select c.state from status_changes c
        where c.registry_id = $1 and c.target_kind = 'entity' and c.target_id = e.entity_id::text
          and upper_inf(c.recorded) and c.effective @> $6), 'ACTIVE'))
  and ($7 is null or e.registered_at >= $7) and ($8 is null or e.registered_at < $8)
  and ($9 is null or exists (select from entity_identifiers i
        where i.registry_id = $1 and i.entity_id = e.entity_id and upper_inf(i.recorded) and i.value = $9))
  and (($10 is null and $11 is null) or exists (select from tuples t
        join statements s on s.registry_id = $1 and s.tuple_id = t.tuple_id and upper_inf(s.recorded)
       where t.registry_id = $1 and t.entity_id = e.entity_id
         and ($10 is null or t.action = $10) and ($11 is null or t.resource = $11)))
  order by e.entity_id limit $3";

impl Store {
    /// In the order of internal ids (which is the order of registration), after a cursor.
    pub async fn find_entities(
        &self,
        registry: RegistryId,
        find: Entities,
        (after, limit): (Option<Uuid>, i64),
    ) -> Result<Vec<EntityView>, Error> {
        use sql_types::{Nullable, Text, Timestamptz};
        let (sql, now) = (view_sql(ENTITIES), offset(self.now()));
        self.read("entity.find", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Uuid, _>(after.unwrap_or(Uuid::nil()))
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<Nullable<Text>, _>(&find.country)
                .bind::<Nullable<Text>, _>(find.state.map(State::code))
                .bind::<Timestamptz, _>(now)
                .bind::<Nullable<Timestamptz>, _>(find.registered_at.from.map(offset))
                .bind::<Nullable<Timestamptz>, _>(find.registered_at.until.map(offset))
                .bind::<Nullable<Text>, _>(&find.identifier)
                .bind::<Nullable<Text>, _>(&find.action)
                .bind::<Nullable<Text>, _>(&find.resource)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    /// In the order of their ids, after a cursor.
    pub async fn find_accreditations(
        &self,
        registry: RegistryId,
        find: Accreditations,
        (after, limit): (Option<Uuid>, i64),
    ) -> Result<Vec<AccreditationView>, Error> {
        use sql_types::{Nullable, Text, Timestamptz};
        let sql = format!(
            "select {}::text as value from accreditations a
              where a.registry_id = $1 and upper_inf(a.recorded) and a.accreditation_id > $2
                and ($4 is null or a.entity_id = $4) and ($5 is null or a.body = $5)
                and ($6 is null or upper(a.valid) >= $6) and ($7 is null or upper(a.valid) < $7)
              order by a.accreditation_id limit $3",
            accreditation_json()
        );
        self.read("accreditation.find", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Uuid, _>(after.unwrap_or(Uuid::nil()))
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<Nullable<sql_types::Uuid>, _>(find.entity_id)
                .bind::<Nullable<Text>, _>(&find.body)
                .bind::<Nullable<Timestamptz>, _>(find.valid_until.from.map(offset))
                .bind::<Nullable<Timestamptz>, _>(find.valid_until.until.map(offset))
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
