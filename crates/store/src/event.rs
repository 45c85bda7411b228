//! Events as they stand: for replay, audits and (later) the log.

use std::collections::BTreeSet;

use charter_domain::{RegistryId, Timestamp, staff::Role};
use diesel::{prelude::*, sql_types};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, Store,
    entity::{Json, from_json},
    schema::events,
    statement::sql_query,
    tx::offset,
};

/// What the indexes of the filters hold: the number, written so that the planner cannot take the primary key instead,
/// and only with operators that row-level security lets it compare in the index.
pub(crate) const SEQ: &str = "(case when seq > 0 then seq end)";

/// Which events to read; all of them when nothing is set.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub subject: Option<String>,
    pub actor: Option<i64>,
    pub kind: Option<String>,
    pub origin: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only events before this number.
    pub before: Option<i64>,
    /// The last of them first.
    pub newest_first: bool,
}

impl Filter {
    /// The statement that reads them: `$1` registry, `$2` and `$3` the first and last number, `$4` how many, `$5` to
    /// `$8` subject, actor, kind and origin.
    pub fn sql(&self) -> String {
        let given =
            [self.subject.is_some(), self.actor.is_some(), self.kind.is_some(), self.origin.is_some()];
        let seq = if given.contains(&true) { SEQ } else { "seq" };
        let mut sql =
            format!("select seq, body from events where registry_id = $1 and {seq} between $2 and $3");
        for (n, (name, given)) in ["subject", "actor", "kind", "origin"].iter().zip(given).enumerate() {
            // One that is not given is bound all the same: a statement has all its parameters.
            let bound = n + 5;
            sql +=
                &if given { format!(" and {name} = ${bound}") } else { format!(" and ${bound}::text = ''") };
        }
        let order = if self.newest_first { "desc" } else { "asc" };
        sql + &format!(" order by {seq} {order} limit $4")
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    seq: i64,
    #[diesel(sql_type = sql_types::Binary)]
    body: Vec<u8>,
}

/// What is known about an event besides its public bytes.
#[derive(Debug, Clone, Deserialize)]
pub struct Detail {
    pub seq: i64,
    /// Lower-case hex.
    pub leaf_hash: String,
    /// Roles of who proposed or did it; empty where nobody in particular did.
    #[serde(default)]
    pub roles: Option<BTreeSet<Role>>,
    pub proposal: Option<Uuid>,
    /// Of its proposal; empty where there is none, or it was erased.
    pub reason: Option<String>,
    pub erased: Option<i64>,
    /// Field by field, as it was proposed.
    pub diff: Option<Value>,
    /// The state before, of a change of status without a proposal.
    pub was: Option<String>,
}

const DETAILS: &str = "select json_build_object('seq', e.seq, 'leaf_hash', encode(e.leaf_hash, 'hex'), 'roles', s.roles,
    'proposal', e.proposal, 'reason', p.reason, 'erased', p.erased, 'diff', p.diff,
    'was', case when e.kind = 'StatusChanged' and p.diff is null then coalesce((select c.state from status_changes c
       where c.registry_id = e.registry_id and c.target_kind = d.data ->> 'target' and c.target_id = d.data ->> 'target_id'
         and c.recorded @> (e.seq - 1)
         and c.effective @> coalesce((d.data ->> 'effective_from')::timestamptz, e.recorded_at) limit 1), 'ACTIVE') end
    )::text as value
  from events e
  left join proposals p on p.registry_id = e.registry_id and p.proposal_id = e.proposal
  left join staff s on s.registry_id = e.registry_id and s.staff_id = case when e.actor ~ '^[0-9]{1,18}$' then e.actor::bigint end
  cross join lateral (select case when e.kind = 'StatusChanged' then convert_from(e.body, 'UTF8')::jsonb -> 'data' end as data) d
 where e.registry_id = $1 and e.seq = any($2)";

impl Store {
    /// Public bytes of the events of a registry, in order, after a seq.
    pub async fn event_bodies(
        &self,
        registry: RegistryId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let found = self.events(registry, Filter::default(), after, limit).await?;
        Ok(found.into_iter().map(|(_, body)| body).collect())
    }

    /// The same of some of them, each with its seq.
    pub async fn events(
        &self,
        registry: RegistryId,
        filter: Filter,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        self.read("event.list", registry, move |conn| {
            let Some((first, last)) = bounds(conn, registry, &filter, after)? else { return Ok(Vec::new()) };
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let rows: Vec<Row> = sql_query(filter.sql())
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(first)
                .bind::<sql_types::BigInt, _>(last)
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<sql_types::Text, _>(text(&filter.subject))
                .bind::<sql_types::Text, _>(filter.actor.map(|a| a.to_string()).unwrap_or_default())
                .bind::<sql_types::Text, _>(text(&filter.kind))
                .bind::<sql_types::Text, _>(text(&filter.origin))
                .load(conn)?;
            Ok(rows.into_iter().map(|r| (r.seq, r.body)).collect())
        })
        .await
    }

    /// What stands beside these events, in no order.
    pub async fn event_details(&self, registry: RegistryId, seqs: Vec<i64>) -> Result<Vec<Detail>, Error> {
        self.read("event.details", registry, move |conn| {
            let rows: Vec<Json> = sql_query(DETAILS)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Array<sql_types::BigInt>, _>(&seqs)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    /// Keeps what a proposal would change, field by field, of the revision that it was made from.
    pub async fn put_diff(
        &self,
        registry: RegistryId,
        (id, revision): (Uuid, u32),
        diff: Value,
    ) -> Result<(), Error> {
        self.amend("proposal.diff", registry, move |conn| {
            sql_query(
                "update proposals set diff = $4::jsonb where registry_id = $1 and proposal_id = $2 and revision = $3",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Integer, _>(i32::try_from(revision).unwrap_or(i32::MAX))
            .bind::<sql_types::Text, _>(diff.to_string())
            .execute(conn)?;
            Ok(())
        })
        .await
    }
}

/// Which numbers can lie in the times: `recorded_at` never goes back, so times are numbers. None can: no bounds.
fn bounds(
    conn: &mut PgConnection,
    registry: RegistryId,
    filter: &Filter,
    after: i64,
) -> Result<Option<(i64, i64)>, Error> {
    let mut first_since = |time| -> Result<Option<i64>, Error> {
        let since = events::registry_id.eq(registry.0).and(events::recorded_at.ge(offset(time)));
        let order = (events::recorded_at, events::seq);
        Ok(events::table.filter(since).order(order).select(events::seq).first(conn).optional()?)
    };
    let first = match filter.from {
        Some(from) => first_since(from)?,
        None => Some(1),
    };
    let last = match filter.until {
        Some(until) => first_since(until)?.map_or(i64::MAX, |seq| seq - 1),
        None => i64::MAX,
    };
    let last = filter.before.map_or(last, |before| last.min(before.saturating_sub(1)));
    Ok(first.map(|first| (first.max(after.saturating_add(1)), last)))
}
