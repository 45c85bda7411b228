//! The outbox: events are their own, by number; here is how far each webhook is, and whose turn it is to deliver.

use charter_domain::{RegistryId, Timestamp};
use diesel::{PgConnection, dsl::sql, prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    request::{self, Call},
    schema::{events, registry_epochs},
    statement::sql_query,
    tx::offset,
    webhook::{COLUMNS, Webhook},
};

/// Attempts that are kept of each webhook.
const SLOTS: i64 = 500;
/// Events looked at in one query, of which few may be of interest.
const WINDOW: i64 = 5_000;

/// What somebody wants to be told of; all of it when nothing is set.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    pub kinds: Vec<String>,
    pub entity: Option<Uuid>,
}

/// Events of interest, in order.
#[derive(Debug)]
pub struct Page {
    pub events: Vec<(i64, Vec<u8>)>,
    /// Up to this number there are no others.
    pub upto: i64,
    /// This is the registry's last event.
    pub end: bool,
}

/// A turn at one webhook: nobody else delivers to it until the lease ends.
#[derive(Debug, Clone)]
pub struct Turn {
    pub registry: RegistryId,
    pub webhook: Webhook,
    pub lease: Uuid,
}

/// How an attempt went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// The first is 1.
    #[serde(default)]
    pub number: i64,
    /// The event; 0 for a test.
    pub seq: i64,
    /// How many before it failed in a row.
    pub failures: i32,
    at: i64,
    pub duration_ms: i32,
    /// HTTP status; 0 where there was none.
    pub status: i16,
    /// `DELIVERED`, or a class of fault.
    pub outcome: String,
}

impl Attempt {
    pub fn new(seq: i64, at: Timestamp, (status, outcome): (u16, &str), duration_ms: i32) -> Self {
        let status = i16::try_from(status).unwrap_or(0);
        Self {
            number: 0,
            seq,
            failures: 0,
            at: at.micros(),
            duration_ms,
            status,
            outcome: outcome.to_owned(),
        }
    }
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at)
    }
}

/// What becomes of a webhook after an attempt, or after events that do not concern it.
#[derive(Debug, Clone)]
pub enum Progress {
    /// It has everything up to this number. The lease goes on until then.
    Delivered(i64, Timestamp),
    /// It failed since then; it is tried again.
    Failed { since: Timestamp, due: Timestamp },
    /// It is not tried any more, and why.
    Disabled(String),
    /// It has everything up to this number, and the turn is over.
    Done(i64),
}

fn keep(conn: &mut PgConnection, registry: RegistryId, id: Uuid, attempt: &Attempt) -> Result<(), Error> {
    sql_query(
        "with n as (update webhooks set attempts = attempts + 1 where registry_id = $1 and webhook_id = $2
                     returning attempts, failures)
         insert into webhook_deliveries
         select $1, $2, n.attempts % $8, n.attempts, $3, n.failures, $4, $5, $6, $7 from n
         on conflict (registry_id, webhook_id, slot) do update
            set number = excluded.number, seq = excluded.seq, failures = excluded.failures, at = excluded.at,
                duration_ms = excluded.duration_ms, status = excluded.status, outcome = excluded.outcome",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::BigInt, _>(attempt.seq)
    .bind::<sql_types::Timestamptz, _>(offset(attempt.at()))
    .bind::<sql_types::Integer, _>(attempt.duration_ms)
    .bind::<sql_types::SmallInt, _>(attempt.status)
    .bind::<sql_types::Text, _>(&attempt.outcome)
    .bind::<sql_types::BigInt, _>(SLOTS)
    .execute(conn)?;
    Ok(())
}

impl Store {
    /// Events of interest after a number, oldest first, at most `limit`; from a bounded number of events.
    pub async fn told(
        &self,
        registry: RegistryId,
        interest: Interest,
        after: i64,
        limit: i64,
    ) -> Result<Page, Error> {
        self.read("outbox.told", registry, move |conn| {
            let epoch = registry_epochs::table.filter(registry_epochs::registry_id.eq(registry.0));
            let epoch: i64 = epoch.select(registry_epochs::epoch).first(conn)?;
            let last = epoch.min(after.saturating_add(WINDOW));
            let of =
                events::registry_id.eq(registry.0).and(events::seq.between(after.saturating_add(1), last));
            let mut query = events::table.filter(of).into_boxed();
            if !interest.kinds.is_empty() {
                query = query.filter(events::kind.eq_any(&interest.kinds));
            }
            if let Some(entity) = interest.entity {
                let about = sql::<sql_types::Bool>("event_about(registry_id, kind, subject, body, ");
                query = query.filter(about.bind::<sql_types::Uuid, _>(entity).sql(")"));
            }
            let found: Vec<(i64, Vec<u8>)> =
                query.order(events::seq).limit(limit).select((events::seq, events::body)).load(conn)?;
            let full = usize::try_from(limit).is_ok_and(|limit| found.len() >= limit);
            let upto = found.last().map_or(last, |(seq, _)| if full { *seq } else { last });
            Ok(Page { events: found, upto, end: upto >= epoch })
        })
        .await
    }

