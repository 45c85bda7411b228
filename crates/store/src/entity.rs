//! Entities: what is known of a party, and loading them.

use std::{collections::BTreeSet, time::Duration};

use charter_domain::{
    Interval, RegistryId, Timestamp,
    event::{
        AccreditationGranted, Change, EntityRegistered, Identifier, LanguageMap, StatementMade, StatusChanged,
    },
    policy::{Load, Permit},
    record::Record,
    scope::Conditions,
    status::{State, TargetKind},
};
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Store, Tx, statement::sql_query};

/// A state and since when; `from` is absent when it always was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusView {
    #[serde(rename = "s")]
    pub state: State,
    #[serde(rename = "f")]
    from: Option<i64>,
    #[serde(rename = "u")]
    until: Option<i64>,
    #[serde(rename = "r", default)]
    pub reason: String,
}

impl StatusView {
    /// One that is not on record.
    pub fn of(state: State, effective: Interval, reason: String) -> Self {
        let micros = |at: Option<Timestamp>| at.map(Timestamp::micros);
        Self { state, from: micros(effective.from), until: micros(effective.until), reason }
    }
    pub fn effective(&self) -> Interval {
        Interval {
            from: self.from.map(Timestamp::from_micros),
            until: self.until.map(Timestamp::from_micros),
        }
    }
}

/// Bounds of validity as SQL gives them, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Span {
    f: Option<i64>,
    u: Option<i64>,
}

impl Span {
    pub fn interval(self) -> Interval {
        Interval { from: self.f.map(Timestamp::from_micros), until: self.u.map(Timestamp::from_micros) }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatementView {
    pub id: i64,
    pub kind: i16,
    pub action: String,
    pub resource: String,
    pub jurisdictions: Vec<String>,
    #[serde(default)]
    pub conditions: Conditions,
    #[serde(flatten)]
    pub valid: Span,
    pub accreditation_id: Option<Uuid>,
    #[serde(default)]
    pub statuses: Option<Vec<StatusView>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccreditationView {
    pub accreditation_id: Uuid,
    pub entity_id: Uuid,
    pub body: String,
    pub legal_basis: String,
    pub evidence_uri: String,
    pub evidence_date: String,
    pub evidence_sha256: String,
    #[serde(flatten)]
    pub valid: Span,
    #[serde(default)]
    pub statuses: Option<Vec<StatusView>>,
}

/// An entity with everything public about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntityView {
    pub entity_id: Uuid,
    pub names: LanguageMap,
    pub country: String,
    registered_at: i64,
    /// The first is the canonical one.
    pub identifiers: Vec<Identifier>,
    #[serde(default)]
    pub statuses: Option<Vec<StatusView>>,
    #[serde(default)]
    pub statements: Option<Vec<StatementView>>,
    #[serde(default)]
    pub accreditations: Option<Vec<AccreditationView>>,
    #[serde(default)]
    successors: Option<Vec<Succession>>,
}

/// Who continues what an entity did, by canonical identifiers, while an end is in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Succession {
    #[serde(flatten)]
    effective: Span,
    by: Vec<String>,
}

impl EntityView {
    pub fn registered_at(&self) -> Timestamp {
        Timestamp::from_micros(self.registered_at)
    }
    /// Who continues what it did, if it has ended at an instant.
    pub fn succeeded_by(&self, at: Timestamp) -> Vec<String> {
        let ends = self.successors.iter().flatten();
        ends.filter(|s| s.effective.interval().contains(at)).flat_map(|s| s.by.clone()).collect()
    }
    pub fn canonical(&self) -> &str {
        self.identifiers.first().map_or("", |i| i.value.as_str())
    }
}

#[derive(QueryableByName)]
pub(crate) struct Json {
    #[diesel(sql_type = sql_types::Text)]
    pub value: String,
}

pub(crate) fn from_json<T: for<'de> Deserialize<'de>>(row: &Json) -> Result<T, Error> {
    serde_json::from_str(&row.value).map_err(|e| Error::Internal(format!("a row did not parse: {e}")))
}

const STATUSES: &str = "(select json_agg(json_build_object('s', state, 'f', micros(lower(effective)),
    'u', micros(upper(effective)), 'r', reason) order by effective) from status_changes c
    where c.registry_id = $1 and upper_inf(c.recorded) and";

