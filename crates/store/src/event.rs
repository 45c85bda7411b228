//! Events as they stand: for replay, audits and (later) the log.

use charter_domain::RegistryId;
use diesel::prelude::*;

use crate::{Error, Store, schema::events};

impl Store {
    /// Public bytes of the events of a registry, in order, after a seq.
    pub async fn event_bodies(
        &self,
        registry: RegistryId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.read("event.list", registry, move |conn| {
            Ok(events::table
                .filter(events::seq.gt(after))
                .order(events::seq)
                .limit(limit)
                .select(events::body)
                .load(conn)?)
        })
        .await
    }
}
