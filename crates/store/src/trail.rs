//! What others are told as it happens: security events, numbered without gaps, and how far each receiver is.

use charter_domain::{RegistryId, Timestamp};
use diesel::{PgConnection, QueryableByName, RunQueryDsl as _, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    statement::sql_query,
    tx::offset,
};

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receiver {
    Syslog,
    Otlp,
}

impl Receiver {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syslog => "SYSLOG",
            Self::Otlp => "OTLP",
        }
    }
}

/// What of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What the registry records: its events.
    Audit,
    /// Who was refused, who has looked at what, and what happened to servers.
    Security,
}

impl Stream {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Audit => "AUDIT",
            Self::Security => "SECURITY",
        }
    }
}

/// A mark in one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    pub registry: RegistryId,
    pub receiver: Receiver,
    pub stream: Stream,
}

/// Something that the record of changes does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityEvent {
    /// Given when it is put on record.
    #[serde(default)]
    pub seq: i64,
    /// Microseconds since 1970.
    pub at: i64,
    /// Such as `AUTHORIZATION_FAILED`.
    pub kind: String,
    pub detail: Value,
}

impl SecurityEvent {
    pub fn new(at: Timestamp, kind: &str, detail: Value) -> Self {
        Self { seq: 0, at: at.micros(), kind: kind.to_owned(), detail }
    }
}

#[derive(QueryableByName)]
struct Mark {
    #[diesel(sql_type = sql_types::BigInt)]
    upto: i64,
}

/// Puts them on record, in this order.
pub(crate) fn put(
    conn: &mut PgConnection,
    registry: RegistryId,
    events: &[SecurityEvent],
) -> Result<(), Error> {
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    sql_query(
        "with head as (insert into security_heads as h values ($1, $3)
                       on conflict (registry_id) do update set seq = h.seq + $3 returning seq)
         insert into security_events
         select $1, head.seq - $3 + n, 'epoch'::timestamptz + (value ->> 'at')::bigint * interval '1 microsecond',
                value ->> 'kind', value -> 'detail'
           from head, jsonb_array_elements($2::jsonb) with ordinality as given (value, n)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(json!(events).to_string())
    .bind::<sql_types::BigInt, _>(count)
    .execute(conn)?;
    Ok(())
}

impl Store {
    /// Puts them on record, in this order.
    pub async fn put_security_events(
        &self,
        registry: RegistryId,
        events: Vec<SecurityEvent>,
    ) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        self.amend("trail.put", registry, move |conn| put(conn, registry, &events)).await
    }

    /// After a number, oldest first.
    pub async fn security_events(
        &self,
        registry: RegistryId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SecurityEvent>, Error> {
        self.read("trail.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select json_build_object('seq', seq, 'at', micros(at), 'kind', kind, 'detail', detail)::text as value
                   from security_events where registry_id = $1 and seq > $2 order by seq limit $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::BigInt, _>(after)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    /// The number up to which a receiver has everything, if nobody else tells it: nobody else does until then.
    pub async fn take_trail(
        &self,
        line: Line,
        lease: Uuid,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Option<i64>, Error> {
        self.amend("trail.take", line.registry, move |conn| {
            let taken: Vec<Mark> = sql_query(
                "insert into trail_marks as m (registry_id, receiver, stream, lease, leased_until)
                 values ($1, $2, $3, $4, $6)
                 on conflict (registry_id, receiver, stream) do update set lease = $4, leased_until = $6
                  where m.lease = $4 or m.leased_until <= $5
                 returning upto",
            )
            .bind::<sql_types::Integer, _>(line.registry.0)
            .bind::<sql_types::Text, _>(line.receiver.code())
            .bind::<sql_types::Text, _>(line.stream.code())
            .bind::<sql_types::Uuid, _>(lease)
            .bind::<sql_types::Timestamptz, _>(offset(now))
            .bind::<sql_types::Timestamptz, _>(offset(until))
            .load(conn)?;
            Ok(taken.first().map(|mark| mark.upto))
        })
        .await
    }

    /// The receiver has everything up to a number. False: somebody else tells it now.
    pub async fn mark_trail(
        &self,
        line: Line,
        lease: Uuid,
        (upto, until): (i64, Timestamp),
    ) -> Result<bool, Error> {
        self.amend("trail.mark", line.registry, move |conn| {
            let moved = sql_query(
                "update trail_marks set upto = greatest(upto, $5), leased_until = $6
                  where registry_id = $1 and receiver = $2 and stream = $3 and lease = $4",
            )
            .bind::<sql_types::Integer, _>(line.registry.0)
            .bind::<sql_types::Text, _>(line.receiver.code())
            .bind::<sql_types::Text, _>(line.stream.code())
            .bind::<sql_types::Uuid, _>(lease)
            .bind::<sql_types::BigInt, _>(upto)
            .bind::<sql_types::Timestamptz, _>(offset(until))
            .execute(conn)?;
            Ok(moved == 1)
        })
        .await
    }
}
