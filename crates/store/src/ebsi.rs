//! What the reads of EBSI's registries show: whom something is stated of, by DID, and the schemas of credential types.
//!
//! Pages are by number, as EBSI has them, so each counts anew.

use std::collections::BTreeSet;

use charter_domain::{Delegation, RegistryId, Timestamp};
use diesel::{PgConnection, RunQueryDsl, prelude::*, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store, delegation,
    document::{StatementSnapshot, Which, statements},
    entity::{Json, from_json},
    schema::registry_epochs,
    schemas::{SCHEMA, SchemaView},
    statement::sql_query,
    tx::offset,
};

/// Most names of credential types that a pattern of a scope is spelled out with.
const MOST_NAMES: usize = 200;
/// Most revisions of one schema that are shown.
const MOST_REVISIONS: i64 = 500;

/// Part of a list, and how long all of it is.
#[derive(Debug, Deserialize)]
pub struct Part {
    pub total: i64,
    pub items: Vec<String>,
}

/// What a credential type is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Name {
    pub resource: String,
    pub vc_type: Option<String>,
    /// Id of its schema, SHA-256 in hex; only of one that refers to no other schema.
    pub schema: Option<String>,
}

/// What a registry has about the holder of a DID, in one snapshot.
#[derive(Debug)]
pub struct Holder {
    /// Of the same snapshot as all that follows.
    pub epoch: i64,
    /// About the entity of that DID, if there is one.
    pub statements: Option<Vec<StatementSnapshot>>,
    /// To the authority of that DID.
    pub delegations: Vec<Delegation>,
    /// Of each resource that these name, and where a pattern is among them, of all that are known, up to a bound.
    pub names: Vec<Name>,
}

/// Whose DID is asked about, as far as the registry's configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The registry's own authority: all its delegations are read.
    Itself,
    Another,
}

// In the order of registration; one DID an entity, the first that fits. What carries conditions is not said in EBSI's terms.
const ISSUERS: &str = "with found as (
  select distinct on (i.entity_id) i.entity_id, i.value from entity_identifiers i
   where i.registry_id = $1 and upper_inf(i.recorded)
     and (i.value like 'did:web:%' or i.value like 'did:ebsi:%') and i.value <> all($2)
     and exists (select from tuples t
       join statements s on s.registry_id = $1 and s.tuple_id = t.tuple_id and upper_inf(s.recorded)
       left join accreditations a on a.registry_id = $1 and a.accreditation = s.accreditation and upper_inf(a.recorded)
      where t.registry_id = $1 and t.entity_id = i.entity_id and t.kind = 0 and t.action = 'issue'
        and s.conditions = '{}'::jsonb and (lower_inf(s.valid) or lower(s.valid) <= $3)
        and (a.accreditation_id is null or lower_inf(a.valid) or lower(a.valid) <= $3))
   order by i.entity_id, i.position)
select json_build_object('total', (select count(*) from found), 'items', (
  select coalesce(json_agg(f.value order by f.entity_id), '[]')
    from (select * from found order by entity_id limit $4 offset $5) f))::text as value";

const NAMES: &str =
    "select json_build_object('resource', x.resource, 'vc_type', t.definition ->> 'vc_type', 'schema',
    (select r.content_id from schema_revisions r join schemas s using (registry_id, schema_id)
      where r.registry_id = $1 and r.refs = '{}'::jsonb
        and case when t.definition ->> 'schema_id' is null then r.resource = x.resource
                 else t.definition ->> 'schema_id' in (r.content_id, s.sha256) end
      order by r.schema_id desc limit 1))::text as value
  from unnest($2::text[]) as x(resource)
  left join credential_types t on t.registry_id = $1 and t.resource = x.resource and upper_inf(t.recorded)
 order by x.resource";

const KNOWN: &str = "select value from (
    select value from terms where registry_id = $1 and kind = 'resource'
    union select resource from credential_types where registry_id = $1 and upper_inf(recorded)) x
  order by value limit $2";

// One a content: revisions that differ by annotations alone have one id.
const SCHEMAS: &str = "with found as (
  select r.content_id, min(r.schema_id) as first from schema_revisions r
   where r.registry_id = $1 and r.refs = '{}'::jsonb group by r.content_id)
select json_build_object('total', (select count(*) from found), 'items', (
  select coalesce(json_agg(f.content_id order by f.first), '[]')
    from (select * from found order by first limit $2 offset $3) f))::text as value";

