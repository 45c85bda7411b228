//! Transactions: the tenant set, the registry's epoch locked first, events recorded and projected, then committed.

use std::time::Duration;

use charter_domain::{
    AuthorityId, RegistryId, Timestamp,
    event::{self, Approved, Change, Header},
    policy::{Permit, Refusal, Writes},
    registry::Phase,
};
use diesel::{
    connection::{AnsiTransactionManager as Transactions, SimpleConnection, TransactionManager},
    pg::PgConnection,
    prelude::*,
    result::Error as Diesel,
    sql_types,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error,
    epoch::CLOCK,
    error::NO_STANDBY,
    group::Gate,
    nodes::demanded,
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
    /// What the database's own said when the epoch was locked.
    pub(crate) clock: Timestamp,
    head: Option<String>,
    /// Whether the change keeps the id of its request: it may be carried out again where its outcome is not known.
    pub(crate) kept: bool,
    /// Told what takes longer than usual.
    pub(crate) gate: &'c Gate,
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

/// Whether what a transaction did stays, and what it comes to.
pub(crate) enum End<T> {
    Commit(T),
    Rollback(T),
}

/// A transaction that writes: of a registry, or of nothing where enough standbys do not confirm it. `may_commit` is asked
/// when nothing but COMMIT is left to do.
///
/// # Errors
/// `Unknown` when COMMIT was sent and not answered; whatever else it is, nothing was recorded.
pub(crate) fn writing<T>(
    conn: &mut PgConnection,
    registry: RegistryId,
    standbys: usize,
    work: impl FnOnce(&mut PgConnection) -> Result<End<T>, Error>,
    may_commit: impl FnOnce() -> bool,
) -> Result<T, Error> {
    Transactions::begin_transaction(conn)?;
    let ended = enter_to_write(conn, registry, standbys).and_then(|()| work(conn)).and_then(|end| {
        if matches!(end, End::Commit(_)) {
            last(conn, may_commit)?;
        }
        Ok(end)
    });
    match ended {
        Ok(End::Commit(value)) => {
            Transactions::commit_transaction(conn).map_err(Error::of_commit)?;
            still_confirmed(conn, standbys).map(|()| value)
        }
        Ok(End::Rollback(value)) => {
            Transactions::rollback_transaction(conn).map(|()| value).map_err(Error::from)
        }
        Err(error) => {
            // Without it the connection ends, and the transaction with it.
            let _ = Transactions::rollback_transaction(conn);
            Err(error)
        }
    }
}

#[derive(QueryableByName)]
struct Entered {
    #[diesel(sql_type = sql_types::Text)]
    standbys: String,
}

/// The tenant, and in the same round trip how many standbys a COMMIT waits for.
fn enter_to_write(conn: &mut PgConnection, registry: RegistryId, standbys: usize) -> Result<(), Error> {
    let entered: Entered = sql_query(
        "select set_config('app.registry', $1, true) as registry,
                current_setting('synchronous_standby_names') as standbys",
    )
    .bind::<sql_types::Text, _>(registry.0.to_string())
    .get_result(conn)?;
    let demanded = demanded(&entered.standbys);
    if demanded < standbys {
        return Err(Error::Unavailable(format!("{NO_STANDBY}: {demanded} of {standbys}")));
    }
    Ok(())
}

/// After COMMIT: whoever takes the demand for standbys back ends the waits for them, and Postgres answers with success. This
/// session has heard of that before its wait was ended.
fn still_confirmed(conn: &mut PgConnection, standbys: usize) -> Result<(), Error> {
    if standbys == 0 {
        return Ok(());
    }
    let entered: Result<Entered, Diesel> =
        sql_query("select current_setting('synchronous_standby_names') as standbys").get_result(conn);
    match entered {
        Ok(entered) if demanded(&entered.standbys) >= standbys => Ok(()),
        Ok(_) => Err(Error::Unknown(format!("{NO_STANDBY} any more"))),
        Err(error) => Err(Error::Unknown(error.to_string())),
    }
}

/// Before COMMIT: no time limit ends it. Postgres answers the end of a wait for a standby with success and a warning. A
/// transaction that an error has ended is found here, which COMMIT would not tell either.
fn last(conn: &mut PgConnection, may_commit: impl FnOnce() -> bool) -> Result<(), Error> {
    conn.batch_execute("set local statement_timeout = 0")?;
    if may_commit() { Ok(()) } else { Err(Error::Unavailable("given up before it was recorded".to_owned())) }
}

pub(crate) fn amend<T>(
    conn: &mut PgConnection,
    registry: RegistryId,
    standbys: usize,
    change: &impl Fn(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    writing(conn, registry, standbys, |conn| change(conn).map(End::Commit), || true)
}

/// As it was before a change of a group.
pub(crate) struct Mark {
    epoch: i64,
    head: Option<String>,
    now: Timestamp,
    phase: Phase,
}

impl<'c> Tx<'c> {
    /// First, and for the whole transaction: the row lock that makes commit order = seq order.
    pub(crate) fn lock(
        conn: &'c mut PgConnection,
        registry: RegistryId,
        now: Timestamp,
        gate: &'c Gate,
    ) -> Result<Self, Error> {
        let (epoch, clock, head, last): (i64, i64, Option<Vec<u8>>, OffsetDateTime) = registry_epochs::table
            .find(registry.0)
            .select((
                registry_epochs::epoch,
                diesel::dsl::sql::<sql_types::BigInt>(CLOCK),
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
        Ok(Self {
            conn,
            registry,
            authority: AuthorityId::parse(&authority)?,
            phase: Phase::parse(&phase)?,
            epoch,
            // recorded_at never goes back, whatever the clock does.
            now: now.max(stamp(last)),
            clock: Timestamp::from_micros(clock),
            head: head.map(|h| hex(&h)),
            kept: false,
            gate,
        })
    }

    /// Begins a change of a group, with the usual limits.
    pub(crate) fn savepoint(&mut self, now: Timestamp) -> Result<Mark, Error> {
        self.conn.batch_execute("savepoint change; set local statement_timeout to default")?;
        self.now = self.now.max(now);
        self.kept = false;
        Ok(Mark { epoch: self.epoch, head: self.head.clone(), now: self.now, phase: self.phase })
    }

    /// A change of a group is done; an error where one of its statements had failed.
    pub(crate) fn release(&mut self) -> Result<(), Error> {
        Ok(self.conn.batch_execute("release savepoint change")?)
    }

    /// Undoes a change of a group, and nothing else.
    pub(crate) fn back_to(&mut self, mark: Mark) -> Result<(), Error> {
        self.conn.batch_execute("rollback to savepoint change; release savepoint change")?;
        (self.epoch, self.head, self.now, self.phase) = (mark.epoch, mark.head, mark.now, mark.phase);
        Ok(())
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

    /// That a permit is still good here: it is of this registry, and may have been given before that was sealed.
    pub fn heeds<V: Writes>(&self, permit: &Permit<V>) -> Result<(), Error> {
        if permit.registry() != self.registry {
            return Err(Error::Internal("a permit of another registry".to_owned()));
        }
        if V::BOOTSTRAP_ONLY && self.phase != Phase::Bootstrap {
            return Err(Refusal::Sealed.into());
        }
        Ok(())
    }

    /// The same, in somebody's name.
    pub fn record_by<V: Writes>(
        &mut self,
        permit: &Permit<V>,
        changes: &[Change],
        by: &Authorship<'_>,
    ) -> Result<i64, Error> {
        self.heeds(permit)?;
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
