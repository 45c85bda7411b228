//! Requests that were carried out, each with its answer. Written in the transaction of the change, so that an answer is
//! kept exactly when there was a change; the primary key lets one of two that run at once commit.

use std::{collections::HashSet, time::Duration};

use charter_domain::{RegistryId, Timestamp};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_types};
use serde::Serialize;
use uuid::Uuid;

use crate::{Error, Store, Tx, statement::sql_query, tx, tx::offset};

/// How long the same request is answered from what is kept (AIP-155).
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A request that its sender may send again.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who sends it: ids of one never meet those of another.
    pub principal: String,
    pub request_id: Uuid,
    pub method: &'static str,
    /// SHA-256 of what is asked.
    pub payload: [u8; 32],
}

/// What became of an id.
#[derive(Debug, PartialEq, Eq)]
pub enum Earlier {
    /// The answer of the same request, as JSON.
    Answer(String),
    /// It was given to another request.
    Other,
    /// It was answered, and the answer erased with the personal data of somebody whom it named.
    Erased,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Text)]
    method: String,
    #[diesel(sql_type = sql_types::Binary)]
    payload: Vec<u8>,
    /// Empty once it was erased.
    #[diesel(sql_type = sql_types::Text)]
    answer: String,
}

/// The latest instant that is forgotten at `now`.
fn forgotten(now: Timestamp) -> time::OffsetDateTime {
    offset(Timestamp::from_micros(now.micros() - i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX)))
}

pub(crate) fn keep<T: Serialize>(
    conn: &mut PgConnection,
    registry: RegistryId,
    now: Timestamp,
    call: &Call,
    answer: &T,
) -> Result<(), Error> {
    let ids = Ids::of(&[call]);
    // Whatever else this finds is forgotten too.
    sql_query(
        "delete from requests
          where registry_id = $1 and principal = any($2) and request_id = any($3) and at <= $4",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Array<sql_types::Text>, _>(&ids.principals)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&ids.requests)
    .bind::<sql_types::Timestamptz, _>(forgotten(now))
    .execute(conn)?;
    insert(conn, registry, now, &[(call, answer)])
}

/// Ids as arrays.
struct Ids<'c> {
    principals: Vec<&'c str>,
    requests: Vec<Uuid>,
}

