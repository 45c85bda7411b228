//! Who looked at what is about persons, and at the audit: recorded before it is shown, and no event.

use charter_domain::{RegistryId, Timestamp, staff::StaffId};
use diesel::{RunQueryDsl, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Error, Store,
    entity::{Json, from_json},
    statement::sql_query,
    trail::{self, SecurityEvent},
    tx::offset,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub access_id: i64,
    /// Microseconds since 1970.
    pub at: i64,
    pub by: StaffId,
    /// What was done, such as `LIST_EVENTS`.
    pub what: String,
    pub filter: Value,
}

impl Store {
    pub async fn put_access(
        &self,
        registry: RegistryId,
        by: StaffId,
        what: &'static str,
        filter: Value,
        at: Timestamp,
    ) -> Result<(), Error> {
        self.amend("access.put", registry, move |conn| {
            sql_query(
                "insert into accesses (registry_id, at, by_staff, what, filter) values ($1, $2, $3, $4, $5::jsonb)",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Timestamptz, _>(offset(at))
            .bind::<sql_types::BigInt, _>(by.0)
            .bind::<sql_types::Text, _>(what)
            .bind::<sql_types::Text, _>(filter.to_string())
            .execute(conn)?;
            let told = SecurityEvent::new(at, "ACCESS", json!({ "by": by, "what": what }));
            trail::put(conn, registry, &[told])
        })
        .await
    }

    /// Newest first, before a number (0: from the newest).
    pub async fn accesses(
        &self,
        registry: RegistryId,
        by: Option<StaffId>,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Access>, Error> {
        self.read("access.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select json_build_object('access_id', access_id, 'at', micros(at), 'by', by_staff, 'what', what,
                                          'filter', filter)::text as value
                   from accesses where registry_id = $1 and ($2 is null or by_staff = $2) and ($3 = 0 or access_id < $3)
                  order by access_id desc limit $4",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Nullable<sql_types::BigInt>, _>(by.map(|b| b.0))
            .bind::<sql_types::BigInt, _>(before)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