pub(crate) fn view_sql(condition: &str) -> String {
    format!(
        "select json_build_object(
           'entity_id', e.entity_id, 'names', e.names, 'country', e.country, 'registered_at', micros(e.registered_at),
           'identifiers', (select json_agg(json_build_object('type', i.type, 'value', i.value) order by i.position)
              from entity_identifiers i
             where i.registry_id = $1 and i.entity_id = e.entity_id and upper_inf(i.recorded)),
           'statuses', {STATUSES} c.target_kind = 'entity' and c.target_id = e.entity_id::text),
           'statements', (select json_agg(json_build_object('id', s.statement_id, 'kind', t.kind, 'action', t.action,
                 'resource', t.resource, 'jurisdictions', s.jurisdictions, 'conditions', s.conditions,
                 'f', micros(lower(s.valid)), 'u', micros(upper(s.valid)),
                 'accreditation_id', (select a.accreditation_id from accreditations a
                    where a.registry_id = $1 and a.accreditation = s.accreditation and upper_inf(a.recorded)),
                 'statuses', {STATUSES} c.target_kind = 'statement' and c.target_id = s.statement_id::text))
                 order by s.statement_id)
              from tuples t join statements s on s.registry_id = $1 and s.tuple_id = t.tuple_id
               and upper_inf(s.recorded)
             where t.registry_id = $1 and t.entity_id = e.entity_id),
           'accreditations', (select json_agg({}) from accreditations a
             where a.registry_id = $1 and a.entity_id = e.entity_id and upper_inf(a.recorded)),
           'successors', (select json_agg(json_build_object('f', micros(lower(c.effective)),
                 'u', micros(upper(c.effective)), 'by', (select json_agg((select i.value from entity_identifiers i
                    where i.registry_id = $1 and i.entity_id = u.id and upper_inf(i.recorded)
                    order by i.position limit 1)) from unnest(c.succeeded_by) as u(id))))
              from status_changes c where c.registry_id = $1 and c.target_kind = 'entity'
               and c.target_id = e.entity_id::text and upper_inf(c.recorded)
               and cardinality(c.succeeded_by) > 0))::text as value
         from entities e where e.registry_id = $1 and upper_inf(e.recorded) and {condition}",
        accreditation_json()
    )
}

pub(crate) fn accreditation_json() -> String {
    format!(
        "json_build_object('accreditation_id', a.accreditation_id, 'entity_id', a.entity_id, 'body', a.body,
           'legal_basis', a.legal_basis, 'evidence_uri', a.evidence_uri, 'evidence_date', a.evidence_date,
           'evidence_sha256', a.evidence_sha256, 'f', micros(lower(a.valid)), 'u', micros(upper(a.valid)),
           'statuses', {STATUSES} c.target_kind = 'accreditation' and c.target_id = a.accreditation_id::text))"
    )
}

