//! Rehoming: a registry leaves one database and arrives in another. As the owner of each: the server's role can neither
//! fence a registry nor let one in.
//!
//! The two ends are never both open. Leaving fences; only who has imported knows the receipt that finishes the leaving,
//! and only the finishing shows the code that starts the arrival. Until it is finished, leaving can be undone.

mod arrival;
mod copy;
mod departure;
mod table;

use charter_domain::{RegistryId, Timestamp, policy::Refusal};
use diesel::{
    Connection, OptionalExtension, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection,
    sql_types,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Store, migrate, schema::registry_epochs, statement::sql_query, tx::hex};

pub use self::{
    arrival::{Arrival, Log, arrive},
    copy::{Copying, Landing, copy, settle, start_all},
    departure::{Departure, depart, fence},
    table::{Row, Table},
};

/// What a move is known by, from randomness. The codes are secrets of its two ends.
#[derive(Clone)]
pub struct Codes {
    pub rehome: Uuid,
    /// Shown by who has imported.
    pub receipt: String,
    /// Shown by who has finished.
    pub release: String,
}

/// A registry's own rows, as they travel. Times and hashes are in the database's own text form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    #[diesel(sql_type = sql_types::Text)]
    pub authority: String,
    #[diesel(sql_type = sql_types::Text)]
    pub entity_identifier: String,
    #[diesel(sql_type = sql_types::Text)]
    pub slug: String,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub jurisdiction: String,
    #[diesel(sql_type = sql_types::Text)]
    pub phase: String,
    #[diesel(sql_type = sql_types::Text)]
    pub history_since: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub epoch: i64,
    /// Hash of the last event, in hexadecimal.
    #[diesel(sql_type = sql_types::Text)]
    pub head: String,
    #[diesel(sql_type = sql_types::Text)]
    pub recorded_at: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}
#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// SHA-256 of a code, in hexadecimal: what the other end compares with.
pub fn digest(code: &str) -> String {
    hex(&Sha256::digest(code.as_bytes()))
}

/// A refusal that says what to do.
fn refused(why: impl Into<String>) -> Error {
    Refusal::Illegal(why.into()).into()
}

/// The transaction is for this registry. Text forms do not depend on how the database is set up.
fn enter(conn: &mut PgConnection, registry: RegistryId) -> Result<(), Error> {
    conn.batch_execute(
        "set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
         set local extra_float_digits = 1; set local bytea_output = 'hex'",
    )?;
    sql_query("select set_config('app.registry', $1, true)")
        .bind::<sql_types::Text, _>(registry.0.to_string())
        .execute(conn)?;
    Ok(())
}

/// Puts an end of a move in another state.
fn put(
    conn: &mut PgConnection,
    registry: RegistryId,
    (rehome, way): (Uuid, &str),
    state: &str,
) -> Result<(), Error> {
    sql_query("update rehomes set state = $4 where registry_id = $1 and rehome_id = $2 and way = $3")
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Uuid, _>(rehome)
        .bind::<sql_types::Text, _>(way)
        .bind::<sql_types::Text, _>(state)
        .execute(conn)?;
    Ok(())
}

/// Fences the registry, or lets it be served from here.
fn set_moved(conn: &mut PgConnection, registry: RegistryId, at: Option<Timestamp>) -> Result<(), Error> {
    sql_query("update registry_epochs set moved_at = $2 where registry_id = $1")
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(at.map(crate::tx::offset))
        .execute(conn)?;
    Ok(())
}

/// One end of a move, with its codes.
#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = sql_types::Uuid)]
    rehome_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    state: String,
    #[diesel(sql_type = sql_types::Text)]
    receipt: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    release_code: Option<String>,
    #[diesel(sql_type = sql_types::Text)]
    release_sha256: String,
}

