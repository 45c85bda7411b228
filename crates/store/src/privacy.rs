//! Personal data: what is held about somebody, and its erasure once others have approved it.

use charter_domain::{
    RegistryId,
    policy::{Execute, Permit},
    privacy::DataSubject,
    staff::StaffId,
};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

/// One thing that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// `principal`, `person_key`, `event`, `proposal`, `request`, `written` (by them, about others), `accesses`.
    pub place: String,
    /// The event that it belongs to.
    pub seq: Option<i64>,
    /// Whether an erasure would take it.
    pub erasable: bool,
    pub data: Value,
}

#[derive(diesel::QueryableByName)]
struct Principal {
    #[diesel(sql_type = sql_types::Text)]
    issuer: String,
    #[diesel(sql_type = sql_types::Text)]
    subject: String,
}

fn held(conn: &mut PgConnection, registry: RegistryId, about: DataSubject) -> Result<Vec<Held>, Error> {
    let rows: Vec<Json> = sql_query(
        "select json_build_object('place', place, 'seq', seq, 'erasable', erasable, 'data', data)::text as value
           from personal_data_held($1, $2, $3)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(about.kind())
    .bind::<sql_types::Text, _>(about.id())
    .load(conn)?;
    rows.iter().map(from_json).collect()
}

impl Store {
    pub async fn held(&self, registry: RegistryId, about: DataSubject) -> Result<Vec<Held>, Error> {
        self.read("privacy.held", registry, move |conn| held(conn, registry, about)).await
    }
}

impl Tx<'_> {
    /// Issuer and subject of a member, unless they were erased.
    pub fn principal(&mut self, id: StaffId) -> Result<Option<(String, String)>, Error> {
        let sql = "select issuer, subject from principals where registry_id = $1 and staff_id = $2 and issuer <> ''";
        let row: Option<Principal> = sql_query(sql)
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::BigInt, _>(id.0)
            .get_result(self.conn)
            .optional()?;
        Ok(row.map(|p| (p.issuer, p.subject)))
    }

    /// Erases what the event of this number says; `mac` stands for a member from then on. The database refuses it
    /// without such an event.
    pub fn erase(&mut self, _permit: &Permit<Execute>, seq: i64, mac: Option<&str>) -> Result<(), Error> {
        sql_query("select erase_personal_data($1, $2, $3)")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::BigInt, _>(seq)
            .bind::<sql_types::Nullable<sql_types::Text>, _>(mac)
            .execute(self.conn)?;
        Ok(())
    }
}
