//! Leaving: the registry is fenced, then its rows are read in one snapshot.

use charter_domain::{RegistryId, Timestamp, rehome::ALLOWED_FOR};
use diesel::{
    Connection, OptionalExtension, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection,
    sql_types,
};
use time::OffsetDateTime;

use super::{Codes, End, Number, Row, Subject, Table, digest, enter, lock, refused, set_moved, table};
use crate::{
    Error, migrate,
    statement::sql_query,
    tx::{offset, stamp},
};

/// Rows in memory at once: as many as have this many bytes together, and no more than so many.
const BYTES: i64 = 4 * 1024 * 1024;
const ROWS: i64 = 500;
/// Of these a change that began before the fence may not be finished yet.
const WRITTEN: &str =
    "lock table events, event_restricted, principals, documents, proposals, approvals, requests,
    sealed_keys, log_heads, log_tiles, log_keys, webhooks, accesses,
    security_heads, security_events in share mode";

#[derive(QueryableByName)]
struct Allowed {
    #[diesel(sql_type = sql_types::BigInt)]
    seq: i64,
    #[diesel(sql_type = sql_types::Timestamptz)]
    recorded_at: OffsetDateTime,
    #[diesel(sql_type = sql_types::Text)]
    recipient: String,
}

/// Fences a registry whose move to `recipient` was approved: nothing of it is answered, recorded, signed or published
/// from this database from now on. A departure that was begun goes on under its own codes.
///
/// # Errors
/// `Refused` says what is missing: an approval of this recipient, in time and not used before.
pub fn fence(
    owner_url: &str,
    registry: RegistryId,
    recipient: &str,
    (fresh, now): (Codes, Timestamp),
) -> Result<Codes, Error> {
    let mut conn = migrate::connect(owner_url)?;
    let codes = conn.transaction(|conn| {
        enter(conn, registry)?;
        let epoch = lock(conn, registry)?;
        let allowed = allowed(conn, registry)?;
        if allowed.recipient != recipient {
            return Err(refused(format!("its move was approved to the site `{}` alone", allowed.recipient)));
        }
        if let Some(begun) = begun(conn, registry, allowed.seq)? {
            return go_on(begun);
        }
        if stamp(allowed.recorded_at).plus(ALLOWED_FOR) < now {
            return Err(refused("the approval of its move is older than 14 days: propose it again"));
        }
        record(conn, registry, (&fresh, now), (allowed.seq, epoch))?;
        // Who holds the log loses it.
        sql_query("update log_heads set term = term + 1 where registry_id = $1")
            .bind::<sql_types::Integer, _>(registry.0)
            .execute(conn)?;
        set_moved(conn, registry, Some(now))?;
        Ok(fresh)
    })?;
    // Whoever looked before the fence has committed when this lock is given; who looks later sees the fence.
    conn.transaction::<(), Error, _>(|conn| Ok(conn.batch_execute(WRITTEN)?))?;
    Ok(codes)
}

fn allowed(conn: &mut PgConnection, registry: RegistryId) -> Result<Allowed, Error> {
    let found: Option<Allowed> = sql_query(
        "select seq, recorded_at, convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'recipient' as recipient
           from events where registry_id = $1 and kind = 'RehomeAllowed' order by seq desc limit 1",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .get_result(conn)
    .optional()?;
    found.ok_or_else(|| {
        refused("nobody has approved that it moves: two security officers do, by `charter registry rehome`")
    })
}

fn begun(conn: &mut PgConnection, registry: RegistryId, allowed: i64) -> Result<Option<End>, Error> {
    let found = sql_query(
        "select rehome_id, state, receipt, release_code, release_sha256 from rehomes
          where registry_id = $1 and way = 'OUT' and allowed = $2",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::BigInt, _>(allowed)
    .get_result(conn)
    .optional()?;
    Ok(found)
}

fn go_on(begun: End) -> Result<Codes, Error> {
    if begun.state != "EXPORTED" {
        return Err(refused("the approval of its move was used: propose it again"));
    }
    let release =
        begun.release_code.ok_or_else(|| Error::Internal("a departure without its code".to_owned()))?;
    Ok(Codes { rehome: begun.rehome_id, receipt: begun.receipt, release })
}

fn record(
    conn: &mut PgConnection,
    registry: RegistryId,
    (codes, now): (&Codes, Timestamp),
    (allowed, epoch): (i64, i64),
) -> Result<(), Error> {
    sql_query(
        "insert into rehomes (registry_id, rehome_id, way, state, allowed, epoch, receipt, release_code, release_sha256, at)
           values ($1, $2, 'OUT', 'EXPORTED', $3, $4, $5, $6, $7, $8)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Uuid, _>(codes.rehome)
    .bind::<sql_types::BigInt, _>(allowed)
    .bind::<sql_types::BigInt, _>(epoch)
    .bind::<sql_types::Text, _>(&codes.receipt)
    .bind::<sql_types::Text, _>(&codes.release)
    .bind::<sql_types::Text, _>(digest(&codes.release))
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .execute(conn)?;
    Ok(())
}

/// What leaves, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    Registry(Subject),
    /// The rows that follow are of this table.
    Table(Table),
    Rows(Vec<Row>),
}

/// Reads everything of a fenced registry, in one snapshot, and hands it on piece by piece.
pub fn depart(
    owner_url: &str,
    registry: RegistryId,
    mut each: impl FnMut(Departure) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut conn = migrate::connect(owner_url)?;
    conn.build_transaction().read_only().repeatable_read().run(|conn| {
        enter(conn, registry)?;
        each(Departure::Registry(subject(conn, registry, true)?))?;
        for table in table::all(conn)? {
            rows(conn, &table, &mut each)?;
        }
        Ok(())
    })
}

/// Of a registry that is fenced, or of one that is served.
pub(super) fn subject(conn: &mut PgConnection, registry: RegistryId, fenced: bool) -> Result<Subject, Error> {
    let found: Option<Subject> = sql_query(
        "select r.authority_id as authority, r.entity_identifier, r.slug, r.name, r.jurisdiction, r.phase,
                r.history_since::text as history_since, e.epoch, coalesce(encode(e.head, 'hex'), '') as head,
                e.recorded_at::text as recorded_at
           from registries r join registry_epochs e using (registry_id)
          where r.registry_id = $1 and (e.moved_at is not null) = $2",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Bool, _>(fenced)
    .get_result(conn)
    .optional()?;
    found.ok_or_else(|| {
        let why =
            if fenced { "a registry that is not fenced does not leave" } else { "it has left this database" };
        refused(why)
    })
}

pub(super) fn rows(
    conn: &mut PgConnection,
    table: &Table,
    each: &mut impl FnMut(Departure) -> Result<(), Error>,
) -> Result<(), Error> {
    each(Departure::Table(table.clone()))?;
    let longest: Number = diesel::sql_query(table.longest()).get_result(conn)?;
    let batch = usize::try_from((BYTES / longest.value.max(1)).clamp(1, ROWS)).unwrap_or(1);
    // A cursor is no statement that is worth keeping prepared.
    let declared = format!("declare leaving no scroll cursor for {}", table.reading());
    conn.batch_execute(&declared)?;
    loop {
        let read: Vec<Row> = diesel::sql_query(format!("fetch {batch} from leaving")).load(conn)?;
        let done = read.len() < batch;
        if !read.is_empty() {
            each(Departure::Rows(read))?;
        }
        if done {
            break;
        }
    }
    Ok(conn.batch_execute("close leaving")?)
}
