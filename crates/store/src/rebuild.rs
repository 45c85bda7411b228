//! Rebuilding the projections of a registry from its events: the proof that events are the truth.

use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_types};

use crate::{Error, event_chain, migrate, registry, statement::sql_query};

/// What a rebuild found in one registry.
#[derive(Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub authority: String,
    pub events: i64,
    /// Projections whose rows differ from what the events say.
    pub differing: Vec<String>,
    /// The first event that is not as it was recorded, and why. Nothing is rebuilt from such events.
    pub fault: Option<String>,
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

/// Rebuilds every registry, each in one transaction, as the owner. With `verify` nothing is kept: the tables are
/// rebuilt, compared row for row, and rolled back.
pub fn run(owner_url: &str, verify: bool) -> Result<Vec<Rebuilt>, Error> {
    let mut conn = migrate::connect(owner_url)?;
    let registries = registry::all(&mut conn)?;
    registries.iter().map(|r| one(&mut conn, r.id.0, r.authority.as_str(), verify)).collect()
}

fn one(conn: &mut PgConnection, id: i32, authority: &str, verify: bool) -> Result<Rebuilt, Error> {
    let mut found = None;
    let outcome = conn.transaction::<(), Error, _>(|conn| {
        sql_query("select set_config('app.registry', $1, true)")
            .bind::<sql_types::Text, _>(id.to_string())
            .execute(conn)?;
        sql_query("select from registry_epochs where registry_id = $1 for update")
            .bind::<sql_types::Integer, _>(id)
            .execute(conn)?;
        if let Some(fault) = event_chain::fault(conn, id)? {
            found = Some(Rebuilt {
                authority: authority.to_owned(),
                events: 0,
                differing: vec![],
                fault: Some(fault),
            });
            return Err(diesel::result::Error::RollbackTransaction.into());
        }
        let before = fingerprint(conn, id)?;
        sql_query("call rebuild($1)").bind::<sql_types::Integer, _>(id).execute(conn)?;
        let after = fingerprint(conn, id)?;
        let events = sql_query("select count(*) as value from events where registry_id = $1")
            .bind::<sql_types::Integer, _>(id)
            .get_result::<Number>(conn)?
            .value;
        let differing = before
            .lines()
            .zip(after.lines())
            .filter(|(b, a)| b != a)
            .filter_map(|(b, _)| b.split('=').next().map(str::to_owned))
            .collect();
        found = Some(Rebuilt { authority: authority.to_owned(), events, differing, fault: None });
        if verify { Err(diesel::result::Error::RollbackTransaction.into()) } else { Ok(()) }
    });
    match (found, outcome) {
        (Some(rebuilt), _) if verify || rebuilt.fault.is_some() => Ok(rebuilt),
        (Some(rebuilt), Ok(())) => Ok(rebuilt),
        (_, Err(e)) => Err(e),
        (None, Ok(())) => Err(Error::Internal("a rebuild ended without a result".to_owned())),
    }
}

fn fingerprint(conn: &mut PgConnection, id: i32) -> Result<String, Error> {
    Ok(sql_query("select fingerprint($1) as value")
        .bind::<sql_types::Integer, _>(id)
        .get_result::<Text>(conn)?
        .value)
}
