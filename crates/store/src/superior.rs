//! Superiors that staff have recorded that their registry joined or left.

use charter_domain::{
    HttpsId, RegistryId,
    event::{SuperiorJoined, SuperiorLeft},
};
use diesel::{PgConnection, RunQueryDsl, sql_types};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Error, Store, Tx,
    entity::{Json, from_json},
    statement::sql_query,
};

/// What was said last of one superior, and by which event.
#[derive(Debug, Clone)]
pub struct RecordedSuperior {
    pub seq: i64,
    pub said: Said,
}

#[derive(Debug, Clone)]
pub enum Said {
    Joined(SuperiorJoined),
    Left(SuperiorLeft),
}

impl RecordedSuperior {
    pub fn entity_identifier(&self) -> &HttpsId {
        match &self.said {
            Said::Joined(joined) => &joined.entity_identifier,
            Said::Left(left) => &left.entity_identifier,
        }
    }

    pub fn joined(&self) -> Option<&SuperiorJoined> {
        match &self.said {
            Said::Joined(joined) => Some(joined),
            Said::Left(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Row {
    seq: i64,
    joined: bool,
    data: Value,
}

fn parsed(row: &Json) -> Result<RecordedSuperior, Error> {
    let row: Row = from_json(row)?;
    let unread = |e: serde_json::Error| Error::Internal(format!("a superior did not parse: {e}"));
    let said = if row.joined {
        Said::Joined(serde_json::from_value(row.data).map_err(unread)?)
    } else {
        Said::Left(serde_json::from_value(row.data).map_err(unread)?)
    };
    Ok(RecordedSuperior { seq: row.seq, said })
}

/// One row for each superior, in the order of their events.
fn load(conn: &mut PgConnection, registry: RegistryId) -> Result<Vec<RecordedSuperior>, Error> {
    let rows: Vec<Json> = sql_query(
        "select json_build_object('seq', seq, 'joined', joined, 'data', data)::text as value
           from superiors where registry_id = $1 and upper_inf(recorded) order by seq",
    )
    .bind::<sql_types::Integer, _>(registry.0)
    .load(conn)?;
    rows.iter().map(parsed).collect()
}

impl Tx<'_> {
    pub fn superiors(&mut self) -> Result<Vec<RecordedSuperior>, Error> {
        load(self.conn, self.registry)
    }
}

impl Store {
    pub async fn superiors(&self, registry: RegistryId) -> Result<Vec<RecordedSuperior>, Error> {
        self.read("superior.list", registry, move |conn| load(conn, registry)).await
    }
}
