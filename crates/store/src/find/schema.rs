//! Schemas and credential types that fit.

use charter_domain::RegistryId;
use diesel::{RunQueryDsl, sql_types};

use super::Between;
use crate::{
    Error, Store,
    entity::{Json, from_json},
    schemas::{SCHEMA, SchemaView, TYPE, TypeView},
    statement::sql_query,
    tx::offset,
};

#[derive(Debug, Clone, Default)]
pub struct Schemas {
    pub resource: Option<String>,
    pub deprecated: Option<bool>,
    pub published_at: Between,
}

#[derive(Debug, Clone, Default)]
pub struct CredentialTypes {
    pub resource: Option<String>,
    /// The name in each format, exactly.
    pub vc_type: Option<String>,
    pub vct: Option<String>,
    pub doc_type: Option<String>,
    pub schema_id: Option<String>,
    /// One of the further identifiers.
    pub equivalent: Option<String>,
    pub defined_at: Between,
}

const SCHEMAS: &str = "and s.schema_id > $2
  and ($4 is null or s.resource = $4) and ($5 is null or (d.at is not null) = $5)
  and ($6 is null or r.at >= $6) and ($7 is null or r.at < $7)
  order by s.schema_id limit $3";

const TYPES: &str = "and t.type_id > $2
  and ($4 is null or t.resource = $4)
  and ($5 is null or t.definition ->> 'vc_type' = $5) and ($6 is null or t.definition ->> 'vct' = $6)
  and ($7 is null or t.definition ->> 'doc_type' = $7) and ($8 is null or t.definition ->> 'schema_id' = $8)
  and ($9 is null or t.definition -> 'equivalents' @> to_jsonb($9::text))
  and ($10 is null or t.at >= $10) and ($11 is null or t.at < $11)
  order by t.type_id limit $3";

impl Store {
    /// In the order of publication, after a cursor (the `seq` of a view); at most `limit`.
    pub async fn find_schemas(
        &self,
        registry: RegistryId,
        find: Schemas,
        (after, limit): (i64, i64),
    ) -> Result<Vec<SchemaView>, Error> {
        use sql_types::{Bool, Nullable, Text, Timestamptz};
        self.read("schema.find", registry, move |conn| {
            let rows: Vec<Json> = sql_query(format!("{SCHEMA} {SCHEMAS}"))
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(after)
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<Nullable<Text>, _>(&find.resource)
                .bind::<Nullable<Bool>, _>(find.deprecated)
                .bind::<Nullable<Timestamptz>, _>(find.published_at.from.map(offset))
                .bind::<Nullable<Timestamptz>, _>(find.published_at.until.map(offset))
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    /// In the order of definition, after a cursor (the `seq` of a view); at most `limit`.
    pub async fn find_credential_types(
        &self,
        registry: RegistryId,
        find: CredentialTypes,
        (after, limit): (i64, i64),
    ) -> Result<Vec<TypeView>, Error> {
        use sql_types::{Nullable, Text, Timestamptz};
        self.read("type.find", registry, move |conn| {
            let rows: Vec<Json> = sql_query(format!("{TYPE} {TYPES}"))
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(after)
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<Nullable<Text>, _>(&find.resource)
                .bind::<Nullable<Text>, _>(&find.vc_type)
                .bind::<Nullable<Text>, _>(&find.vct)
                .bind::<Nullable<Text>, _>(&find.doc_type)
                .bind::<Nullable<Text>, _>(&find.schema_id)
                .bind::<Nullable<Text>, _>(&find.equivalent)
                .bind::<Nullable<Timestamptz>, _>(find.defined_at.from.map(offset))
                .bind::<Nullable<Timestamptz>, _>(find.defined_at.until.map(offset))
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
