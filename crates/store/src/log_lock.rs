//! Who sequences a log: a lock of the session, on a connection of its own. Where the connection ends, so do the locks
//! and with them the terms of this process.

use std::{sync::Arc, time::Duration};

use charter_domain::{RegistryId, Timestamp};
use tokio_postgres::Client;

use crate::{Error, Store, nodes::Nodes};

/// A statement that takes longer counts as the loss of the connection.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// The logs that this process has taken, or may take.
pub struct LogLocks {
    client: Client,
    nodes: Arc<Nodes>,
    node: usize,
}

/// Where a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    pub registry: RegistryId,
    /// Leaves in the tree.
    pub size: u64,
    /// Leaves that the outside may see.
    pub published_size: u64,
    /// When that was published; 1970 where nothing was.
    pub published_at: Timestamp,
}

impl Store {
    /// A connection to the primary for locks.
    pub async fn log_locks(&self) -> Result<LogLocks, Error> {
        let node = self.nodes.writer().await?;
        // A statement that the server cancels while it waits for a standby has happened all the same: among several nodes
        // only this side ends it, and the connection with it.
        let limit = if self.nodes.alone() { Duration::from_millis(800) } else { Duration::ZERO };
        let way = self.nodes.node(node).address.way(limit)?.that_writes();
        let client = within(way.connect()).await?;
        Ok(LogLocks { client, nodes: Arc::clone(&self.nodes), node })
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Unavailable("the connection of the log's locks is too slow".to_owned());
    tokio::time::timeout(TIMEOUT, work).await.map_err(late)?
}

fn size(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Internal("a size of the log is negative".to_owned()))
}

fn taken(row: &tokio_postgres::Row) -> Result<Option<(RegistryId, i64)>, Error> {
    let (registry, term): (i32, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(term.map(|term| (RegistryId(registry), term)))
}

fn position(row: &tokio_postgres::Row) -> Result<LogPosition, Error> {
    Ok(LogPosition {
        registry: RegistryId(row.try_get(0)?),
        size: size(row.try_get(1)?)?,
        published_size: size(row.try_get(2)?)?,
        published_at: Timestamp::from_micros(row.try_get(3)?),
    })
}

impl LogLocks {
    /// Takes those logs that no other process has: each with its new term. One that is asked for again gets another
    /// term. After an error it is open what was taken: only the end of the connection gives it back.
    pub async fn take(&self, registries: &[RegistryId]) -> Result<Vec<(RegistryId, i64)>, Error> {
        let ids: Vec<i32> = registries.iter().map(|r| r.0).collect();
        within(async {
            let rows =
                self.client.query("select r, take_log(r) from unnest($1::int[]) as r", &[&ids]).await?;
            rows.iter().filter_map(|row| taken(row).transpose()).collect::<Result<Vec<_>, Error>>()
        })
        .await
    }

    /// Whether the connection, and all that was taken with it, is still there, and of the node that takes writes.
    pub async fn hold(&self) -> Result<(), Error> {
        if self.nodes.writer().await? != self.node {
            return Err(Error::NotPrimary);
        }
        within(async {
            self.client.simple_query("select 1").await?;
            Ok::<(), Error>(())
        })
        .await
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Where the logs of others stand, those that were ever taken.
    pub async fn positions(&self, registries: &[RegistryId]) -> Result<Vec<LogPosition>, Error> {
        let ids: Vec<i32> = registries.iter().map(|r| r.0).collect();
        within(async {
            let sql = "select registry, sequenced, published, published_micros from log_positions($1)";
            let rows = self.client.query(sql, &[&ids]).await?;
            rows.iter().map(position).collect::<Result<Vec<_>, Error>>()
        })
        .await
    }
}
