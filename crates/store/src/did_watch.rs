//! What was found last of the DIDs of entities: no record, and nothing rests on it.

use charter_domain::{RegistryId, Timestamp};
use diesel::{QueryableByName, RunQueryDsl, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    statement::sql_query,
    tx::offset,
};

/// A DID as it was looked at last.
#[derive(Debug, Clone, Deserialize)]
pub struct Watched {
    pub did: String,
    /// `OK`, or the code of a fault, of the last attempt.
    pub outcome: String,
    /// SHA-256 of the canonical document, or the code of what it is instead; none while nobody has answered.
    pub finding: Option<String>,
    first: i64,
    checked: i64,
    changed: Option<i64>,
    pub changes: i32,
}

impl Watched {
    pub fn first_seen(&self) -> Timestamp {
        Timestamp::from_micros(self.first)
    }
    pub fn checked_at(&self) -> Timestamp {
        Timestamp::from_micros(self.checked)
    }
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.changed.map(Timestamp::from_micros)
    }
}

/// What an attempt came to.
#[derive(Debug, Clone)]
pub struct Seen {
    pub did: String,
    pub outcome: String,
    /// None: nobody answered, so what was found before stands.
    pub finding: Option<String>,
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}
#[derive(QueryableByName)]
struct Truth {
    #[diesel(sql_type = sql_types::Bool)]
    value: bool,
}

impl Store {
    /// DIDs of entities whose documents are elsewhere and were not looked at since, longest ago first; those that begin
    /// with `hosted` are this registry's own.
    pub async fn dids_due(
        &self,
        registry: RegistryId,
        hosted: String,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        self.read("did.due", registry, move |conn| {
            let rows: Vec<Text> = sql_query(
                "select i.value from entity_identifiers i
                   left join did_watch w on w.registry_id = $1 and w.did = i.value
                  where i.registry_id = $1 and upper_inf(i.recorded)
                    and (starts_with(i.value, 'did:web:') or starts_with(i.value, 'did:ebsi:'))
                    and not starts_with(i.value, $2) and (w.checked_at is null or w.checked_at <= $3)
                  order by w.checked_at nulls first, i.value limit $4",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(&hosted)
            .bind::<sql_types::Timestamptz, _>(offset(since))
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }

    /// Writes down what was found; true where it is something else than before.
    pub async fn did_seen(&self, registry: RegistryId, seen: Seen, now: Timestamp) -> Result<bool, Error> {
        self.amend("did.seen", registry, move |conn| {
            let row: Truth = sql_query(
                "insert into did_watch as w (registry_id, did, outcome, finding, first_seen, checked_at)
                 values ($1, $2, $3, $4, $5, $5)
                 on conflict (registry_id, did) do update set
                   outcome = excluded.outcome,
                   finding = coalesce(excluded.finding, w.finding),
                   checked_at = excluded.checked_at,
                   changed_at = case when excluded.finding <> w.finding then excluded.checked_at else w.changed_at end,
                   changes = w.changes + case when excluded.finding <> w.finding then 1 else 0 end
                 returning coalesce(w.changed_at = w.checked_at, false) as value",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(&seen.did)
            .bind::<sql_types::Text, _>(&seen.outcome)
            .bind::<sql_types::Nullable<sql_types::Text>, _>(seen.finding.as_deref())
            .bind::<sql_types::Timestamptz, _>(offset(now))
            .get_result(conn)?;
            Ok(row.value)
        })
        .await
    }

    /// What was found, the last changes first.
    pub async fn dids_watched(
        &self,
        registry: RegistryId,
        only_changed: bool,
        limit: i64,
    ) -> Result<Vec<Watched>, Error> {
        self.read("did.watched", registry, move |conn| {
            let rows: Vec<Json> = sql_query(
                "select json_build_object('did', did, 'outcome', outcome, 'finding', finding,
                   'first', micros(first_seen), 'checked', micros(checked_at), 'changed', micros(changed_at),
                   'changes', changes)::text as value
                   from did_watch where registry_id = $1 and (changed_at is not null or not $2)
                  order by changed_at desc nulls last, did limit $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Bool, _>(only_changed)
            .bind::<sql_types::BigInt, _>(limit)
            .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}
