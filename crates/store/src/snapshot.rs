//! Snapshots: what changed among the documents since the last time, the files that were made of it, and the newest
//! index of them. No record; whoever makes them holds no lock of the registry.

use std::collections::HashMap;

use charter_domain::{Delegation, RegistryId, Timestamp, status::Status};
use diesel::{OptionalExtension as _, PgConnection, QueryableByName, RunQueryDsl, sql_types};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    Error, Store, delegation,
    document::{Which, statements},
    statement::sql_query,
    tx::{offset, stamp},
};

/// First half of the advisory lock under which one process makes a snapshot: "snap" in ASCII.
const LOCK: i32 = 0x736e_6170;

/// The newest set, as it was signed.
#[derive(Debug, Clone)]
pub struct Head {
    pub contents: Value,
    /// Which transactions the set was read after; none: make a whole snapshot.
    pub seen: Option<String>,
    /// The signed index.
    pub jws: String,
    pub iat: Timestamp,
}

/// How far the registry is.
#[derive(Debug, Clone)]
pub struct Mark {
    pub epoch: i64,
    /// Which transactions can be seen.
    pub seen: String,
}

/// A document as it stands now.
#[derive(Debug)]
pub struct Changed {
    pub target: String,
    /// None: what it is about is held no longer.
    pub document: Option<Current>,
}
#[derive(Debug)]
pub struct Current {
    pub jws: String,
    pub statuses: Vec<Status>,
    /// Of a delegation.
    pub delegation: Option<Delegation>,
}

#[derive(QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = sql_types::Text)]
    contents: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    seen: Option<String>,
    #[diesel(sql_type = sql_types::Text)]
    jws: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    iat: OffsetDateTime,
}
#[derive(QueryableByName)]
struct MarkRow {
    #[diesel(sql_type = sql_types::BigInt)]
    epoch: i64,
    #[diesel(sql_type = sql_types::Text)]
    seen: String,
}
#[derive(QueryableByName)]
struct DocumentRow {
    #[diesel(sql_type = sql_types::Text)]
    target: String,
    #[diesel(sql_type = sql_types::Text)]
    jws: String,
}
#[derive(QueryableByName)]
struct BodyRow {
    #[diesel(sql_type = sql_types::Binary)]
    body: Vec<u8>,
}
#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = sql_types::Bool)]
    taken: bool,
}

/// Transactions that this database has not begun were seen in another: it was restored.
const HEAD: &str = "select contents::text as contents, jws, iat,
    case when pg_snapshot_xmax(seen) <= pg_snapshot_xmax(pg_current_snapshot()) then seen::text end as seen
  from snapshot_heads where registry_id = $1";
const MARK: &str =
    "select epoch, pg_current_snapshot()::text as seen from registry_epochs where registry_id = $1";
const ALL: &str =
    "select target, jws from documents where registry_id = $1 and target > $2 order by target limit $3";
/// Found by when they changed, and then put in order: the other way round every document would be looked at.
const SINCE: &str = "with new as materialized (
    select target, jws from documents where registry_id = $1
       and changed >= pg_snapshot_xmin($4::pg_snapshot)::text::bigint
       and not pg_visible_in_snapshot(changed::text::xid8, $4::pg_snapshot))
  select target, jws from new where target > $2 order by target limit $3";

fn head(conn: &mut PgConnection, registry: RegistryId) -> Result<Option<Head>, Error> {
    let found =
        sql_query(HEAD).bind::<sql_types::Integer, _>(registry.0).get_result::<HeadRow>(conn).optional()?;
    let read = |row: HeadRow| {
        let contents = serde_json::from_str(&row.contents).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(Head { contents, seen: row.seen, jws: row.jws, iat: stamp(row.iat) })
    };
    found.map(read).transpose()
}

/// The number at the end of a target of this kind.
fn number(target: &str, prefix: &str) -> Option<i64> {
    target.strip_prefix(prefix)?.parse().ok()
}

/// A transaction in which a snapshot is made: by one process at a time.
pub struct Publishing<'a> {
    conn: &'a mut PgConnection,
    registry: RegistryId,
    pub now: Timestamp,
    /// Those that are held now, by number; read when the first is needed.
    delegations: Option<HashMap<i64, Delegation>>,
}

