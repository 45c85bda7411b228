//! Schemas of credential types, content-addressed and in revisions, and what credential types are called elsewhere.

use std::collections::BTreeMap;

use charter_domain::{RegistryId, Timestamp, event::CredentialTypeDefined};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

#[derive(Debug, Clone, Deserialize)]
pub struct SchemaView {
    /// Number of the event that published it.
    pub seq: i64,
    pub resource: String,
    /// 1 is the first of its resource.
    pub revision: u32,
    /// SHA-256 without annotations, and of the exact content.
    pub id: String,
    pub sha256: String,
    pub uri: String,
    pub schema: serde_json::Value,
    /// What its references outside itself stand for: URI to `sha256`.
    pub references: BTreeMap<String, String>,
    at: i64,
    pub deprecated: Option<Deprecation>,
}

impl SchemaView {
    pub fn published_at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Deprecation {
    pub reason: String,
    pub replaced_by: Option<String>,
    at: i64,
}

impl Deprecation {
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

/// Which schemas are meant.
#[derive(Debug, Clone)]
pub enum Which {
    /// By the id or by the hash of the exact content: the latest of those that have it.
    Content(String),
    Revision(String, u32),
    Latest(String),
    /// Under this URI, the latest.
    Uri(String),
}

#[derive(Debug, Clone, Deserialize)]
pub struct TypeView {
    /// Number of the event that defined it.
    pub seq: i64,
    #[serde(flatten)]
    pub defined: CredentialTypeDefined,
    at: i64,
}

impl TypeView {
    pub fn defined_at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

/// Schemas `s` of registry `$1`, with revisions `r` and deprecations `d`; conditions follow.
pub(crate) const SCHEMA: &str = "select json_build_object('seq', s.schema_id, 'resource', s.resource, 'revision', r.revision,
    'id', r.content_id, 'sha256', s.sha256, 'uri', s.uri, 'schema', s.schema, 'references', r.refs, 'at', micros(r.at),
    'deprecated', case when d.at is null then null else
      json_build_object('reason', d.reason, 'replaced_by', d.replaced_by, 'at', micros(d.at)) end)::text as value
  from schemas s join schema_revisions r using (registry_id, schema_id)
  left join schema_deprecations d using (registry_id, schema_id) where s.registry_id = $1";
/// Credential types `t` of registry `$1` as they are defined now; conditions follow.
pub(crate) const TYPE: &str = "select (jsonb_build_object('seq', t.type_id, 'resource', t.resource, 'at', micros(t.at)) || t.definition)::text
    as value from credential_types t where t.registry_id = $1 and upper_inf(t.recorded)";

fn schema(conn: &mut PgConnection, registry: RegistryId, which: &Which) -> Result<Option<SchemaView>, Error> {
    let (condition, text, number) = match which {
        Which::Content(hash) => ("(r.content_id = $2 or s.sha256 = $2) and $3 = 0", hash, 0),
        Which::Revision(resource, n) => ("s.resource = $2 and r.revision = $3", resource, i64::from(*n)),
        Which::Latest(resource) => ("s.resource = $2 and $3 = 0", resource, 0),
        Which::Uri(uri) => ("s.uri = $2 and $3 = 0", uri, 0),
    };
    let rows: Vec<Json> = sql_query(format!("{SCHEMA} and {condition} order by s.schema_id desc limit 1"))
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(text)
        .bind::<sql_types::BigInt, _>(number)
        .load(conn)?;
    rows.first().map(from_json).transpose()
}

fn stands_for(conn: &mut PgConnection, registry: RegistryId, value: &str) -> Result<Option<String>, Error> {
    let sql = "select resource as value from type_identifiers
                where registry_id = $1 and value = $2 and upper_inf(recorded)";
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(value)
        .load(conn)?;
    Ok(rows.into_iter().next().map(|r| r.value))
}

fn is_resource(conn: &mut PgConnection, registry: RegistryId, value: &str) -> Result<bool, Error> {
    let sql = "select value from terms where registry_id = $1 and kind = 'resource' and value = $2";
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(value)
        .load(conn)?;
    Ok(!rows.is_empty())
}

impl Store {
    pub async fn schema(&self, registry: RegistryId, which: Which) -> Result<Option<SchemaView>, Error> {
        self.read("schema.get", registry, move |conn| schema(conn, registry, &which)).await
    }

    /// The resource that an identifier stands for now.
    pub async fn stands_for(&self, registry: RegistryId, value: String) -> Result<Option<String>, Error> {
        self.read("type.resolve", registry, move |conn| stands_for(conn, registry, &value)).await
    }

    /// Whether a resource has or had records of its own.
    pub async fn is_resource(&self, registry: RegistryId, value: String) -> Result<bool, Error> {
        self.read("resource.known", registry, move |conn| is_resource(conn, registry, &value)).await
    }
}

/// The same under the registry's lock.
impl Tx<'_> {
    pub fn schema(&mut self, which: &Which) -> Result<Option<SchemaView>, Error> {
        schema(self.conn, self.registry, which)
    }

    pub fn stands_for(&mut self, value: &str) -> Result<Option<String>, Error> {
        stands_for(self.conn, self.registry, value)
    }

    pub fn is_resource(&mut self, value: &str) -> Result<bool, Error> {
        is_resource(self.conn, self.registry, value)
    }
}
