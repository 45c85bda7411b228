//! Transactions: the tenant set, the registry's epoch locked first, events recorded and projected, then committed.

use std::time::Duration;

use charter_domain::{
    AuthorityId, RegistryId, Timestamp,
    event::{self, Approved, Change, Header},
    policy::{Permit, Writes},
    registry::Phase,
};
use diesel::{connection::Connection, pg::PgConnection, prelude::*, result::Error as Diesel, sql_types};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error,
    restricted::Restricted,
    schema::{events, registries, registry_epochs, set_config},
    statement::sql_query,
};

/// Attempts at one transaction. Losing five times in a row to other writers means overload, not bad luck.
const ATTEMPTS: u32 = 5;
/// Ten columns a row: stays below Postgres' 65,535 bind parameters.
const EVENTS_PER_INSERT: usize = 5_000;

/// What a committed change leaves behind.
#[derive(Debug)]
pub struct Committed<T> {
    pub value: T,
    pub registry: RegistryId,
    /// The registry's epoch after the change.
    pub epoch: i64,
}

/// A change under way. INVARIANT: the epoch row is locked, so `epoch` cannot move under it.
pub struct Tx<'c> {
    pub(crate) conn: &'c mut PgConnection,
    pub registry: RegistryId,
    pub authority: AuthorityId,
    pub phase: Phase,
    pub epoch: i64,
    pub now: Timestamp,
    head: Option<String>,
}

pub(crate) fn offset(t: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(t.micros()) * 1_000)
        .expect("a Timestamp lies within the years 1 to 9999")
}

pub(crate) fn stamp(t: OffsetDateTime) -> Timestamp {
    Timestamp::from_micros(i64::try_from(t.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MIN))
}

fn enter(conn: &mut PgConnection, registry: RegistryId) -> Result<(), Diesel> {
    diesel::select(set_config("app.registry", registry.0.to_string(), true)).execute(conn).map(drop)
}

