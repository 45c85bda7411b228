//! Schemas of credential types, content-addressed.

use charter_domain::RegistryId;
use diesel::prelude::*;

use crate::{Error, Store, schema::schemas};

#[derive(Debug, Clone)]
pub struct SchemaView {
    pub id: i64,
    pub resource: String,
    pub uri: String,
    pub sha256: String,
    pub schema: serde_json::Value,
}

impl Store {
    /// Latest revisions last; `resource` narrows, `after` is the cursor.
    pub async fn schemas(
        &self,
        registry: RegistryId,
        resource: Option<String>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SchemaView>, Error> {
        self.read("schema.list", registry, move |conn| {
            let mut query = schemas::table
                .filter(schemas::schema_id.gt(after))
                .order(schemas::schema_id)
                .limit(limit)
                .select((
                    schemas::schema_id,
                    schemas::resource,
                    schemas::uri,
                    schemas::sha256,
                    schemas::schema,
                ))
                .into_boxed();
            if let Some(resource) = &resource {
                query = query.filter(schemas::resource.eq(resource.clone()));
            }
            let rows: Vec<(i64, String, String, String, serde_json::Value)> = query.load(conn)?;
            let view = |(id, resource, uri, sha256, schema)| SchemaView { id, resource, uri, sha256, schema };
            Ok(rows.into_iter().map(view).collect())
        })
        .await
    }
}
