//! Events as they stand: for replay, audits and (later) the log.

use charter_domain::{RegistryId, Timestamp};
use diesel::prelude::*;

use crate::{Error, Store, schema::events, tx::offset};

/// Which events to read; all of them when nothing is set.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub subject: Option<String>,
    pub actor: Option<i64>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Store {
    /// Public bytes of the events of a registry, in order, after a seq.
    pub async fn event_bodies(
        &self,
        registry: RegistryId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let found = self.events(registry, Filter::default(), after, limit).await?;
        Ok(found.into_iter().map(|(_, body)| body).collect())
    }

    /// The same of some of them, each with its seq.
    pub async fn events(
        &self,
        registry: RegistryId,
        filter: Filter,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        self.read("event.list", registry, move |conn| {
            let mut query = events::table.filter(events::seq.gt(after)).into_boxed();
            if let Some(subject) = &filter.subject {
                query = query.filter(events::subject.eq(subject));
            }
            if let Some(actor) = filter.actor {
                query = query.filter(events::actor.eq(actor.to_string()));
            }
            if let Some(from) = filter.from {
                query = query.filter(events::recorded_at.ge(offset(from)));
            }
            if let Some(until) = filter.until {
                query = query.filter(events::recorded_at.lt(offset(until)));
            }
            Ok(query.order(events::seq).limit(limit).select((events::seq, events::body)).load(conn)?)
        })
        .await
    }
}
