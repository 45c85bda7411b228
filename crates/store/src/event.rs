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
            let Some((first, last)) = bounds(conn, registry, &filter, after)? else { return Ok(Vec::new()) };
            let of = events::registry_id.eq(registry.0).and(events::seq.between(first, last));
            let mut query = events::table.filter(of).into_boxed();
            if let Some(subject) = &filter.subject {
                query = query.filter(events::subject.eq(subject));
            }
            if let Some(actor) = filter.actor {
                query = query.filter(events::actor.eq(actor.to_string()));
            }
            Ok(query.order(events::seq).limit(limit).select((events::seq, events::body)).load(conn)?)
        })
        .await
    }
}

/// Which numbers can lie in the times: `recorded_at` never goes back, so times are numbers. None can: no bounds.
fn bounds(
    conn: &mut PgConnection,
    registry: RegistryId,
    filter: &Filter,
    after: i64,
) -> Result<Option<(i64, i64)>, Error> {
    let mut first_since = |time| -> Result<Option<i64>, Error> {
        let since = events::registry_id.eq(registry.0).and(events::recorded_at.ge(offset(time)));
        let order = (events::recorded_at, events::seq);
        Ok(events::table.filter(since).order(order).select(events::seq).first(conn).optional()?)
    };
    let first = match filter.from {
        Some(from) => first_since(from)?,
        None => Some(1),
    };
    let last = match filter.until {
        Some(until) => first_since(until)?.map_or(i64::MAX, |seq| seq - 1),
        None => i64::MAX,
    };
    Ok(first.map(|first| (first.max(after.saturating_add(1)), last)))
}
