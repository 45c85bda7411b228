//! The policy of a registry, as it is now.

use charter_domain::{RegistryId, registry_policy::RegistryPolicy};
use diesel::{PgConnection, RunQueryDsl, sql_types};

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

/// What holds where none was set is the default.
fn load(conn: &mut PgConnection, registry: RegistryId) -> Result<RegistryPolicy, Error> {
    let rows: Vec<Json> = sql_query(
        "select data::text as value from registry_policies where registry_id = $1 and upper_inf(recorded)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .load(conn)?;
    rows.first().map_or_else(|| Ok(RegistryPolicy::default()), from_json)
}

impl Tx<'_> {
    pub fn registry_policy(&mut self) -> Result<RegistryPolicy, Error> {
        load(self.conn, self.registry)
    }
}

impl Store {
    pub async fn registry_policy(&self, registry: RegistryId) -> Result<RegistryPolicy, Error> {
        self.read("registry_policy.get", registry, move |conn| load(conn, registry)).await
    }
}