    /// A webhook that has events to be told of and is nobody's turn. Several processes may ask at once.
    pub async fn next_turn(
        &self,
        registry: RegistryId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Turn>, Error> {
        self.amend("outbox.next", registry, move |conn| {
            let lease = Uuid::new_v4();
            let rows: Vec<Json> = sql_query(format!(
                "update webhooks set lease = $2, leased_until = $4
                  where registry_id = $1 and webhook_id = (
                    select w.webhook_id from webhooks w join registry_epochs e using (registry_id)
                     where w.registry_id = $1 and w.state = 'ACTIVE' and w.due_at <= $3 and w.leased_until <= $3
                       and w.cursor < e.epoch
                     order by w.due_at limit 1 for update of w skip locked)
                  returning {COLUMNS}"
            ))
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(lease)
            .bind::<sql_types::Timestamptz, _>(offset(now))
            .bind::<sql_types::Timestamptz, _>(offset(until))
            .load(conn)?;
            let webhook = rows.first().map(from_json).transpose()?;
            Ok(webhook.map(|webhook| Turn { registry, webhook, lease }))
        })
        .await
    }

    /// Records an attempt and what follows from it. False: the turn is not ours any more, and nothing was moved.
    pub async fn progress(
        &self,
        turn: &Turn,
        attempt: Option<Attempt>,
        progress: Progress,
    ) -> Result<bool, Error> {
        let (registry, id, lease) = (turn.registry, turn.webhook.id, turn.lease);
        self.amend("outbox.progress", registry, move |conn| {
            if let Some(attempt) = &attempt {
                keep(conn, registry, id, attempt)?;
            }
            let epoch = Timestamp::from_micros(0);
            let (set, number, text, times) = match &progress {
                Progress::Delivered(seq, until) => (
                    "cursor = $4, failures = 0, failing_since = null, leased_until = $6",
                    *seq,
                    "",
                    (*until, epoch),
                ),
                Progress::Failed { since, due } => (
                    "failures = failures + 1, failing_since = $6, due_at = $7, lease = null, leased_until = '-infinity'",
                    0,
                    "",
                    (*since, *due),
                ),
                Progress::Disabled(why) => (
                    "state = 'DISABLED', disabled_why = $5, lease = null, leased_until = '-infinity'",
                    0,
                    why.as_str(),
                    (epoch, epoch),
                ),
                Progress::Done(seq) => {
                    ("cursor = $4, lease = null, leased_until = '-infinity'", *seq, "", (epoch, epoch))
                }
            };
            let moved = sql_query(format!(
                "with given as (select $4::bigint, $5::text, $6::timestamptz, $7::timestamptz)
                 update webhooks set {set} where registry_id = $1 and webhook_id = $2 and lease = $3"
            ))
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Uuid, _>(lease)
            .bind::<sql_types::BigInt, _>(number)
            .bind::<sql_types::Text, _>(text)
            .bind::<sql_types::Timestamptz, _>(offset(times.0))
            .bind::<sql_types::Timestamptz, _>(offset(times.1))
            .execute(conn)?;
            Ok(moved == 1)
        })
        .await
    }

    /// An attempt outside of any turn: a test. It is the answer of the request that asked for it.
    pub async fn keep_attempt(
        &self,
        registry: RegistryId,
        id: Uuid,
        attempt: Attempt,
        call: Option<Call>,
    ) -> Result<(), Error> {
        let now = self.now();
        self.amend("outbox.test", registry, move |conn| {
            keep(conn, registry, id, &attempt)?;
            call.as_ref().map_or(Ok(()), |call| request::keep(conn, registry, now, call, &attempt))
        })
        .await
    }

    /// Newest first, from before a number.
    pub async fn attempts(
        &self,
        registry: RegistryId,
        id: Uuid,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Attempt>, Error> {
        self.read("outbox.attempts", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select json_build_object('number', number, 'seq', seq, 'failures', failures, 'at', micros(at),
                        'duration_ms', duration_ms, 'status', status, 'outcome', outcome)::text as value
                   from webhook_deliveries where registry_id = $1 and webhook_id = $2 and number < $3
                  order by number desc limit $4",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::BigInt, _>(before)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
