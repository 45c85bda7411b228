//! Copying: registries as they are at one instant, while they are served, and all of them into an empty database. It
//! fences nothing where they are; where they go they are fenced until they are started.

use charter_domain::{RegistryId, Timestamp};
use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_types,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Arrival, Departure, Subject,
    arrival::arrive_on,
    departure::{rows, subject},
    enter, newest, refused, start_on, table,
};
use crate::{
    Error,
    key::{self, Opening},
    migrate,
    statement::sql_query,
    tx::offset,
};

/// What is copied, registry by registry in this order.
pub enum Copying {
    Of(Departure),
    /// The registry is whole. Its keys, as they are in the same snapshot.
    Whole(Box<Opening>),
}

/// Who looks is the operator of the database, and nobody's staff.
const OPERATOR: i64 = 0;

/// Records in each registry that it is copied, then hands on everything of them, in one snapshot.
///
/// # Errors
/// `Refused` where one has left this database.
pub fn copy(
    owner_url: &str,
    registries: &[RegistryId],
    (filter, now): (&Value, Timestamp),
    mut each: impl FnMut(Copying) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| registries.iter().try_for_each(|one| record(conn, *one, (filter, now))))?;
    conn.build_transaction().read_only().repeatable_read().run(|conn| {
        for registry in registries {
            enter(conn, *registry)?;
            each(Copying::Of(Departure::Registry(subject(conn, *registry, false)?)))?;
            let mut piece = |departure| each(Copying::Of(departure));
            for table in table::all(conn)? {
                rows(conn, &table, &mut piece)?;
            }
            each(Copying::Whole(Box::new(key::opening(conn, *registry)?)))?;
        }
        Ok(())
    })
}

fn record(
    conn: &mut PgConnection,
    registry: RegistryId,
    (filter, now): (&Value, Timestamp),
) -> Result<(), Error> {
    enter(conn, registry)?;
    // Before the database refuses in its own words to write of one that has left.
    subject(conn, registry, false)?;
    sql_query(
        "insert into accesses (registry_id, at, by_staff, what, filter) values ($1, $2, $3, 'EXPORT_REGISTRY', $4::jsonb)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .bind::<sql_types::BigInt, _>(OPERATOR)
    .bind::<sql_types::Text, _>(filter.to_string())
    .execute(conn)?;
    Ok(())
}

/// An empty database, into which copied registries go.
pub struct Landing<'c> {
    conn: &'c mut PgConnection,
}

impl Landing<'_> {
    /// One registry; it stays fenced.
    pub fn arrive<T>(
        &mut self,
        subject: &Subject,
        when: (Uuid, Timestamp),
        work: impl FnOnce(&mut Arrival<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        arrive_on(self.conn, subject, when, work)
    }
}

/// Lets `work` write the registries of a copy into an empty database: all of them, or nothing. None where this copy was
/// written before and nothing else is there.
///
/// # Errors
/// `Refused` where the database has registries of another origin.
pub fn settle<T>(
    owner_url: &str,
    export: Uuid,
    work: impl FnOnce(&mut Landing<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        conn.batch_execute("lock table registries in share row exclusive mode")?;
        let there = all(conn)?;
        if there.is_empty() {
            return work(&mut Landing { conn }).map(Some);
        }
        for registry in &there {
            enter(conn, *registry)?;
            if newest(conn, *registry, "IN")?.is_none_or(|end| end.rehome_id != export) {
                return Err(refused(format!(
                    "the database has {} registries that are not from this file: a full export goes into an empty \
                     database (`charterd migrate` makes one)",
                    there.len()
                )));
            }
        }
        Ok(None)
    })
}

/// Lets everything that came with a copy be served, shown the code within it. Asked again it changes nothing.
pub fn start_all(owner_url: &str, release: &str) -> Result<(), Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        let there = all(conn)?;
        there.into_iter().try_for_each(|registry| start_on(conn, registry, release))
    })
}

fn all(conn: &mut PgConnection) -> Result<Vec<RegistryId>, Error> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = sql_types::Integer)]
        registry_id: i32,
    }
    let rows: Vec<Id> = sql_query("select registry_id from registries order by registry_id").load(conn)?;
    Ok(rows.into_iter().map(|row| RegistryId(row.registry_id)).collect())
}
