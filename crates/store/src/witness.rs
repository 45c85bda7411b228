//! How far a registry's witness has cosigned each log, as last noted: a tripwire against older files, never the state.

use charter_domain::RegistryId;
use diesel::{QueryableByName, RunQueryDsl, sql_types};

use crate::{Error, Store, statement::sql_query};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    size: i64,
}

fn stored(size: u64) -> Result<i64, Error> {
    i64::try_from(size).map_err(|_| Error::Internal("a log is larger than 2^63 - 1 leaves".to_owned()))
}

impl Store {
    /// Leaves of the log when this registry's witness last noted it; none if it never did.
    pub async fn witness_mark(&self, registry: RegistryId, origin: &str) -> Result<Option<u64>, Error> {
        let origin = origin.to_owned();
        self.read("witness.mark", registry, move |conn| {
            let rows: Vec<Row> =
                sql_query("select size from witness_marks where registry_id = $1 and origin = $2")
                    .bind::<sql_types::Integer, _>(registry.0)
                    .bind::<sql_types::Text, _>(&origin)
                    .load(conn)?;
            Ok(rows.first().and_then(|row| u64::try_from(row.size).ok()))
        })
        .await
    }

    /// Notes how far a log was cosigned; a mark only rises.
    pub async fn raise_witness_mark(
        &self,
        registry: RegistryId,
        origin: &str,
        size: u64,
    ) -> Result<(), Error> {
        let (origin, size) = (origin.to_owned(), stored(size)?);
        self.amend("witness.raise", registry, move |conn| {
            sql_query(
                "insert into witness_marks (registry_id, origin, size) values ($1, $2, $3)
                 on conflict (registry_id, origin) do update set size = greatest(witness_marks.size, excluded.size)",
            )
            .bind::<sql_types::Integer, _>(registry.0)
            .bind::<sql_types::Text, _>(&origin)
            .bind::<sql_types::BigInt, _>(size)
            .execute(conn)?;
            Ok(())
        })
        .await
    }

    /// Lowers a mark to what a person confirms that the files hold; false where there was no mark.
    pub async fn confirm_witness_mark(
        &self,
        registry: RegistryId,
        origin: &str,
        size: u64,
    ) -> Result<bool, Error> {
        let (origin, size) = (origin.to_owned(), stored(size)?);
        self.amend("witness.confirm", registry, move |conn| {
            let changed =
                sql_query("update witness_marks set size = $3 where registry_id = $1 and origin = $2")
                    .bind::<sql_types::Integer, _>(registry.0)
                    .bind::<sql_types::Text, _>(&origin)
                    .bind::<sql_types::BigInt, _>(size)
                    .execute(conn)?;
            Ok(changed > 0)
        })
        .await
    }
}
