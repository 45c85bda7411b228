//! Delegations that this registry has made.

use charter_domain::{
    AuthorityId, Delegation, HttpsId, Interval, NamingConstraints, RegistryId, Scope, SpkiPins, Timestamp,
    status::{State, Status},
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

#[derive(Deserialize)]
struct Row {
    id: i64,
    subordinate: AuthorityId,
    entity_identifier: HttpsId,
    jwks: serde_json::Value,
    endpoint: String,
    #[serde(default)]
    tls_spki_sha256: Option<SpkiPins>,
    scope: Scope,
    max_path_length: Option<u8>,
    #[serde(default)]
    naming_constraints: Option<NamingConstraints>,
    answers_as_own: bool,
    f: Option<i64>,
    u: Option<i64>,
    statuses: Option<Vec<RowStatus>>,
    document: Option<String>,
}
#[derive(Deserialize)]
struct RowStatus {
    s: State,
    f: Option<i64>,
    u: Option<i64>,
}

fn interval(from: Option<i64>, until: Option<i64>) -> Interval {
    Interval { from: from.map(Timestamp::from_micros), until: until.map(Timestamp::from_micros) }
}

impl From<Row> for Delegation {
    fn from(row: Row) -> Self {
        let status = |s: RowStatus| Status { state: s.s, effective: interval(s.f, s.u) };
        Self {
            id: row.id,
            subordinate: row.subordinate,
            entity_identifier: row.entity_identifier,
            jwks: row.jwks.to_string(),
            endpoint: row.endpoint,
            tls_spki_sha256: row.tls_spki_sha256.unwrap_or_default(),
            scope: row.scope,
            max_path_length: row.max_path_length,
            naming_constraints: row.naming_constraints.unwrap_or_default(),
            answers_as_own: row.answers_as_own,
            valid: interval(row.f, row.u),
            statuses: row.statuses.unwrap_or_default().into_iter().map(status).collect(),
            document: row.document,
        }
    }
}

/// Delegations `d` that registry `$1` holds now; conditions follow.
pub(crate) const RECORDED: &str = "select json_build_object('id', d.delegation_id, 'subordinate', d.subordinate,
    'entity_identifier', d.entity_identifier, 'jwks', d.jwks, 'endpoint', d.endpoint, 'scope', d.scope,
    'max_path_length', d.max_path_length, 'answers_as_own', d.answers_as_own, 'f', micros(lower(d.valid)),
    'u', micros(upper(d.valid)),
    'tls_spki_sha256', (select p.tls_spki_sha256 from delegation_pins p
                         where p.registry_id = $1 and p.delegation_id = d.delegation_id and upper_inf(p.recorded)),
    'naming_constraints', (select n.naming_constraints from delegation_names n
                            where n.registry_id = $1 and n.delegation_id = d.delegation_id and upper_inf(n.recorded)),
    'statuses', statuses($1, 'delegation', d.delegation_id::text, 9223372036854775806),
    'document', (select jws from documents where registry_id = $1 and target = 'delegation:' || d.delegation_id)
  )::text as value
  from delegations d where d.registry_id = $1 and upper_inf(d.recorded)";

pub(crate) fn parse(row: &Json) -> Result<Delegation, Error> {
    from_json::<Row>(row).map(Into::into)
}

pub(crate) fn load(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<Delegation>, Error> {
    let sql = format!("{RECORDED} order by d.subordinate, d.delegation_id");
    let rows: Vec<Json> = sql_query(sql).bind::<sql_types::Integer, _>(registry.0).load(conn)?;
    rows.iter().map(parse).collect()
}

impl Store {
    pub async fn delegations(&self, registry: RegistryId) -> Result<Vec<Delegation>, Error> {
        self.read("delegation.list", registry, move |conn| load(conn, registry)).await
    }
}

impl Tx<'_> {
    pub fn delegations(&mut self) -> Result<Vec<Delegation>, Error> {
        load(self.conn, self.registry)
    }
}