impl Publishing<'_> {
    pub fn head(&mut self) -> Result<Option<Head>, Error> {
        head(self.conn, self.registry)
    }

    /// To be asked before documents are read: what is written meanwhile is found the next time.
    pub fn mark(&mut self) -> Result<Mark, Error> {
        let row: MarkRow =
            sql_query(MARK).bind::<sql_types::Integer, _>(self.registry.0).get_result(self.conn)?;
        Ok(Mark { epoch: row.epoch, seen: row.seen })
    }

    /// Documents after a target, by target: all, or those that were written after what was seen.
    pub fn page(&mut self, since: Option<&str>, after: &str, limit: i64) -> Result<Vec<Changed>, Error> {
        let query = sql_query(if since.is_some() { SINCE } else { ALL })
            .bind::<sql_types::Integer, _>(self.registry.0)
            .bind::<sql_types::Text, _>(after)
            .bind::<sql_types::BigInt, _>(limit);
        let rows: Vec<DocumentRow> = match since {
            Some(seen) => query.bind::<sql_types::Text, _>(seen).load(self.conn)?,
            None => query.load(self.conn)?,
        };
        let id = |row: &DocumentRow| {
            number(&row.target, "statement:").or_else(|| number(&row.target, "recognition:"))
        };
        let ids: Vec<i64> = rows.iter().filter_map(id).collect();
        let found = statements(self.conn, self.registry, &Which::These(ids))?;
        let statuses: HashMap<i64, Vec<Status>> = found.iter().map(|s| (s.id, s.statuses())).collect();
        rows.into_iter().map(|row| self.current(id(&row), row, &statuses)).collect()
    }

    fn current(
        &mut self,
        statement: Option<i64>,
        row: DocumentRow,
        held: &HashMap<i64, Vec<Status>>,
    ) -> Result<Changed, Error> {
        let DocumentRow { target, jws } = row;
        let document = if let Some(id) = statement {
            held.get(&id).map(|s| Current { jws, statuses: s.clone(), delegation: None })
        } else if let Some(id) = number(&target, "delegation:") {
            let found = self.delegations()?.get(&id).cloned();
            found.map(|d| Current { jws, statuses: d.statuses.clone(), delegation: Some(d) })
        } else {
            Some(Current { jws, statuses: Vec::new(), delegation: None })
        };
        Ok(Changed { target, document })
    }

    fn delegations(&mut self) -> Result<&HashMap<i64, Delegation>, Error> {
        if self.delegations.is_none() {
            let list = delegation::load(self.conn, self.registry)?;
            self.delegations = Some(list.into_iter().map(|d| (d.id, d)).collect());
        }
        self.delegations.as_ref().ok_or_else(|| Error::Internal("delegations were not read".to_owned()))
    }

    /// `sha256` is the digest of the body, in hexadecimal.
    pub fn put_file(&mut self, sha256: &str, body: &[u8]) -> Result<(), Error> {
        sql_query(
            "insert into snapshot_files (registry_id, sha256, body, made_at) values ($1, $2, $3, $4)
             on conflict do nothing",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Text, _>(sha256)
        .bind::<sql_types::Binary, _>(body)
        .bind::<sql_types::Timestamptz, _>(offset(self.now))
        .execute(self.conn)?;
        Ok(())
    }

    pub fn put_head(&mut self, contents: &Value, seen: &str, jws: &str) -> Result<(), Error> {
        sql_query(
            "insert into snapshot_heads (registry_id, contents, seen, jws, iat) values ($1, $2::jsonb, $3::pg_snapshot, $4, $5)
             on conflict (registry_id) do update set contents = excluded.contents, seen = excluded.seen,
               jws = excluded.jws, iat = excluded.iat",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Text, _>(contents.to_string())
        .bind::<sql_types::Text, _>(seen)
        .bind::<sql_types::Text, _>(jws)
        .bind::<sql_types::Timestamptz, _>(offset(self.now))
        .execute(self.conn)?;
        Ok(())
    }

    /// Deletes files that were made before an instant, but those of these digests.
    pub fn prune(&mut self, keep: &[&str], before: Timestamp) -> Result<usize, Error> {
        let done = sql_query(
            "delete from snapshot_files where registry_id = $1 and made_at < $2 and sha256 <> all($3)",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Timestamptz, _>(offset(before))
        .bind::<sql_types::Array<sql_types::Text>, _>(keep)
        .execute(self.conn)?;
        Ok(done)
    }
}

impl Store {
    /// The newest set; none if nobody ever asked for one.
    pub async fn snapshot(&self, registry: RegistryId) -> Result<Option<Head>, Error> {
        self.read("snapshot.get", registry, move |conn| head(conn, registry)).await
    }

    pub async fn snapshot_file(&self, registry: RegistryId, sha256: &str) -> Result<Option<Vec<u8>>, Error> {
        let sha256 = sha256.to_owned();
        self.read("snapshot.file", registry, move |conn| {
            let found = sql_query("select body from snapshot_files where registry_id = $1 and sha256 = $2")
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(&sha256)
                .get_result::<BodyRow>(conn)
                .optional()?;
            Ok(found.map(|row| row.body))
        })
        .await
    }

    /// Makes a set in one transaction. None: another process is at it.
    pub async fn publish_snapshot<T, F>(&self, registry: RegistryId, make: F) -> Result<Option<T>, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Publishing<'_>) -> Result<T, Error> + Send + Sync + 'static,
    {
        let now = self.now();
        self.amend("snapshot.publish", registry, move |conn| {
            let Taken { taken } = sql_query("select pg_try_advisory_xact_lock($1, $2) as taken")
                .bind::<sql_types::Integer, _>(LOCK)
                .bind::<sql_types::Integer, _>(registry.0)
                .get_result(conn)?;
            if !taken {
                return Ok(None);
            }
            make(&mut Publishing { conn, registry, now, delegations: None }).map(Some)
        })
        .await
    }
}
