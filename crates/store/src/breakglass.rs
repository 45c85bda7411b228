//! Emergency denials on file: each once, with the document that its officers signed.

use charter_domain::{
    Timestamp,
    policy::{Permit, Writes},
};
use diesel::{RunQueryDsl, sql_types};
use uuid::Uuid;

use crate::{Error, Tx, statement::sql_query, tx::offset};

impl Tx<'_> {
    /// Puts a denial on file, with the entities of this registry that it names; false where it is there already. The
    /// suspensions that record it follow in the same transaction. `changes` is how many of them there will be.
    pub fn keep_emergency_denial<V: Writes>(
        &mut self,
        _permit: &Permit<V>,
        (jti, document): (Uuid, &[u8]),
        entities: &[Uuid],
        until: Timestamp,
        changes: usize,
    ) -> Result<bool, Error> {
        let seq = (changes > 0).then_some(self.epoch + 1);
        let rows = sql_query(
            "insert into emergency_denials (registry_id, jti, document, entities, until, recorded_at, seq)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (registry_id, jti) do nothing",
        )
        .bind::<sql_types::Integer, _>(self.registry.0)
        .bind::<sql_types::Uuid, _>(jti)
        .bind::<sql_types::Binary, _>(document)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(entities)
        .bind::<sql_types::Timestamptz, _>(offset(until))
        .bind::<sql_types::Timestamptz, _>(offset(self.now))
        .bind::<sql_types::Nullable<sql_types::BigInt>, _>(seq)
        .execute(self.conn)?;
        Ok(rows == 1)
    }
}
