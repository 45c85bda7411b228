//! Signed documents: made from what is recorded, kept beside it, made again any time. They are no events.

use charter_domain::{
    Action, EntityId, Interval, RegistryId, Resource, Timestamp,
    recognition::Peer,
    scope::{Conditions, Jurisdiction},
    status::{State, Status},
};
use diesel::{PgConnection, RunQueryDsl, prelude::*, sql_types, upsert::excluded};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    schema::documents,
    statement::sql_query,
    tx::offset,
};

/// What an authority statement is made from.
#[derive(Debug, Deserialize)]
pub struct StatementSnapshot {
    pub id: i64,
    kind: i16,
    pub entity: EntityId,
    pub action: Action,
    pub resource: Resource,
    pub jurisdictions: Vec<Jurisdiction>,
    pub conditions: Conditions,
    f: Option<i64>,
    u: Option<i64>,
    /// Of the entity, the statement and the accreditation together: any of them stops it.
    statuses: Option<Vec<SnapshotStatus>>,
    pub accreditation: Option<AccreditationSnapshot>,
    /// Of a recognition that says who the peer is.
    pub peer: Option<Peer>,
}
#[derive(Debug, Deserialize)]
pub struct AccreditationSnapshot {
    pub id: String,
    pub body: String,
    f: Option<i64>,
    u: Option<i64>,
}
#[derive(Debug, Deserialize)]
struct SnapshotStatus {
    s: State,
    f: Option<i64>,
    u: Option<i64>,
}

fn interval(from: Option<i64>, until: Option<i64>) -> Interval {
    Interval { from: from.map(Timestamp::from_micros), until: until.map(Timestamp::from_micros) }
}

impl AccreditationSnapshot {
    pub fn valid(&self) -> Interval {
        interval(self.f, self.u)
    }
}

impl StatementSnapshot {
    pub fn is_recognition(&self) -> bool {
        self.kind == 1
    }
    pub fn valid(&self) -> Interval {
        interval(self.f, self.u)
    }
    pub fn statuses(&self) -> Vec<Status> {
        let status = |s: &SnapshotStatus| Status { state: s.s, effective: interval(s.f, s.u) };
        self.statuses.iter().flatten().map(status).collect()
    }
}

/// Which statements to sign.
#[derive(Debug, Clone)]
pub enum Which {
    /// Made by this event or a later one.
    Since(i64),
    /// Everything about one entity (its internal id).
    Entity(String),
    These(Vec<i64>),
    /// Everything that stands on an accreditation (its UUID).
    Ground(String),
}

/// A signed document to keep.
#[derive(Debug, Clone)]
pub struct Document {
    /// `statement:<id>`, `recognition:<id>` (the same statement, for those who follow it), `delegation:<id>` or `configuration`.
    pub target: String,
    pub jws: String,
    /// The key that signed it.
    pub kid: String,
    pub iat: Timestamp,
    pub exp: Timestamp,
}

const SNAPSHOT: &str = "select json_build_object('id', s.statement_id, 'kind', t.kind,
    'entity', (select value from entity_identifiers i where i.registry_id = $1 and i.entity_id = t.entity_id
                  and upper_inf(i.recorded) order by i.position limit 1),
    'action', t.action, 'resource', t.resource, 'jurisdictions', s.jurisdictions, 'conditions', s.conditions,
    'f', micros(lower(s.valid)), 'u', micros(upper(s.valid)),
    'peer', case when t.kind = 1 then (select p.peer from recognition_peers p
                                        where p.registry_id = $1 and p.statement_id = s.statement_id) end,
    'statuses', (select json_agg(json_build_object('s', c.state, 'f', micros(lower(c.effective)),
                                                   'u', micros(upper(c.effective)))
                          order by c.effective, c.target_kind)
       from status_changes c where c.registry_id = $1 and upper_inf(c.recorded)
        and ((c.target_kind = 'entity' and c.target_id = t.entity_id::text)
          or (c.target_kind = 'statement' and c.target_id = s.statement_id::text)
          or (c.target_kind = 'accreditation' and c.target_id = a.accreditation_id::text))),
    'accreditation', case when a.accreditation_id is null then null else json_build_object('id', a.accreditation_id,
       'body', a.body, 'f', micros(lower(a.valid)), 'u', micros(upper(a.valid))) end)::text as value
  from statements s
  join tuples t on t.registry_id = $1 and t.tuple_id = s.tuple_id
  left join accreditations a on a.registry_id = $1 and a.accreditation = s.accreditation and upper_inf(a.recorded)
 where s.registry_id = $1 and upper_inf(s.recorded)";

