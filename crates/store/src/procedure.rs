//! Procedures, decisions and rulings, as their events say.

use charter_domain::{
    RegistryId, Timestamp,
    event::{CourtRuled, ProcedureOpened, StatusChanged},
    procedure::{Decision, Procedure},
    status::TargetKind,
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

#[derive(Deserialize)]
struct Row {
    id: i64,
    opened: ProcedureOpened,
    heard: Option<Vec<Timestamp>>,
    closed: Option<String>,
    decision: Option<RowDecision>,
    lapses: Option<i64>,
}
#[derive(Deserialize)]
struct RowDecision {
    seq: i64,
    at: i64,
    change: StatusChanged,
    rulings: Option<Vec<RowRuling>>,
}
#[derive(Deserialize)]
struct RowRuling {
    seq: i64,
    ruling: CourtRuled,
}

/// A decision `d` with its rulings.
const DECISION: &str = "json_build_object('seq', d.decision_id, 'at', micros(d.at), 'change', d.data,
    'rulings', (select json_agg(json_build_object('seq', r.seq, 'ruling', r.data) order by r.seq) from rulings r
                 where r.registry_id = d.registry_id and r.decision_id = d.decision_id))";

fn sql() -> String {
    format!(
        "select json_build_object('id', p.procedure_id, 'opened', p.data,
            'heard', (select json_agg(s.data ->> 'received_on' order by s.seq) from procedure_steps s
                       where s.registry_id = p.registry_id and s.procedure_id = p.procedure_id
                         and s.kind = 'ProcedureHeard'),
            'closed', (select s.data ->> 'reason' from procedure_steps s
                        where s.registry_id = p.registry_id and s.procedure_id = p.procedure_id
                          and s.kind = 'ProcedureClosed' order by s.seq limit 1),
            'decision', (select {DECISION} from decisions d
                          where d.registry_id = p.registry_id and d.procedure_id = p.procedure_id
                          order by d.decision_id limit 1),
            'lapses', (select micros(max(upper(d.span))) from decisions d
                        where d.registry_id = p.registry_id and d.target_kind = p.target_kind
                          and d.target_id = p.target_id and not upper_inf(d.span)))::text as value
           from procedures p where p.registry_id = $1"
    )
}

fn decision(row: RowDecision) -> Decision {
    let rulings = row.rulings.unwrap_or_default().into_iter().map(|r| (r.seq, r.ruling)).collect();
    Decision { seq: row.seq, recorded_at: Timestamp::from_micros(row.at), change: row.change, rulings }
}

fn procedure(json: &Json) -> Result<Procedure, Error> {
    let row: Row = from_json(json)?;
    Ok(Procedure {
        id: row.id,
        opened: row.opened,
        heard: row.heard.unwrap_or_default(),
        closed: row.closed,
        decision: row.decision.map(decision),
        emergency_lapses: row.lapses.map(Timestamp::from_micros),
    })
}

fn find(conn: &mut PgConnection, registry: RegistryId, id: i64) -> Result<Option<Procedure>, Error> {
    let rows: Vec<Json> = sql_query(format!("{} and p.procedure_id = $2", sql()))
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::BigInt, _>(id)
        .load(conn)?;
    rows.first().map(procedure).transpose()
}

fn find_decision(conn: &mut PgConnection, registry: RegistryId, seq: i64) -> Result<Option<Decision>, Error> {
    let sql = format!(
        "select {DECISION}::text as value from decisions d where d.registry_id = $1 and d.decision_id = $2"
    );
    let rows: Vec<Json> = sql_query(sql)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::BigInt, _>(seq)
        .load(conn)?;
    rows.first().map(|row| from_json(row).map(decision)).transpose()
}

/// Whose an accreditation or a statement is.
fn owner(
    conn: &mut PgConnection,
    registry: RegistryId,
    (kind, id): (TargetKind, &str),
) -> Result<Option<Uuid>, Error> {
    let sql = match kind {
        TargetKind::Entity => return Ok(Uuid::parse_str(id).ok()),
        TargetKind::Delegation => return Ok(None),
        TargetKind::Accreditation => {
            "select entity_id::text as value from accreditations
              where registry_id = $1 and accreditation_id::text = $2 and upper_inf(recorded)"
        }
        TargetKind::Statement => {
            "select t.entity_id::text as value from statements s join tuples t using (registry_id, tuple_id)
              where s.registry_id = $1 and s.statement_id::text = $2 and upper_inf(s.recorded)"
        }
    };
    let rows: Vec<Json> =
        sql_query(sql).bind::<sql_types::Integer, _>(registry.0).bind::<sql_types::Text, _>(id).load(conn)?;
    let parse = |row: &Json| Uuid::parse_str(&row.value).map_err(|e| Error::Internal(e.to_string()));
    rows.first().map(parse).transpose()
}

impl Tx<'_> {
    pub fn procedure(&mut self, id: i64) -> Result<Option<Procedure>, Error> {
        find(self.conn, self.registry, id)
    }

    pub fn decision(&mut self, seq: i64) -> Result<Option<Decision>, Error> {
        find_decision(self.conn, self.registry, seq)
    }
}

impl Store {
    pub async fn procedure(&self, registry: RegistryId, id: i64) -> Result<Option<Procedure>, Error> {
        self.read("procedure.get", registry, move |conn| find(conn, registry, id)).await
    }

    /// A change of state that was recorded, by the `seq` of its event.
    pub async fn decision(&self, registry: RegistryId, seq: i64) -> Result<Option<Decision>, Error> {
        self.read("decision.get", registry, move |conn| find_decision(conn, registry, seq)).await
    }

    /// Newest first; those about one entity where it is given, from before a number where that is not 0.
    pub async fn procedures(
        &self,
        registry: RegistryId,
        entity: Option<Uuid>,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Procedure>, Error> {
        let sql = format!(
            "{} and ($2 is null or p.entity_id = $2) and ($3 = 0 or p.procedure_id < $3)
               order by p.procedure_id desc limit $4",
            sql()
        );
        self.read("procedure.list", registry, move |conn| {
            let rows: Vec<Json> = sql_query(&sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Nullable<sql_types::Uuid>, _>(entity)
                .bind::<sql_types::BigInt, _>(before)
                .bind::<sql_types::BigInt, _>(limit)
                .load(conn)?;
            rows.iter().map(procedure).collect()
        })
        .await
    }

    /// Whose a target is; nobody's where there is no such thing.
    pub async fn owner(
        &self,
        registry: RegistryId,
        target: (TargetKind, String),
    ) -> Result<Option<Uuid>, Error> {
        self.read("target.owner", registry, move |conn| owner(conn, registry, (target.0, &target.1))).await
    }
}