pub(crate) fn read<T>(
    conn: &mut PgConnection,
    registry: Option<RegistryId>,
    read: &impl Fn(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    conn.build_transaction().read_only().repeatable_read().run(|conn| {
        if let Some(registry) = registry {
            enter(conn, registry)?;
        }
        read(conn)
    })
}

pub(crate) fn amend<T>(
    conn: &mut PgConnection,
    registry: RegistryId,
    change: &impl Fn(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    conn.transaction(|conn| {
        enter(conn, registry)?;
        change(conn)
    })
}

pub(crate) fn write<T>(
    conn: &mut PgConnection,
    registry: RegistryId,
    now: Timestamp,
    only_try: bool,
    change: &impl Fn(&mut Tx<'_>) -> Result<T, Error>,
) -> Result<Committed<T>, Error> {
    let mut tried = None;
    let result = conn.transaction(|conn| {
        enter(conn, registry)?;
        // First, and for the whole transaction: the row lock that makes commit order = seq order.
        let (epoch, head, last): (i64, Option<Vec<u8>>, OffsetDateTime) = registry_epochs::table
            .find(registry.0)
            .select((
                registry_epochs::epoch,
                registry_epochs::head,
                diesel::dsl::sql::<sql_types::Timestamptz>(
                    "greatest(recorded_at, '0001-01-01Z'::timestamptz)",
                ),
            ))
            .for_update()
            .first(conn)
            .optional()?
            .ok_or_else(|| Error::NotFound(format!("registry {registry}")))?;
        let (authority, phase): (String, String) = registries::table
            .find(registry.0)
            .select((registries::authority_id, registries::phase))
            .first(conn)?;
        let mut tx = Tx {
            conn,
            registry,
            authority: AuthorityId::parse(&authority)?,
            phase: Phase::parse(&phase)?,
            epoch,
            // recorded_at never goes back, whatever the clock does.
            now: now.max(stamp(last)),
            head: head.map(|h| hex(&h)),
        };
        let value = change(&mut tx)?;
        let done = Committed { value, registry, epoch: tx.epoch };
        if only_try {
            tried = Some(done);
            return Err(Error::TriedOut);
        }
        Ok(done)
    });
    match (result, tried) {
        (Err(Error::TriedOut), Some(done)) => Ok(done),
        (result, _) => result,
    }
}

/// Who stands behind a change.
#[derive(Debug, Default)]
pub struct Authorship<'a> {
    /// Number of a member of staff; 0 is nobody in particular.
    pub actor: i64,
    pub approvals: &'a [Approved],
    pub proposal: Option<Uuid>,
    /// About natural persons; for a single change only.
    pub restricted: Option<&'a Restricted>,
}

impl Tx<'_> {
    /// Records changes as events, in order, and projects them. Returns the seq of the first; the others follow.
    pub fn record<V: Writes>(&mut self, permit: &Permit<V>, changes: &[Change]) -> Result<i64, Error> {
        self.record_by(permit, changes, &Authorship::default())
    }

    /// The same, in somebody's name.
    pub fn record_by<V: Writes>(
        &mut self,
        permit: &Permit<V>,
        changes: &[Change],
        by: &Authorship<'_>,
    ) -> Result<i64, Error> {
        if permit.registry() != self.registry {
            return Err(Error::Internal("a permit of another registry".to_owned()));
        }
        let first = self.epoch + 1;
        if changes.is_empty() {
            return Ok(first);
        }
        let commitment = by.restricted.map(Restricted::commitment).transpose()?;
        for run in changes.chunks(EVENTS_PER_INSERT) {
            let row = |c| self.row(permit.origin(), c, by, commitment.as_deref());
            let rows = run.iter().map(row).collect::<Result<Vec<_>, _>>()?;
            diesel::insert_into(events::table).values(&rows).execute(self.conn)?;
        }
        if let Some(restricted) = by.restricted {
            restricted.keep(self.conn, self.registry, first)?;
        }
        sql_query("call project($1, $2, $3)")
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::BigInt, _>(first)
            .bind::<sql_types::BigInt, _>(self.epoch)
            .execute(self.conn)?;
        diesel::update(registry_epochs::table.find(self.registry.0))
            .set((
                registry_epochs::epoch.eq(self.epoch),
                registry_epochs::head.eq(self.head.as_deref().map(unhex)),
                registry_epochs::recorded_at.eq(offset(self.now)),
            ))
            .execute(self.conn)?;
        Ok(first)
    }

    fn row(
        &mut self,
        origin: &'static str,
        change: &Change,
        by: &Authorship<'_>,
        restricted: Option<&str>,
    ) -> Result<EventRow, Error> {
        let seq = self.epoch + 1;
        let actor = by.actor.to_string();
        let header = Header {
            registry: &self.authority,
            seq,
            actor: &actor,
            origin,
            recorded_at: self.now,
            approvals: by.approvals,
            prev: self.head.as_deref(),
            restricted,
        };
        let body = event::body(&header, change)?;
        let leaf_hash = event::leaf_hash(&body);
        self.epoch = seq;
        self.head = Some(hex(&leaf_hash));
        Ok(EventRow {
            registry_id: self.registry.0,
            seq,
            kind: change.kind(),
            subject: change.subject(),
            body,
            leaf_hash: leaf_hash.to_vec(),
            actor,
            origin,
            recorded_at: offset(self.now),
            proposal: by.proposal,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = events)]
struct EventRow {
    registry_id: i32,
    seq: i64,
    kind: &'static str,
    subject: String,
    body: Vec<u8>,
    leaf_hash: Vec<u8>,
    actor: String,
    origin: &'static str,
    recorded_at: OffsetDateTime,
    proposal: Option<Uuid>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).filter_map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

/// Runs again what lost to another writer; jittered, since the other may be doing the same.
pub(crate) fn retried<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut tried = 1;
    loop {
        match attempt() {
            Err(Error::Unavailable(text)) if is_contention(&text) && tried < ATTEMPTS => {
                metrics::counter!("charter_transaction_retries_total").increment(1);
                std::thread::park_timeout(Duration::from_millis(
                    u64::from(rand::random::<u8>() % 20) << tried,
                ));
                tried += 1;
            }
            result => return result,
        }
    }
}

fn is_contention(text: &str) -> bool {
    text.contains("could not serialize") || text.contains("deadlock detected")
}
