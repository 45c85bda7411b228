//! Delegations that fit.

use charter_domain::{AuthorityId, Delegation, RegistryId, status::State};
use diesel::{RunQueryDsl, sql_types};

use super::Between;
use crate::{
    Error, Store,
    delegation::{RECORDED, parse},
    entity::Json,
    statement::sql_query,
    tx::offset,
};

#[derive(Debug, Clone, Default)]
pub struct Delegations {
    pub subordinate: Option<AuthorityId>,
    /// In force now.
    pub state: Option<State>,
    pub valid_until: Between,
}

// One row at most is in force at an instant.
const FITTING: &str = "and d.delegation_id > $2
  and ($4 is null or d.subordinate = $4)
  and ($5 is null or $5 = coalesce((select c.state from status_changes c
        where c.registry_id = $1 and c.target_kind = 'delegation' and c.target_id = d.delegation_id::text
          and upper_inf(c.recorded) and c.effective @> $6), 'ACTIVE'))
  and ($7 is null or upper(d.valid) >= $7) and ($8 is null or upper(d.valid) < $8)
  order by d.delegation_id limit $3";

impl Store {
    /// In the order of their numbers, after a cursor; at most `limit`.
    pub async fn find_delegations(
        &self,
        registry: RegistryId,
        find: Delegations,
        (after, limit): (i64, i64),
    ) -> Result<Vec<Delegation>, Error> {
        use sql_types::{Nullable, Text, Timestamptz};
        let now = offset(self.now());
        self.read("delegation.find", registry, move |conn| {
            let rows: Vec<Json> = sql_query(format!("{RECORDED} {FITTING}"))
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(after)
                .bind::<sql_types::BigInt, _>(limit)
                .bind::<Nullable<Text>, _>(find.subordinate.as_ref().map(AuthorityId::as_str))
                .bind::<Nullable<Text>, _>(find.state.map(State::code))
                .bind::<Timestamptz, _>(now)
                .bind::<Nullable<Timestamptz>, _>(find.valid_until.from.map(offset))
                .bind::<Nullable<Timestamptz>, _>(find.valid_until.until.map(offset))
                .load(conn)?;
            rows.iter().map(parse).collect()
        })
        .await
    }
}
