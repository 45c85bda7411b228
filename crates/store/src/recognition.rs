//! Signed recognition statements on file: for a question, and about one peer.

use charter_domain::{Action, AuthorityId, RegistryId, Resource};
use diesel::{RunQueryDsl, sql_types};

use crate::{Error, Store, entity::Json, statement::sql_query};

/// Recognitions with a peer that are held now, the latest first; conditions follow.
const HELD: &str = "select d.jws as value from recognition_peers p
    join statements s on s.registry_id = $1 and s.statement_id = p.statement_id and upper_inf(s.recorded)
    join tuples t on t.registry_id = $1 and t.tuple_id = s.tuple_id
    join documents d on d.registry_id = $1 and d.target = 'recognition:' || p.statement_id
  where p.registry_id = $1";

impl Store {
    /// Whether a statement, by its number, is the recognition of a peer.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn names_peer(&self, registry: RegistryId, statement: i64) -> Result<bool, Error> {
        self.read("recognition.peer", registry, move |conn| {
            let sql = "select p.statement_id::text as value from recognition_peers p
                where p.registry_id = $1 and p.statement_id = $2";
            let rows: Vec<Json> = sql_query(sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(statement)
                .load(conn)?;
            Ok(!rows.is_empty())
        })
        .await
    }

    /// Those of all peers, the latest first; at most `most`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn recognitions_all(&self, registry: RegistryId, most: i64) -> Result<Vec<String>, Error> {
        self.read("recognition.all", registry, move |conn| {
            let sql = format!("{HELD} order by p.statement_id desc limit $2");
            let rows: Vec<Json> = sql_query(sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(most)
                .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }

    /// Those that may be followed for an action and a resource, in exactly these words; at most `most`.
    pub async fn recognitions_for(
        &self,
        registry: RegistryId,
        (action, resource): (Action, Resource),
        most: i64,
    ) -> Result<Vec<String>, Error> {
        self.read("recognition.followed", registry, move |conn| {
            let sql = format!(
                "{HELD} and t.action = $2 and t.resource = $3 and (p.peer ->> 'may_follow')::boolean
                  order by p.statement_id desc limit $4"
            );
            let rows: Vec<Json> = sql_query(sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(action.as_str())
                .bind::<sql_types::Text, _>(resource.as_str())
                .bind::<sql_types::BigInt, _>(most)
                .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }

    /// Those about a peer, by any of its identifiers; at most `most`.
    pub async fn recognitions_of(
        &self,
        registry: RegistryId,
        peer: AuthorityId,
        most: i64,
    ) -> Result<Vec<String>, Error> {
        self.read("recognition.list", registry, move |conn| {
            let sql = format!(
                "{HELD} and t.entity_id = (select entity_id from entity_identifiers
                     where registry_id = $1 and value = $2 and upper_inf(recorded))
                  order by p.statement_id desc limit $3"
            );
            let rows: Vec<Json> = sql_query(sql)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Text, _>(peer.as_str())
                .bind::<sql_types::BigInt, _>(most)
                .load(conn)?;
            Ok(rows.into_iter().map(|row| row.value).collect())
        })
        .await
    }
}