impl<'c> Ids<'c> {
    fn of(calls: &[&'c Call]) -> Self {
        Self {
            principals: calls.iter().map(|call| call.principal.as_str()).collect(),
            requests: calls.iter().map(|call| call.request_id).collect(),
        }
    }
}

fn insert<T: Serialize>(
    conn: &mut PgConnection,
    registry: RegistryId,
    now: Timestamp,
    calls: &[(&Call, &T)],
) -> Result<(), Error> {
    let ids = Ids::of(&calls.iter().map(|(call, _)| *call).collect::<Vec<_>>());
    let methods: Vec<&str> = calls.iter().map(|(call, _)| call.method).collect();
    let payloads: Vec<&[u8]> = calls.iter().map(|(call, _)| call.payload.as_slice()).collect();
    let answers = calls.iter().map(|(_, answer)| serde_json::to_string(answer));
    let answers = answers.collect::<Result<Vec<_>, _>>().map_err(|e| Error::Internal(e.to_string()))?;
    sql_query(
        "insert into requests (registry_id, principal, request_id, method, payload, answer, at)
         select $1, k.*, $7 from unnest($2, $3, $4, $5, $6) as k",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Array<sql_types::Text>, _>(&ids.principals)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&ids.requests)
    .bind::<sql_types::Array<sql_types::Text>, _>(&methods)
    .bind::<sql_types::Array<sql_types::Binary>, _>(&payloads)
    .bind::<sql_types::Array<sql_types::Text>, _>(&answers)
    .bind::<sql_types::Timestamptz, _>(offset(now))
    .execute(conn)?;
    Ok(())
}

impl Tx<'_> {
    /// Keeps what this transaction's request is answered; nothing for a request without an id.
    pub fn keep<T: Serialize>(&mut self, call: Option<&Call>, answer: &T) -> Result<(), Error> {
        let Some(call) = call else { return Ok(()) };
        self.kept = true;
        keep(self.conn, self.registry, self.now, call, answer)
    }

    /// The same of several requests that were carried out together, whose ids are not spent.
    pub fn keep_all<T: Serialize>(&mut self, calls: &[(&Call, &T)]) -> Result<(), Error> {
        if calls.is_empty() {
            return Ok(());
        }
        self.kept = true;
        insert(self.conn, self.registry, self.now, calls)
    }

    /// Which of these ids were given to a request already, each with whose it is. What is too old of them is forgotten.
    pub fn spent(&mut self, calls: &[&Call]) -> Result<HashSet<(String, Uuid)>, Error> {
        #[derive(QueryableByName)]
        struct Spent {
            #[diesel(sql_type = sql_types::Text)]
            principal: String,
            #[diesel(sql_type = sql_types::Uuid)]
            request_id: Uuid,
        }
        let ids = Ids::of(calls);
        // One statement sees what was there before it: each row is forgotten or shown.
        let rows: Vec<Spent> = sql_query(
            "with gone as (delete from requests
                            where registry_id = $1 and principal = any($2) and request_id = any($3) and at <= $4)
             select principal, request_id from requests
              where registry_id = $1 and principal = any($2) and request_id = any($3) and at > $4",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Array<sql_types::Text>, _>(&ids.principals)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(&ids.requests)
        .bind::<sql_types::Timestamptz, _>(forgotten(self.now))
        .load(self.conn)?;
        Ok(rows.into_iter().map(|row| (row.principal, row.request_id)).collect())
    }
}

/// What a request is looked up by.
fn earlier(
    conn: &mut PgConnection,
    registry: RegistryId,
    now: Timestamp,
    call: &Call,
) -> Result<Option<Earlier>, Error> {
    let rows: Vec<Row> = sql_query(
        "select method, payload, answer from requests
          where registry_id = $1 and principal = $2 and request_id = $3 and at > $4",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(&call.principal)
    .bind::<sql_types::Uuid, _>(call.request_id)
    .bind::<sql_types::Timestamptz, _>(forgotten(now))
    .load(conn)?;
    let same = |r: &Row| r.method == call.method && r.payload == call.payload;
    Ok(rows.into_iter().next().map(|row| match (row.answer.is_empty(), same(&row)) {
        (true, _) => Earlier::Erased,
        (false, true) => Earlier::Answer(row.answer),
        (false, false) => Earlier::Other,
    }))
}

impl Store {
    /// What became of the id before, as far as whoever answers reads knows.
    pub async fn earlier(&self, registry: RegistryId, call: Call) -> Result<Option<Earlier>, Error> {
        let now = self.now();
        self.read("request.get", registry, move |conn| earlier(conn, registry, now, &call)).await
    }

    /// What became of it by what is committed where changes are written.
    pub async fn earlier_written(&self, registry: RegistryId, call: Call) -> Result<Option<Earlier>, Error> {
        let now = self.now();
        let look = move |conn: &mut PgConnection| earlier(conn, registry, now, &call);
        self.interact("request.get_written", move |conn| tx::read(conn, Some(registry), &look)).await
    }

    /// Whether what is committed on the primary may be there alone.
    pub fn is_replicated(&self) -> bool {
        self.settings.synchronous_standbys > 0
    }

    /// What became of an id whose COMMIT was not answered. Waits for a transaction under way that keeps the same id (by
    /// the unique key), and is confirmed like a change: what it finds is not what only a primary of before has. None:
    /// nothing was recorded, and nothing will be.
    pub async fn settled(&self, registry: RegistryId, call: Call) -> Result<Option<Earlier>, Error> {
        let now = self.now();
        self.amend("request.settle", registry, move |conn| {
            let claimed = conn.transaction(|conn| {
                keep(conn, registry, now, &call, &())?;
                Err::<(), _>(Error::TriedOut)
            });
            match claimed {
                Ok(()) | Err(Error::TriedOut | Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
            // A transaction that wrote nothing is confirmed by nobody.
            sql_query("select pg_logical_emit_message(true, 'charter', '')").execute(conn)?;
            earlier(conn, registry, now, &call)
        })
        .await
    }

    /// Forgets requests older than a day; returns how many.
    pub async fn forget_requests(&self, registry: RegistryId) -> Result<usize, Error> {
        let until = forgotten(self.now());
        self.amend("request.forget", registry, move |conn| {
            let gone = sql_query("delete from requests where registry_id = $1 and at <= $2")
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Timestamptz, _>(until)
                .execute(conn)?;
            Ok(gone)
        })
        .await
    }
}