/// The newest end of this way, locked.
fn newest(conn: &mut PgConnection, registry: RegistryId, way: &str) -> Result<Option<End>, Error> {
    let found = sql_query(
        "select rehome_id, state, receipt, release_code, release_sha256 from rehomes
          where registry_id = $1 and way = $2 order by at desc, rehome_id desc limit 1 for update",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(way)
    .get_result(conn)
    .optional()?;
    Ok(found)
}

fn lock(conn: &mut PgConnection, registry: RegistryId) -> Result<i64, Error> {
    use diesel::QueryDsl as _;
    let row = registry_epochs::table.find(registry.0).select(registry_epochs::epoch).for_update();
    Ok(row.first(conn)?)
}

/// Undoes a departure that was not finished: the registry is served from here again, and what was exported starts nowhere.
pub fn abort(owner_url: &str, registry: RegistryId) -> Result<(), Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        enter(conn, registry)?;
        lock(conn, registry)?;
        let end = newest(conn, registry, "OUT")?.ok_or_else(|| refused("it was not exported"))?;
        match end.state.as_str() {
            "EXPORTED" => {}
            "ABORTED" => return Ok(()),
            _ => {
                return Err(refused(
                    "its move is finished: it is served elsewhere, and comes back by a move of its own",
                ));
            }
        }
        put(conn, registry, (end.rehome_id, "OUT"), "ABORTED")?;
        set_moved(conn, registry, None)
    })
}

/// Ends a departure for good, shown the receipt of who has imported; the code that starts the registry there. Asked again
/// it says the same.
pub fn finish(owner_url: &str, registry: RegistryId, receipt: &str) -> Result<String, Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        enter(conn, registry)?;
        lock(conn, registry)?;
        let end = newest(conn, registry, "OUT")?.ok_or_else(|| refused("it was not exported"))?;
        if end.state == "ABORTED" {
            return Err(refused("its move was aborted: it is served from here"));
        }
        if digest(&end.receipt) != digest(receipt) {
            return Err(refused("this is not the receipt that the import of this archive has printed"));
        }
        put(conn, registry, (end.rehome_id, "OUT"), "FINISHED")?;
        end.release_code.ok_or_else(|| Error::Internal("a departure without its code".to_owned()))
    })
}

/// Lets a registry that has arrived be served, shown the code of who has finished. Asked again it changes nothing.
pub fn start(owner_url: &str, registry: RegistryId, release: &str) -> Result<(), Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| start_on(conn, registry, release))
}

fn start_on(conn: &mut PgConnection, registry: RegistryId, release: &str) -> Result<(), Error> {
    enter(conn, registry)?;
    lock(conn, registry)?;
    let end = newest(conn, registry, "IN")?.ok_or_else(|| refused("it was not imported"))?;
    if digest(release) != end.release_sha256 {
        return Err(refused(
            "this is not the code that finishing the move has printed where the registry left",
        ));
    }
    if end.state == "STARTED" {
        return Ok(());
    }
    put(conn, registry, (end.rehome_id, "IN"), "STARTED")?;
    set_moved(conn, registry, None)
}

/// One end of a move, as it is known here.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Status {
    #[diesel(sql_type = sql_types::Uuid)]
    pub rehome: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub state: String,
    /// What the other end needs next: the receipt of an arrival, the code of a departure that is finished.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub code: Option<String>,
    /// RFC 3339.
    #[diesel(sql_type = sql_types::Text)]
    pub at: String,
}

/// The moves of a registry, newest first; at most a hundred.
pub fn status(owner_url: &str, registry: RegistryId) -> Result<Vec<Status>, Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.transaction(|conn| {
        enter(conn, registry)?;
        let rows = sql_query(
            "select rehome_id as rehome, state, case when way = 'IN' then receipt
                      when state = 'FINISHED' then release_code end as code,
                    to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as at
               from rehomes where registry_id = $1 order by rehomes.at desc, rehome_id desc limit 100",
        )
        .bind::<sql_types::Integer, _>(registry.0)
        .load(conn)?;
        Ok(rows)
    })
}

impl Store {
    /// Registries that are not served from this database: they have left, or have arrived and were not started.
    pub async fn moved(&self) -> Result<Vec<RegistryId>, Error> {
        #[derive(QueryableByName)]
        struct Id {
            #[diesel(sql_type = sql_types::Integer)]
            registry_id: i32,
        }
        self.read_shared("rehome.moved", |conn| {
            let rows: Vec<Id> =
                sql_query("select registry_id from registry_epochs where moved_at is not null").load(conn)?;
            Ok(rows.into_iter().map(|row| RegistryId(row.registry_id)).collect())
        })
        .await
    }
}
