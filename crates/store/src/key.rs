//! Keys: their history as events tell it, and a registry's private keys as its key store keeps them, beside it.

use charter_domain::{
    RegistryId, Timestamp,
    event::{Change, KeyAdded},
    key::{Key, Revocation, RevocationReason},
    policy::{Open, Permit},
};
use diesel::{PgConnection, RunQueryDsl, prelude::*, sql_types};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    log_key::{self, LogKey},
    schema::{documents, registry_epochs, sealed_keys},
    statement::sql_query,
    tx::stamp,
};

/// What a registry is started with, read at once. Without `Debug`: nothing of `kept` belongs into a log.
pub struct Opening {
    /// Oldest first.
    pub keys: Vec<Key>,
    /// The event that last said something of them; 0 when there is none.
    pub keys_seq: i64,
    /// By kid, what the key store keeps of the private key: ciphertext, or where it is.
    pub kept: Vec<(String, String)>,
    pub configuration: Option<String>,
    /// Of the transparency log, as [`Store::log_keys`] gives them.
    pub log_keys: Vec<LogKey>,
    pub epoch: i64,
}

#[derive(Deserialize)]
struct Row {
    kid: String,
    jwk: Value,
    added: i64,
    from: i64,
    until: Option<i64>,
    revoked: Option<i64>,
    reason: Option<RevocationReason>,
    since: Option<i64>,
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        let revocation = |(at, reason)| Revocation {
            at: Timestamp::from_micros(at),
            reason,
            compromised_since: row.since.map(Timestamp::from_micros),
        };
        Self {
            kid: row.kid,
            jwk: row.jwk,
            added_at: Timestamp::from_micros(row.added),
            from: Timestamp::from_micros(row.from),
            until: row.until.map(Timestamp::from_micros),
            revoked: row.revoked.zip(row.reason).map(revocation),
        }
    }
}

/// A registry's own keys are filed under a word, an entity's under its id.
fn owner(entity: Option<Uuid>) -> String {
    entity.map_or_else(|| "registry".to_owned(), |id| id.to_string())
}

pub(crate) fn keys(
    conn: &mut PgConnection,
    registry: RegistryId,
    entity: Option<Uuid>,
) -> Result<Vec<Key>, Error> {
    let rows: Vec<Json> = sql_query(
        "select json_build_object('kid', kid, 'jwk', jwk, 'added', micros(added_at), 'from', micros(valid_from),
           'until', micros(valid_until), 'revoked', micros(revoked_at), 'reason', reason,
           'since', micros(compromised_since))::text as value
           from key_history where registry_id = $1 and owner = $2 and upper_inf(recorded)
          order by valid_from, added_at, kid",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(owner(entity))
    .load(conn)?;
    rows.iter().map(|row| from_json::<Row>(row).map(Key::from)).collect()
}

#[derive(QueryableByName)]
struct Seq {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

fn keys_seq(conn: &mut PgConnection, registry: RegistryId) -> Result<i64, Error> {
    let row: Seq = sql_query(
        "select coalesce(max(lower(recorded)), 0) as value from key_history
          where registry_id = $1 and owner = 'registry' and upper_inf(recorded)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .get_result(conn)?;
    Ok(row.value)
}

pub(crate) fn opening(conn: &mut PgConnection, registry: RegistryId) -> Result<Opening, Error> {
    Ok(Opening {
        keys: keys(conn, registry, None)?,
        keys_seq: keys_seq(conn, registry)?,
        kept: sealed_keys::table
            .filter(sealed_keys::registry_id.eq(registry.0))
            .select((sealed_keys::kid, sealed_keys::jwe))
            .load(conn)?,
        configuration: documents::table
            .find((registry.0, "configuration"))
            .select(documents::jws)
            .first(conn)
            .optional()?,
        log_keys: log_key::all(conn, registry)?,
        epoch: registry_epochs::table.find(registry.0).select(registry_epochs::epoch).first(conn)?,
    })
}

fn keep(conn: &mut PgConnection, registry: RegistryId, kid: &str, kept: &str) -> Result<(), Error> {
    diesel::insert_into(sealed_keys::table)
        .values((
            sealed_keys::registry_id.eq(registry.0),
            sealed_keys::kid.eq(kid),
            sealed_keys::jwe.eq(kept),
        ))
        .execute(conn)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Existed {
    #[diesel(sql_type = sql_types::BigInt)]
    seq: i64,
    #[diesel(sql_type = sql_types::Timestamptz)]
    recorded_at: time::OffsetDateTime,
}

impl Store {
    pub async fn opening(&self, registry: RegistryId) -> Result<Opening, Error> {
        self.read("registry.opening", registry, move |conn| opening(conn, registry)).await
    }

    /// Of the registry, or of one of its entities; oldest first.
    pub async fn keys(&self, registry: RegistryId, entity: Option<Uuid>) -> Result<Vec<Key>, Error> {
        self.read("key.list", registry, move |conn| keys(conn, registry, entity)).await
    }

    /// The event that last said something of the registry's keys.
    pub async fn keys_seq(&self, registry: RegistryId) -> Result<i64, Error> {
        self.read("key.seq", registry, move |conn| keys_seq(conn, registry)).await
    }

    /// Keeps a private key that is only proposed: without its event it signs nothing that anybody accepts.
    pub async fn keep_private(&self, registry: RegistryId, kid: String, kept: String) -> Result<(), Error> {
        self.amend("key.keep", registry, move |conn| keep(conn, registry, &kid, &kept)).await
    }

    /// The first event that proves that what has this hash existed, and when that was.
    pub async fn existed(
        &self,
        registry: RegistryId,
        sha256: String,
    ) -> Result<Option<(i64, Timestamp)>, Error> {
        self.read("evidence.get", registry, move |conn| {
            let rows: Vec<Existed> = sql_query(
                "select seq, recorded_at from evidence where registry_id = $1 and sha256 = $2 order by seq limit 1",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(&sha256)
            .load(conn)?;
            Ok(rows.first().map(|row| (row.seq, stamp(row.recorded_at))))
        })
        .await
    }
}

impl Tx<'_> {
    /// Keeps a new key unless the registry has one already (another server was first). True when it was kept.
    pub fn add_first_key(
        &mut self,
        permit: &Permit<Open>,
        kid: &str,
        jwk: &Value,
        kept: &str,
    ) -> Result<bool, Error> {
        if !self.keys(None)?.is_empty() {
            return Ok(false);
        }
        let added = KeyAdded { kid: kid.to_owned(), jwk: jwk.clone(), active_from: None };
        self.record(permit, &[Change::KeyAdded(added)])?;
        keep(self.conn, self.registry, kid, kept)?;
        Ok(true)
    }

    pub fn keys(&mut self, entity: Option<Uuid>) -> Result<Vec<Key>, Error> {
        keys(self.conn, self.registry, entity)
    }

    pub fn keys_seq(&mut self) -> Result<i64, Error> {
        keys_seq(self.conn, self.registry)
    }

    pub fn opening(&mut self) -> Result<Opening, Error> {
        opening(self.conn, self.registry)
    }
}
