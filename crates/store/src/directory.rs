//! Lists for those who look around: entities by what they may do, and what may be asked about.

use charter_domain::{RegistryId, Timestamp, event::LanguageMap};
use diesel::{RunQueryDsl, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    statement::sql_query,
    tx::offset,
};

#[derive(Debug, Clone, Deserialize)]
pub struct Summary {
    /// The canonical one.
    pub identifier: String,
    pub names: LanguageMap,
}

#[derive(Debug, Deserialize)]
pub struct Page {
    pub total: i64,
    pub items: Vec<Summary>,
}

/// An action, a resource, and of whom: empty where nobody in particular is meant.
#[derive(Debug, Clone, Deserialize)]
pub struct Term {
    pub action: String,
    pub resource: String,
    #[serde(default)]
    pub identifier: String,
}

/// Stated at `$4`, with nothing in force against the statement, its ground or the entity (states that are kept are
/// never ACTIVE).
const MAY: &str = "exists (
  select from tuples t join statements s on s.registry_id = $1 and s.tuple_id = t.tuple_id
    and upper_inf(s.recorded) and s.valid @> $4
    left join accreditations a on a.registry_id = $1 and a.accreditation = s.accreditation and upper_inf(a.recorded)
   where t.registry_id = $1 and t.entity_id = e.entity_id and t.kind = 0 and t.action = $2 and t.resource = $3
     and (a.accreditation_id is null or a.valid @> $4)
     and not exists (select from status_changes c where c.registry_id = $1 and upper_inf(c.recorded) and c.effective @> $4
       and ((c.target_kind = 'entity' and c.target_id = e.entity_id::text)
         or (c.target_kind = 'statement' and c.target_id = s.statement_id::text)
         or (c.target_kind = 'accreditation' and c.target_id = a.accreditation_id::text))))";
const CANONICAL: &str = "(select i.value from entity_identifiers i where i.registry_id = $1
  and i.entity_id = e.entity_id and upper_inf(i.recorded) order by i.position limit 1)";

impl Store {
    /// Entities in the order of their registration; with an action and a resource, those that may do it at an instant.
    pub async fn directory(
        &self,
        registry: RegistryId,
        right: Option<(String, String)>,
        at: Timestamp,
        (limit, offset_by): (i64, i64),
    ) -> Result<Page, Error> {
        let sql = format!(
            "with found as (select e.entity_id, e.names from entities e
               where e.registry_id = $1 and upper_inf(e.recorded) and ($2 is null or {MAY}))
             select json_build_object('total', (select count(*) from found), 'items', (
               select coalesce(json_agg(json_build_object('identifier', {CANONICAL}, 'names', e.names)
                                        order by e.entity_id), '[]')
                 from (select * from found order by entity_id limit $5 offset $6) e))::text as value"
        );
        self.read("directory.entities", registry, move |conn| {
            let (action, resource) = right.clone().unzip();
            let row: Json = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Nullable<sql_types::Text>, _>(action)
                .bind::<sql_types::Nullable<sql_types::Text>, _>(resource)
                .bind::<sql_types::Timestamptz, _>(offset(at))
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<sql_types::BigInt, _>(offset_by)
                .get_result(conn)?;
            from_json(&row)
        })
        .await
    }

    /// What was ever authorized here, without whom.
    pub async fn authorized_terms(&self, registry: RegistryId, limit: i64) -> Result<Vec<Term>, Error> {
        let sql = "select json_build_object('action', action, 'resource', resource)::text as value
             from (select distinct action, resource from tuples where registry_id = $1 and kind = 0
                   order by action, resource limit $2) t";
        self.terms_by("directory.terms", registry, sql.to_owned(), limit).await
    }

    /// Resources that somebody was ever authorized here to do this to, in their order. What is known of terms is small:
    /// each is looked for among the authorizations, and most are found at once.
    pub async fn stated_resources(
        &self,
        registry: RegistryId,
        action: &'static str,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        self.read("directory.resources", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select t.value from terms t where t.registry_id = $1 and t.kind = 'resource'
                    and exists (select from tuples u where u.registry_id = $1 and u.kind = 0 and u.action = $2
                                 and u.resource = t.value)
                  order by t.value limit $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(action)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }

    /// Who was ever recognised here, for what.
    pub async fn recognised(&self, registry: RegistryId, limit: i64) -> Result<Vec<Term>, Error> {
        let sql = format!(
            "select json_build_object('action', e.action, 'resource', e.resource, 'identifier', {CANONICAL})::text as value
               from (select entity_id, action, resource from tuples where registry_id = $1 and kind = 1
                     order by tuple_id limit $2) e"
        );
        self.terms_by("directory.recognised", registry, sql, limit).await
    }

    async fn terms_by(
        &self,
        name: &'static str,
        registry: RegistryId,
        sql: String,
        limit: i64,
    ) -> Result<Vec<Term>, Error> {
        self.read(name, registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(limit)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
