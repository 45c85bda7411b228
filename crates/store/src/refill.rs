//! Refilling: events that were published and are missing, because an older database was restored, are put back
//! exactly as they were. As the owner, in one transaction: the registry is as it was, or nothing has changed.

use charter_domain::{RegistryId, Timestamp};
use diesel::{
    Connection, OptionalExtension, PgConnection, QueryDsl, QueryableByName, RunQueryDsl, sql_types,
};
use time::OffsetDateTime;

use crate::{Error, Store, Tx, migrate, schema::registry_epochs, statement::sql_query, tx::offset};

/// What was put back, and what could not be.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Refilled {
    #[diesel(sql_type = sql_types::BigInt)]
    pub from_seq: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub until_seq: i64,
    /// Events whose restricted part is lost.
    #[diesel(sql_type = sql_types::BigInt)]
    pub restricted: i64,
    /// Members of staff of whom nobody knows any more who they are.
    #[diesel(sql_type = sql_types::BigInt)]
    pub appointed: i64,
}

const COLUMNS: &str =
    "select from_seq, until_seq, restricted, appointed from log_refills where registry_id = $1";

/// Puts events back until `until`, page by page: `page` gives those after a number, in order. It has compared them
/// with a signed root; the database compares that each follows the one before.
pub fn run(
    owner_url: &str,
    registry: RegistryId,
    until: i64,
    at: Timestamp,
    mut page: impl FnMut(i64) -> Result<Vec<Vec<u8>>, Error>,
) -> Result<Refilled, Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        enter(conn, registry)?;
        let before = epoch(conn, registry)?;
        let mut last = before;
        while last < until {
            let bodies = page(last)?;
            if bodies.is_empty() {
                return Err(Error::Internal(format!("there is no event after {last}, of {until}")));
            }
            put(conn, registry, &bodies)?;
            last = epoch(conn, registry)?;
        }
        sql_query("call refilled($1, $2, $3)")
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(before + 1)
            .bind::<sql_types::Timestamptz, _>(offset(at))
            .execute(conn)?;
        Ok(sql_query(format!("{COLUMNS} and from_seq = $2"))
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(before + 1)
            .get_result(conn)?)
    })
}

fn enter(conn: &mut PgConnection, registry: RegistryId) -> Result<(), Error> {
    sql_query("select set_config('app.registry', $1, true)")
        .bind::<sql_types::Text, _>(registry.0.to_string())
        .execute(conn)?;
    Ok(())
}

/// Locked from here on: no writer comes in between.
fn epoch(conn: &mut PgConnection, registry: RegistryId) -> Result<i64, Error> {
    let row = registry_epochs::table.find(registry.0).select(registry_epochs::epoch).for_update();
    Ok(row.first(conn)?)
}

fn put(conn: &mut PgConnection, registry: RegistryId, bodies: &[Vec<u8>]) -> Result<(), Error> {
    sql_query("call refill($1, $2)")
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Array<sql_types::Binary>, _>(bodies)
        .execute(conn)?;
    Ok(())
}

impl Store {
    /// A refill after which the documents were not signed anew yet.
    pub async fn unsigned_refill(&self, registry: RegistryId) -> Result<Option<Refilled>, Error> {
        self.read("refill.unsigned", registry, move |conn| {
            let found = sql_query(format!("{COLUMNS} and signed_at is null order by from_seq desc limit 1"))
                .bind::<sql_types::Integer, _>(registry.0)
                .get_result(conn)
                .optional()?;
            Ok(found)
        })
        .await
    }
}

impl Tx<'_> {
    /// Says that the documents were signed anew, in the transaction that keeps them.
    pub fn refill_signed(&mut self) -> Result<(), Error> {
        let now: OffsetDateTime = offset(self.now);
        sql_query("update log_refills set signed_at = $2 where registry_id = $1 and signed_at is null")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Timestamptz, _>(now)
            .execute(self.conn)?;
        Ok(())
    }
}