pub(crate) fn statements(
    conn: &mut PgConnection,
    registry: RegistryId,
    which: &Which,
) -> Result<Vec<StatementSnapshot>, Error> {
    let condition = match which {
        Which::Since(_) => "and s.statement_id >= $2",
        Which::Entity(_) => "and t.entity_id = $2::uuid",
        Which::These(_) => "and s.statement_id = any($2)",
        Which::Ground(_) => "and a.accreditation_id = $2::uuid",
    };
    let query = sql_query(format!("{SNAPSHOT} {condition}")).bind::<sql_types::Integer, _>(registry.0);
    let rows: Vec<Json> = match which {
        Which::Since(seq) => query.bind::<sql_types::BigInt, _>(seq).load(conn)?,
        Which::Entity(id) | Which::Ground(id) => query.bind::<sql_types::Text, _>(id).load(conn)?,
        Which::These(ids) => query.bind::<sql_types::Array<sql_types::BigInt>, _>(ids).load(conn)?,
    };
    rows.iter().map(from_json).collect()
}

impl Tx<'_> {
    pub fn statements(&mut self, which: &Which) -> Result<Vec<StatementSnapshot>, Error> {
        statements(self.conn, self.registry, which)
    }

    /// Statements that are held now, by number, after one of them.
    pub fn statement_ids(&mut self, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
        #[derive(diesel::QueryableByName)]
        struct Id {
            #[diesel(sql_type = sql_types::BigInt)]
            statement_id: i64,
        }
        let rows: Vec<Id> = sql_query(
            "select statement_id from statements where registry_id = $1 and statement_id > $2 and upper_inf(recorded)
              order by statement_id limit $3",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::BigInt, _>(after)
        .bind::<sql_types::BigInt, _>(limit)
        .load(self.conn)?;
        Ok(rows.into_iter().map(|row| row.statement_id).collect())
    }

    /// Replaces what is on file for these targets, in this transaction: an old yes cannot outlive the change.
    pub fn put_documents(&mut self, list: &[Document]) -> Result<(), Error> {
        for part in list.chunks(5_000) {
            let rows: Vec<_> = part
                .iter()
                .map(|d| {
                    (
                        documents::registry_id.eq(self.registry.0),
                        documents::target.eq(&d.target),
                        documents::jws.eq(&d.jws),
                        documents::iat.eq(offset(d.iat)),
                        documents::exp.eq(offset(d.exp)),
                        documents::kid.eq(&d.kid),
                    )
                })
                .collect();
            diesel::insert_into(documents::table)
                .values(rows)
                .on_conflict((documents::registry_id, documents::target))
                .do_update()
                .set((
                    documents::jws.eq(excluded(documents::jws)),
                    documents::iat.eq(excluded(documents::iat)),
                    documents::exp.eq(excluded(documents::exp)),
                    documents::kid.eq(excluded(documents::kid)),
                ))
                .execute(self.conn)?;
        }
        Ok(())
    }
}

fn find(conn: &mut PgConnection, registry: RegistryId, target: &str) -> Result<Option<String>, Error> {
    Ok(documents::table.find((registry.0, target)).select(documents::jws).first(conn).optional()?)
}

impl Store {
    pub async fn document(&self, registry: RegistryId, target: &str) -> Result<Option<String>, Error> {
        let target = target.to_owned();
        self.read("document.get", registry, move |conn| find(conn, registry, &target)).await
    }

    /// The earliest expiry on file: what the alarm looks at.
    pub async fn earliest_expiry(&self, registry: RegistryId) -> Result<Option<Timestamp>, Error> {
        self.read("document.earliest", registry, move |conn| {
            let exp: Option<OffsetDateTime> =
                documents::table.select(diesel::dsl::min(documents::exp)).first(conn)?;
            Ok(exp.map(crate::tx::stamp))
        })
        .await
    }
}