fn epoch(conn: &mut PgConnection, registry: RegistryId) -> Result<i64, Error> {
    Ok(registry_epochs::table.find(registry.0).select(registry_epochs::epoch).first(conn)?)
}

fn entity(conn: &mut PgConnection, registry: RegistryId, did: &str) -> Result<Option<String>, Error> {
    let sql = "select entity_id::text as value from entity_identifiers
                where registry_id = $1 and value = $2 and upper_inf(recorded)";
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(did)
        .load(conn)?;
    Ok(rows.into_iter().next().map(|row| row.value))
}

fn known(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<String>, Error> {
    let rows: Vec<Json> = sql_query(KNOWN)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::BigInt, _>(i64::try_from(MOST_NAMES).unwrap_or(i64::MAX))
        .load(conn)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

fn names(conn: &mut PgConnection, registry: RegistryId, of: &BTreeSet<String>) -> Result<Vec<Name>, Error> {
    let of: Vec<&String> = of.iter().collect();
    let rows: Vec<Json> = sql_query(NAMES)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Array<sql_types::Text>, _>(of)
        .load(conn)?;
    rows.iter().map(from_json).collect()
}

fn holder(conn: &mut PgConnection, registry: RegistryId, did: &str, of: Of) -> Result<Holder, Error> {
    let epoch = epoch(conn, registry)?;
    let statements = match entity(conn, registry, did)? {
        Some(id) => Some(statements(conn, registry, &Which::Entity(id))?),
        None => None,
    };
    let mut delegations = delegation::load(conn, registry)?;
    delegations.retain(|d| of == Of::Itself || d.subordinate.as_str() == did);
    let stated = statements.iter().flatten().map(|s| s.resource.to_string());
    let patterns = delegations.iter().flat_map(|d| &d.scope.0).flat_map(|grant| &grant.resources);
    let mut resources: BTreeSet<String> =
        stated.chain(patterns.clone().map(|p| p.as_str().to_owned())).collect();
    let wild = patterns.clone().any(|p| p.as_str().ends_with('*'));
    resources.retain(|r| !r.ends_with('*'));
    if wild || of == Of::Itself {
        resources.extend(known(conn, registry)?);
    }
    let names = names(conn, registry, &resources)?;
    Ok(Holder { epoch, statements, delegations, names })
}

impl Store {
    /// DIDs of entities that may issue something, or once might, without those in `other`: at most `limit` after the
    /// first `offset_by`.
    pub async fn ebsi_issuers(
        &self,
        registry: RegistryId,
        other: Vec<String>,
        at: Timestamp,
        (limit, offset_by): (i64, i64),
    ) -> Result<Part, Error> {
        self.read("ebsi.issuers", registry, move |conn| {
            let row: Json = sql_query(ISSUERS)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Array<sql_types::Text>, _>(&other)
                .bind::<sql_types::Timestamptz, _>(offset(at))
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<sql_types::BigInt, _>(offset_by)
                .get_result(conn)?;
            from_json(&row)
        })
        .await
    }

    /// What is held of whoever has a DID.
    pub async fn ebsi_holder(&self, registry: RegistryId, did: &str, of: Of) -> Result<Holder, Error> {
        let did = did.to_owned();
        self.read("ebsi.holder", registry, move |conn| holder(conn, registry, &did, of)).await
    }

    /// Ids of published schemas that refer to no other, in the order of publication.
    pub async fn ebsi_schemas(
        &self,
        registry: RegistryId,
        (limit, offset_by): (i64, i64),
    ) -> Result<Part, Error> {
        self.read("ebsi.schemas", registry, move |conn| {
            let row: Json = sql_query(SCHEMAS)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<sql_types::BigInt, _>(offset_by)
                .get_result(conn)?;
            from_json(&row)
        })
        .await
    }

    /// All published forms of such a schema, oldest first; none where there is no such schema.
    pub async fn ebsi_schema(&self, registry: RegistryId, id: &str) -> Result<Vec<SchemaView>, Error> {
        let id = id.to_owned();
        let sql = format!(
            "{SCHEMA} and r.content_id = $2 and r.refs = '{{}}'::jsonb order by s.schema_id limit $3"
        );
        self.read("ebsi.schema", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(&id)
                .bind::<sql_types::BigInt, _>(MOST_REVISIONS)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
