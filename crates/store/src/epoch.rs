//! The epoch poll: connections of its own, so that a busy pool cannot make the lease expire.

use std::{collections::HashMap, sync::Arc, time::Duration};

use charter_domain::{RegistryId, Timestamp};
use diesel::{prelude::*, sql_types};
use tokio_postgres::{Client, Row};

use crate::{
    Error, Store,
    nodes::{Begun, Rounds},
    schema::registry_epochs,
    statement::sql_query,
};

/// Microseconds since 1970, by the node's own clock.
pub(crate) const CLOCK: &str = "(extract(epoch from clock_timestamp()) * 1000000)::bigint";
/// Clocks that are further apart than this do not agree: what one of them says has begun may be over by the other.
pub const ASTRAY: Duration = Duration::from_secs(60);

const NOBODY: &str =
    "select epoch, not exists (select from entity_identifiers i where i.registry_id = $1) as nobody
  from registry_epochs where registry_id = $1";

/// What moved in one registry: `identifiers` are those of the entity concerned, `None` is everything.
#[derive(Debug, Clone)]
pub struct Change {
    pub seq: i64,
    pub identifiers: Option<Vec<String>>,
}

/// Reads epochs: of one node from the primary, of several from as many as prove that nothing was missed.
pub struct EpochReader {
    source: Source,
    /// What the nodes' clocks said when they were polled last.
    clocks: Vec<Timestamp>,
}

enum Source {
    One(Client),
    Many(Rounds),
}

impl Store {
    pub async fn epoch_reader(&self) -> Result<EpochReader, Error> {
        if !self.nodes.alone() {
            let source = Source::Many(Rounds::new(Arc::clone(&self.nodes)));
            return Ok(EpochReader { source, clocks: Vec::new() });
        }
        let way = self.nodes.node(0).address.way(Duration::from_millis(800))?.that_writes();
        Ok(EpochReader { source: Source::One(way.connect().await?), clocks: Vec::new() })
    }
}

impl EpochReader {
    /// The epoch of each registry, and whether it has moved: it is not served from this database. `floors` are the epochs
    /// that are known: of several nodes, what is behind them proves nothing.
    pub async fn epochs(
        &mut self,
        floors: &HashMap<RegistryId, i64>,
    ) -> Result<Vec<(RegistryId, i64, bool)>, Error> {
        let client = match &mut self.source {
            Source::One(client) => client,
            Source::Many(rounds) => {
                let found = rounds.epochs(floors).await?;
                self.clocks = rounds.clocks();
                return Ok(found);
            }
        };
        let sql = format!("select registry_id, epoch, moved_at is not null, {CLOCK} from registry_epochs");
        let rows = client.query(&sql, &[]).await?;
        let clock = |row: &Row| Ok::<_, Error>(Timestamp::from_micros(row.try_get(3)?));
        self.clocks = rows.first().map(clock).transpose()?.into_iter().collect();
        rows.iter().map(|r| Ok((RegistryId(r.try_get(0)?), r.try_get(1)?, r.try_get(2)?))).collect()
    }

    /// How far this clock is from the nearest of the nodes', by the last poll.
    pub fn astray(&self, now: Timestamp) -> Duration {
        self.clocks.iter().map(|clock| now.apart(*clock)).min().unwrap_or_default()
    }

    /// Changes after an epoch, in order.
    pub async fn changes_since(&self, registry: RegistryId, after: i64) -> Result<Vec<Change>, Error> {
        match &self.source {
            Source::One(client) => changes(client, registry, after).await,
            Source::Many(rounds) => rounds.changes_since(registry, after).await,
        }
    }

    /// A primary that was not known when this was asked before: the one before it may have shown what was never acknowledged.
    pub fn take_begun(&mut self) -> Option<Begun> {
        match &mut self.source {
            Source::One(_) => None,
            Source::Many(rounds) => rounds.take_begun(),
        }
    }

    /// Whether it is of use after a question that failed: it remembers what it has seen, and connects again by itself.
    pub fn lasts(&self) -> bool {
        matches!(self.source, Source::Many(_))
    }
}

pub(crate) async fn changes(client: &Client, registry: RegistryId, after: i64) -> Result<Vec<Change>, Error> {
    let rows =
        client.query("select seq, identifiers from changes_since($1, $2)", &[&registry.0, &after]).await?;
    rows.iter().map(|r| Ok(Change { seq: r.try_get(0)?, identifiers: r.try_get(1)? })).collect()
}

impl Store {
    /// The epoch from Postgres itself, of several nodes from a quorum: for when the lease is lost, and for questions that demand one.
    pub async fn epoch(&self, registry: RegistryId) -> Result<i64, Error> {
        self.on_time()?;
        if !self.of_writer() {
            self.nodes.prove().await?;
            return self.nodes.floor_known(registry);
        }
        self.read_shared("epoch.get", move |conn| {
            let found: Option<i64> = registry_epochs::table
                .find(registry.0)
                .select(registry_epochs::epoch)
                .first(conn)
                .optional()?;
            found.ok_or_else(|| Error::NotFound(format!("registry {registry}")))
        })
        .await
    }

    /// The epoch, and whether nobody has been registered by then.
    pub async fn has_nobody(&self, registry: RegistryId) -> Result<(i64, bool), Error> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = sql_types::BigInt)]
            epoch: i64,
            #[diesel(sql_type = sql_types::Bool)]
            nobody: bool,
        }
        self.read("epoch.nobody", registry, move |conn| {
            let found: Option<Row> =
                sql_query(NOBODY).bind::<sql_types::Integer, _>(registry.0).get_result(conn).optional()?;
            let found = found.ok_or_else(|| Error::NotFound(format!("registry {registry}")))?;
            Ok((found.epoch, found.nobody))
        })
        .await
    }

    /// Changes after an epoch, in order.
    pub async fn changes_since(&self, registry: RegistryId, after: i64) -> Result<Vec<Change>, Error> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = sql_types::BigInt)]
            seq: i64,
            #[diesel(sql_type = sql_types::Nullable<sql_types::Array<sql_types::Text>>)]
            identifiers: Option<Vec<String>>,
        }
        self.read("epoch.changes", registry, move |conn| {
            let rows: Vec<Row> = sql_query("select seq, identifiers from changes_since($1, $2)")
                .bind::<sql_types::Integer, _>(registry.0)
                .bind::<sql_types::BigInt, _>(after)
                .load(conn)?;
            Ok(rows.into_iter().map(|r| Change { seq: r.seq, identifiers: r.identifiers }).collect())
        })
        .await
    }
}
