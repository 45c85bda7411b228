//! Staff of a registry: numbers with roles. Who a number stands for is kept apart, since it can be erased.

use std::collections::BTreeSet;

use charter_domain::{
    RegistryId, Timestamp,
    policy::{Permit, Writes},
    staff::{Role, StaffId},
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
    tx::stamp,
};

#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub id: StaffId,
    pub roles: BTreeSet<Role>,
    pub service: bool,
    pub dismissed: bool,
}

const SQL: &str = "select json_build_object('id', s.staff_id, 'roles', s.roles, 'service', s.service,
    'dismissed', not upper_inf(s.recorded))::text as value
  from staff s left join principals p using (registry_id, staff_id) where s.registry_id = $1";

fn load(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<Member>, Error> {
    let rows: Vec<Json> = sql_query(format!("{SQL} order by s.staff_id"))
        .bind::<sql_types::Integer, _>(registry.0)
        .load(conn)?;
    rows.iter().map(from_json).collect()
}

impl Store {
    pub async fn staff(&self, registry: RegistryId) -> Result<Vec<Member>, Error> {
        self.read("staff.list", registry, move |conn| load(conn, registry)).await
    }

    /// The member in office whom an identity provider calls this.
    pub async fn staff_of(
        &self,
        registry: RegistryId,
        issuer: String,
        subject: String,
    ) -> Result<Option<Member>, Error> {
        self.read("staff.get", registry, move |conn| {
            let sql = format!("{SQL} and p.issuer = $2 and p.subject = $3 and upper_inf(s.recorded)");
            let rows: Vec<Json> = sql_query(sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(&issuer)
                .bind::<sql_types::Text, _>(&subject)
                .load(conn)?;
            rows.first().map(from_json).transpose()
        })
        .await
    }

    /// Whether somebody was staff ever, in office or not; `mac` is what they are called once they were erased.
    pub async fn was_staff(
        &self,
        registry: RegistryId,
        issuer: String,
        subject: String,
        mac: String,
    ) -> Result<bool, Error> {
        self.read("staff.was", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select staff_id::text as value from principals where registry_id = $1
                              and ((issuer = $2 and subject = $3) or (issuer = '' and subject = $4))",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(&issuer)
            .bind::<sql_types::Text, _>(&subject)
            .bind::<sql_types::Text, _>(&mac)
            .load(conn)?;
            Ok(!rows.is_empty())
        })
        .await
    }

    /// Whether a person was staff ever, under any account. `person` is an HMAC.
    pub async fn is_known_person(&self, registry: RegistryId, person: String) -> Result<bool, Error> {
        self.read("staff.person", registry, move |conn| {
            by(conn, registry, "person", &person).map(|found| !found.is_empty())
        })
        .await
    }

    /// Those who have a subject, at whatever provider.
    pub async fn with_subject(&self, registry: RegistryId, subject: String) -> Result<Vec<StaffId>, Error> {
        self.read("staff.subject", registry, move |conn| by(conn, registry, "subject", &subject)).await
    }
}

/// Numbers of those for whom `column`, a name of ours, is `value`.
fn by(
    conn: &mut PgConnection,
    registry: RegistryId,
    column: &str,
    value: &str,
) -> Result<Vec<StaffId>, Error> {
    let sql = format!(
        "select staff_id::text as value from principals where registry_id = $1 and {column} = $2
          order by staff_id"
    );
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Text, _>(value)
        .load(conn)?;
    rows.iter().map(from_json).collect()
}

#[derive(diesel::QueryableByName)]
struct Last {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    value: Option<time::OffsetDateTime>,
}

impl Tx<'_> {
    /// The last emergency suspension by a member.
    pub fn last_emergency(&mut self, by: StaffId) -> Result<Option<Timestamp>, Error> {
        let row: Last = sql_query(
            "select max(recorded_at) as value from events
              where registry_id = $1 and actor = $2 and origin = 'emergency' and kind = 'StatusChanged'",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Text, _>(by.to_string())
        .get_result(self.conn)?;
        Ok(row.value.map(stamp))
    }

    pub fn staff(&mut self) -> Result<Vec<Member>, Error> {
        load(self.conn, self.registry)
    }

    /// Says who a number stands for; once for each person, ever.
    pub fn put_principal<V: Writes>(
        &mut self,
        _permit: &Permit<V>,
        id: StaffId,
        issuer: &str,
        subject: &str,
        person: Option<&str>,
    ) -> Result<(), Error> {
        sql_query(
            "insert into principals (registry_id, staff_id, issuer, subject, person) values ($1, $2, $3, $4, $5)",
        )
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::BigInt, _>(id.0)
            .bind::<sql_types::Text, _>(issuer)
            .bind::<sql_types::Text, _>(subject)
            .bind::<sql_types::Nullable<sql_types::Text>, _>(person)
            .execute(self.conn)?;
        Ok(())
    }
}