impl Store {
    /// By any identifier.
    pub async fn entity(&self, registry: RegistryId, identifier: &str) -> Result<Option<EntityView>, Error> {
        let condition = "e.entity_id = (select entity_id from entity_identifiers
                where registry_id = $1 and value = $2 and upper_inf(recorded))";
        self.entity_where("entity.get", registry, condition, identifier.to_owned()).await
    }

    /// By its internal id.
    pub async fn entity_of(&self, registry: RegistryId, id: Uuid) -> Result<Option<EntityView>, Error> {
        self.entity_where("entity.of", registry, "e.entity_id = $2::uuid", id.to_string()).await
    }

    /// The one that a statement is about.
    pub async fn entity_stated(
        &self,
        registry: RegistryId,
        statement: i64,
    ) -> Result<Option<EntityView>, Error> {
        let condition = "e.entity_id = (select t.entity_id from statements s
            join tuples t on t.registry_id = $1 and t.tuple_id = s.tuple_id
            where s.registry_id = $1 and s.statement_id = $2::bigint and upper_inf(s.recorded))";
        self.entity_where("entity.stated", registry, condition, statement.to_string()).await
    }

    async fn entity_where(
        &self,
        name: &'static str,
        registry: RegistryId,
        condition: &str,
        value: String,
    ) -> Result<Option<EntityView>, Error> {
        let sql = view_sql(condition);
        self.read(name, registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(&value)
                .load(conn)?;
            rows.first().map(from_json).transpose()
        })
        .await
    }

    /// A page in the order of internal ids (which is the order of registration), after a cursor.
    pub async fn entities(
        &self,
        registry: RegistryId,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<EntityView>, Error> {
        let sql = view_sql("e.entity_id > $2 order by e.entity_id limit $3");
        self.read("entity.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Uuid, _>(after.unwrap_or(Uuid::nil()))
                .bind::<sql_types::BigInt, _>(limit)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }

    /// Which of these identifiers are taken.
    pub async fn taken(
        &self,
        registry: RegistryId,
        identifiers: Vec<String>,
    ) -> Result<BTreeSet<String>, Error> {
        self.read("entity.taken", registry, move |conn| taken(conn, registry, &identifiers)).await
    }

    pub async fn accreditations(
        &self,
        registry: RegistryId,
        after: Option<Uuid>,
        only: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AccreditationView>, Error> {
        let sql = format!(
            "select {}::text as value from accreditations a
              where a.registry_id = $1 and upper_inf(a.recorded) and a.accreditation_id > $2
                and ($3 is null or a.accreditation_id = $3)
              order by a.accreditation_id limit $4",
            accreditation_json()
        );
        self.read("accreditation.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Uuid, _>(after.unwrap_or(Uuid::nil()))
                .bind::<sql_types::Nullable<sql_types::Uuid>, _>(only)
                .bind::<sql_types::BigInt, _>(limit)
                .load(conn)?;
            rows.iter().map(from_json).collect()
        })
        .await
    }
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// Records that are written in the usual time.
const MANY: usize = 100;
/// A statement about more of them.
const LONG: Duration = Duration::from_secs(30);

impl Tx<'_> {
    /// Internal id of an entity by any identifier.
    pub fn entity_id(&mut self, identifier: &str) -> Result<Option<Uuid>, Error> {
        let rows: Vec<Value> = sql_query(
            "select entity_id::text as value from entity_identifiers
              where registry_id = $1 and value = $2 and upper_inf(recorded)",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Text, _>(identifier)
        .load(self.conn)?;
        Ok(rows.first().and_then(|r| Uuid::parse_str(&r.value).ok()))
    }

    /// Which of these identifiers are taken.
    pub fn taken(&mut self, identifiers: &[String]) -> Result<BTreeSet<String>, Error> {
        taken(self.conn, self.registry, identifiers)
    }

    /// Loads records; the seq of the first event is returned, so that the new statements can be signed.
    pub fn load(&mut self, permit: &Permit<Load>, records: &[Record]) -> Result<i64, Error> {
        // One statement of some thousand rows may take longer than a question.
        if records.len() > MANY {
            self.gate.step(LONG);
            sql_query(format!("set local statement_timeout = {}", LONG.as_millis())).execute(self.conn)?;
        }
        let now = self.now;
        let changes: Vec<Change> = records.iter().flat_map(|r| changes_of(r, now)).collect();
        self.record(permit, &changes)
    }
}

fn taken(
    conn: &mut PgConnection,
    registry: RegistryId,
    identifiers: &[String],
) -> Result<BTreeSet<String>, Error> {
    let rows: Vec<Value> = sql_query(
        "select value from entity_identifiers
          where registry_id = $1 and value = any($2) and upper_inf(recorded)",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Array<sql_types::Text>, _>(identifiers)
    .load(conn)?;
    Ok(rows.into_iter().map(|r| r.value).collect())
}

fn changes_of(record: &Record, now: Timestamp) -> Vec<Change> {
    let entity_id = Uuid::now_v7();
    let mut changes = vec![Change::EntityRegistered(EntityRegistered {
        entity_id,
        names: record.names.clone(),
        country: record.country.clone(),
        identifiers: record.identifiers.clone(),
    })];
    let accreditation_id = record.accreditation.as_ref().map(|_| Uuid::now_v7());
    if let (Some(a), Some(accreditation_id)) = (&record.accreditation, accreditation_id) {
        changes.push(Change::AccreditationGranted(AccreditationGranted {
            accreditation_id,
            entity_id,
            body: a.body.clone(),
            legal_basis: a.legal_basis.clone(),
            evidence_uri: a.evidence_uri.clone(),
            evidence_date: a.evidence_date.clone(),
            evidence_sha256: a.evidence_sha256.clone(),
            valid: a.valid,
            begins_when_recorded: false,
        }));
    }
    changes.extend(record.authorizations.iter().map(|a| {
        Change::StatementMade(StatementMade {
            statement: a.kind,
            entity_id,
            action: a.action.clone(),
            resource: a.resource.clone(),
            accreditation_id,
            jurisdictions: a.jurisdictions.clone(),
            conditions: a.conditions.clone(),
            valid: a.valid,
            begins_when_recorded: false,
            peer: a.peer.clone(),
        })
    }));
    if let Some((state, from, reason)) = &record.status {
        changes.push(Change::StatusChanged(StatusChanged::plain(
            TargetKind::Entity,
            entity_id.to_string(),
            *state,
            from.unwrap_or(now),
            reason.clone(),
        )));
    }
    changes
}
