//! What waits for people and for receivers, as numbers: for gauges, never what it is about.

use charter_domain::RegistryId;
use diesel::{QueryableByName, RunQueryDsl as _, sql_types};

use crate::{Error, Store, statement::sql_query, tx::offset};

/// Of one registry, now. Ages are of what has waited longest, in seconds; 0 where nothing waits.
#[derive(Debug, Clone, QueryableByName)]
pub struct Desk {
    /// Proposals that want approvals and have not lapsed.
    #[diesel(sql_type = sql_types::BigInt)]
    pub proposals: i64,
    #[diesel(sql_type = sql_types::Double)]
    pub oldest_proposal: f64,
    /// Applications of registries that nobody has answered, or made a proposal of.
    #[diesel(sql_type = sql_types::BigInt)]
    pub applications: i64,
    #[diesel(sql_type = sql_types::Double)]
    pub oldest_application: f64,
    /// Events that the webhook that is furthest behind was not told of, or did not pass over, yet.
    #[diesel(sql_type = sql_types::BigInt)]
    pub undelivered: i64,
    /// All that was ever recorded.
    #[diesel(sql_type = sql_types::BigInt)]
    pub events: i64,
}

const SQL: &str = "
  select waiting.*, asking.*, late.*, recorded.*
    from (select count(*) as proposals,
                 coalesce(extract(epoch from $2 - min(created_at)), 0)::float8 as oldest_proposal
            from proposals where registry_id = $1 and state = 'OPEN' and expires_at > $2) as waiting,
         (select count(*) as applications,
                 coalesce(extract(epoch from $2 - min(received_at)), 0)::float8 as oldest_application
            from applications
           where registry_id = $1 and expires_at > $2 and refused_at is null and proposal_id is null) as asking,
         (select coalesce(max(e.epoch - w.cursor), 0) as undelivered
            from webhooks w join registry_epochs e using (registry_id)
           where w.registry_id = $1 and w.state = 'ACTIVE') as late,
         (select coalesce(max(epoch), 0) as events from registry_epochs where registry_id = $1) as recorded";

impl Store {
    /// Counts what waits in a registry.
    pub async fn desk(&self, registry: RegistryId) -> Result<Desk, Error> {
        let now = offset(self.now());
        self.read("desk", registry, move |conn| {
            let counted = sql_query(SQL)
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::Timestamptz, _>(now);
            Ok(counted.get_result(conn)?)
        })
        .await
    }
}
