//! What is due to be signed again, and putting it in the place of exactly what was read.

use std::collections::HashMap;

use charter_domain::{Delegation, RegistryId, Timestamp};
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use time::OffsetDateTime;

use crate::{
    Error, Store, delegation,
    document::{Document, StatementSnapshot, Which, statements},
    statement::sql_query,
    tx::{offset, stamp},
};

/// A document as it is on file.
#[derive(Debug, Clone, QueryableByName)]
pub struct Filed {
    #[diesel(sql_type = sql_types::Text)]
    pub target: String,
    #[diesel(sql_type = sql_types::Text)]
    pub jws: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    exp: OffsetDateTime,
}

impl Filed {
    /// The event that made what the document is about, where it is of this kind.
    fn id(&self, prefix: &str) -> Option<i64> {
        self.target.strip_prefix(prefix)?.parse().ok()
    }
}

/// Where the next page starts: expiry and target of the last document of this one.
#[derive(Debug, Clone)]
pub struct Cursor {
    exp: Timestamp,
    target: String,
}

/// One page of what is due, beside the facts that each document is about.
#[derive(Debug, Default)]
pub struct Due {
    pub statements: Vec<(Filed, StatementSnapshot)>,
    pub recognitions: Vec<(Filed, StatementSnapshot)>,
    pub delegations: Vec<(Filed, Delegation)>,
    pub configuration: Option<Filed>,
    /// None: this was the last page.
    pub next: Option<Cursor>,
}

/// A document that replaces the one that reads `was`, and no other.
#[derive(Debug)]
pub struct Replacement {
    pub was: String,
    pub document: Document,
}

/// One part for each index: an `or` between them would read every document for each page.
const DUE: &str = "select target, jws, exp from (
    (select target, jws, exp from documents where registry_id = $1 and exp < $2
        and ($3 is null or (exp, target) > ($3, $4)) order by exp, target limit $5)
    union all select target, jws, exp from documents where registry_id = $1 and kid < $6
        and exp >= $2 and target <> 'configuration' and ($3 is null or (exp, target) > ($3, $4))
    union all select target, jws, exp from documents where registry_id = $1 and kid > $6
        and exp >= $2 and target <> 'configuration' and ($3 is null or (exp, target) > ($3, $4))
    union all select target, jws, exp from documents where registry_id = $1 and kid is null
        and exp >= $2 and target <> 'configuration' and ($3 is null or (exp, target) > ($3, $4))
  ) d order by exp, target limit $5";

fn filed(
    conn: &mut PgConnection,
    registry: RegistryId,
    (before, kid): (Timestamp, &str),
    after: Option<&Cursor>,
    count: i64,
) -> Result<Vec<Filed>, Error> {
    let rows = sql_query(DUE)
        .bind::<sql_types::Integer, _>(registry.0)
        .bind::<sql_types::Timestamptz, _>(offset(before))
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(after.map(|c| offset(c.exp)))
        .bind::<sql_types::Text, _>(after.map_or("", |c| c.target.as_str()))
        .bind::<sql_types::BigInt, _>(count)
        .bind::<sql_types::Text, _>(kid);
    Ok(rows.load(conn)?)
}

fn due(
    conn: &mut PgConnection,
    registry: RegistryId,
    before: (Timestamp, &str),
    after: Option<&Cursor>,
    count: i64,
) -> Result<Due, Error> {
    let mut page = Due::default();
    let rows = filed(conn, registry, before, after, count)?;
    let full = i64::try_from(rows.len()).is_ok_and(|n| n == count);
    page.next = rows.last().filter(|_| full).map(|f| Cursor { exp: stamp(f.exp), target: f.target.clone() });
    let (mut by_statement, mut by_recognition) = (HashMap::new(), HashMap::new());
    let mut by_delegation = HashMap::new();
    for row in rows {
        if let Some(id) = row.id("statement:") {
            by_statement.insert(id, row);
        } else if let Some(id) = row.id("recognition:") {
            by_recognition.insert(id, row);
        } else if let Some(id) = row.id("delegation:") {
            by_delegation.insert(id, row);
        } else {
            page.configuration = Some(row);
        }
    }
    page.statements = with_facts(conn, registry, by_statement)?;
    page.recognitions = with_facts(conn, registry, by_recognition)?;
    if !by_delegation.is_empty() {
        let found = delegation::load(conn, registry)?;
        page.delegations =
            found.into_iter().filter_map(|d| Some((by_delegation.remove(&d.id)?, d))).collect();
    }
    Ok(page)
}

/// Documents about statements, by the numbers of these, beside what is recorded.
fn with_facts(
    conn: &mut PgConnection,
    registry: RegistryId,
    mut filed: HashMap<i64, Filed>,
) -> Result<Vec<(Filed, StatementSnapshot)>, Error> {
    if filed.is_empty() {
        return Ok(Vec::new());
    }
    let found = statements(conn, registry, &Which::These(filed.keys().copied().collect()))?;
    Ok(found.into_iter().filter_map(|s| Some((filed.remove(&s.id)?, s))).collect())
}

fn replace(conn: &mut PgConnection, registry: RegistryId, list: &[Replacement]) -> Result<usize, Error> {
    let text = |of: fn(&Replacement) -> &str| -> Vec<&str> { list.iter().map(of).collect() };
    let times = |of: fn(&Document) -> Timestamp| -> Vec<OffsetDateTime> {
        list.iter().map(|r| offset(of(&r.document))).collect()
    };
    let done = sql_query(
        "update documents d set jws = n.jws, iat = n.iat, exp = n.exp, kid = n.kid
           from unnest($2, $3, $4, $5, $6, $7) as n(target, was, jws, iat, exp, kid)
          where d.registry_id = $1 and d.target = n.target and d.jws = n.was",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .bind::<sql_types::Array<sql_types::Text>, _>(text(|r| &r.document.target))
    .bind::<sql_types::Array<sql_types::Text>, _>(text(|r| &r.was))
    .bind::<sql_types::Array<sql_types::Text>, _>(text(|r| &r.document.jws))
    .bind::<sql_types::Array<sql_types::Timestamptz>, _>(times(|d| d.iat))
    .bind::<sql_types::Array<sql_types::Timestamptz>, _>(times(|d| d.exp))
    .bind::<sql_types::Array<sql_types::Text>, _>(text(|r| &r.document.kid))
    .execute(conn)?;
    Ok(done)
}

impl Store {
    /// What expires before an instant, or was signed by another key than the one named; oldest first, `count` at
    /// most, after the page before.
    pub async fn due(
        &self,
        registry: RegistryId,
        (before, kid): (Timestamp, String),
        after: Option<Cursor>,
        count: i64,
    ) -> Result<Due, Error> {
        self.read("document.due", registry, move |conn| {
            due(conn, registry, (before, &kid), after.as_ref(), count)
        })
        .await
    }

    /// Puts renewed documents in place. One that a change has replaced in the meantime stays: the change's own
    /// document is newer in what it says. Takes no lock of the registry, so revocations do not wait for renewals.
    pub async fn replace_documents(
        &self,
        registry: RegistryId,
        list: Vec<Replacement>,
    ) -> Result<usize, Error> {
        self.amend("document.renew", registry, move |conn| replace(conn, registry, &list)).await
    }
}
