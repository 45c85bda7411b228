//! Keys of a registry that checkpoints are signed and cosigned with, one generation after the other.

use charter_domain::{RegistryId, Timestamp};
use diesel::{PgConnection, RunQueryDsl, prelude::*, sql_types};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    Error, Store,
    statement::sql_query,
    tx::{offset, stamp},
};

/// What a key of the log signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogPurpose {
    /// The registry's own checkpoints.
    Log,
    /// Cosignatures on checkpoints of others.
    Witness,
    /// Cosignatures on checkpoints of others whose entries are all kept here.
    Mirror,
}

impl LogPurpose {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Mirror => "mirror",
        }
    }

    fn parse(code: &str) -> Self {
        // The database takes no others.
        [Self::Log, Self::Mirror].into_iter().find(|purpose| purpose.code() == code).unwrap_or(Self::Witness)
    }
}

/// One key. Without `Debug`: nothing of `kept` belongs into a log.
#[derive(Clone)]
pub struct LogKey {
    pub purpose: LogPurpose,
    /// From 1.
    pub generation: i32,
    /// Name of the key in notes; of a log also its origin.
    pub name: String,
    /// Verifier key (C2SP signed-note).
    pub vkey: String,
    /// Public key.
    pub jwk: Value,
    /// What the key store keeps of the private key: ciphertext, or where it is.
    pub kept: String,
    pub made_at: Timestamp,
    pub retired_at: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Text)]
    purpose: String,
    #[diesel(sql_type = sql_types::Integer)]
    generation: i32,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    vkey: String,
    #[diesel(sql_type = sql_types::Jsonb)]
    jwk: Value,
    #[diesel(sql_type = sql_types::Text)]
    kept: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    made_at: OffsetDateTime,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    retired_at: Option<OffsetDateTime>,
}

impl From<Row> for LogKey {
    fn from(row: Row) -> Self {
        Self {
            purpose: LogPurpose::parse(&row.purpose),
            generation: row.generation,
            name: row.name,
            vkey: row.vkey,
            jwk: row.jwk,
            kept: row.kept,
            made_at: stamp(row.made_at),
            retired_at: row.retired_at.map(stamp),
        }
    }
}

/// Adds it unless that generation is there, or another key is in use.
fn add(conn: &mut PgConnection, registry: RegistryId, key: &LogKey) -> Result<bool, Error> {
    let added = sql_query(
        "insert into log_keys (registry_id, purpose, generation, name, vkey, jwk, kept, made_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Text, _>(key.purpose.code())
    .bind::<sql_types::Integer, _>(key.generation)
    .bind::<sql_types::Text, _>(&key.name)
    .bind::<sql_types::Text, _>(&key.vkey)
    .bind::<sql_types::Jsonb, _>(&key.jwk)
    .bind::<sql_types::Text, _>(&key.kept)
    .bind::<sql_types::Timestamptz, _>(offset(key.made_at))
    .execute(conn)?;
    Ok(added == 1)
}

pub(crate) fn all(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<LogKey>, Error> {
    let rows: Vec<Row> = sql_query(
        "select purpose, generation, name, vkey, jwk, kept, made_at, retired_at from log_keys
          where registry_id = $1 order by purpose, generation",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .load(conn)?;
    Ok(rows.into_iter().map(LogKey::from).collect())
}

impl Store {
    /// All of them, retired ones too, oldest first.
    pub async fn log_keys(&self, registry: RegistryId) -> Result<Vec<LogKey>, Error> {
        self.read("log.keys", registry, move |conn| all(conn, registry)).await
    }

    /// Keeps a key. False: another server was first.
    pub async fn add_log_key(&self, registry: RegistryId, key: LogKey) -> Result<bool, Error> {
        self.amend("log.add_key", registry, move |conn| add(conn, registry, &key)).await
    }

    /// Puts `next` in the place of the log's key. What was published with the old one is given up: the new key begins a
    /// log of another origin with the same events. Whoever holds the log loses it.
    pub async fn retire_log_key(&self, registry: RegistryId, next: LogKey) -> Result<bool, Error> {
        self.amend("log.retire_key", registry, move |conn| {
            let retired = sql_query(
                "update log_keys set retired_at = $3
                  where registry_id = $1 and purpose = 'log' and retired_at is null and generation = $2",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Integer, _>(next.generation - 1)
            .bind::<sql_types::Timestamptz, _>(offset(next.made_at))
            .execute(conn)?;
            if retired == 0 || !add(conn, registry, &next)? {
                return Err(Error::Conflict("log_keys".to_owned()));
            }
            sql_query(
                "update log_heads set generation = $2, term = term + 1, published_size = 0, checkpoint = null,
                   published_at = null where registry_id = $1",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Integer, _>(next.generation)
            .execute(conn)?;
            Ok(true)
        })
        .await
    }
}
