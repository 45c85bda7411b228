//! The hot read: one SQL function, one round trip, pipelined over a few tokio-postgres connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::{Kind, RegistryId, fact::Facts};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Statement};
use tracing::Instrument as _;

use crate::{Error, Store, nodes::Role, reads, span, way::Way};

/// A question waits as long for Postgres, connecting included, or for as long as a statement may take.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A node waits this long for one question while there is another that may be asked.
const IMPATIENCE: Duration = Duration::from_millis(150);
const FACTS: &str = "select facts($1, $2, $3, $4, $5, $6)";
/// One question of one registry, past the door.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub registry: RegistryId,
    pub kind: Kind,
    pub entity: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
    /// Ask what was held at this epoch.
    pub known_at: Option<i64>,
}

struct Conn {
    client: Client,
    facts: Statement,
}

/// Slots are opened when first used and reopened when found closed.
pub(crate) struct Hot {
    way: Way,
    patience: Duration,
    slots: Vec<Mutex<Option<Arc<Conn>>>>,
    next: AtomicUsize,
}

impl Hot {
    pub(crate) fn new(way: Way, connections: usize, statement: Duration) -> Self {
        let slots = (0..connections.max(1)).map(|_| Mutex::new(None)).collect();
        Self { way, patience: statement.max(PATIENCE), slots, next: AtomicUsize::new(0) }
    }

    async fn connection(&self) -> Result<Arc<Conn>, Error> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let mut slot = self.slots[index].lock().await;
        if let Some(conn) = slot.as_ref().filter(|c| !c.client.is_closed()) {
            return Ok(Arc::clone(conn));
        }
        let client = self.way.connect().await?;
        let facts = client.prepare(FACTS).await?;
        let conn = Arc::new(Conn { client, facts });
        *slot = Some(Arc::clone(&conn));
        Ok(conn)
    }
}

impl Hot {
    /// Opens all slots, and has each plan the question once.
    async fn warm(&self) -> Result<(), Error> {
        for _ in 0..self.slots.len() {
            let conn = self.connection().await?;
            // No registry has this number: whatever it says, it has planned.
            let nobody = conn.client.query(&conn.facts, &[&0_i32, &0_i16, &"", &"", &"", &None::<i64>]);
            let _ = nobody.await;
        }
        Ok(())
    }

    async fn ask(&self, q: Question<'_>, patience: Duration) -> Result<Facts, Error> {
        let kind: i16 = match q.kind {
            Kind::Authorization => 0,
            Kind::Recognition => 1,
        };
        let ask = async {
            let conn = self.connection().await?;
            let row = conn
                .client
                .query_one(
                    &conn.facts,
                    &[&q.registry.0, &kind, &q.entity, &q.action, &q.resource, &q.known_at],
                )
                .await?;
            Ok::<String, Error>(row.try_get(0)?)
        };
        let json = tokio::time::timeout(patience, ask)
            .await
            .map_err(|_| Error::Unavailable("the hot read timed out".to_owned()))??;
        Facts::from_wire(&json).map_err(|e| Error::Internal(format!("facts: {e}")))
    }
}

impl Store {
    /// Opens the connections that questions and changes are going to take, before somebody waits for one. What cannot be had
    /// soon is opened when it is used.
    pub async fn warm(&self) {
        let opened = async {
            if let Some(reader) = self.nodes.readers(Role::Standby).await?.first() {
                self.hots[*reader].warm().await?;
                self.fill(*reader).await?;
            }
            self.fill(self.nodes.writer().await?).await
        };
        let found = tokio::time::timeout(PATIENCE, opened).await;
        if !matches!(found, Ok(Ok(()))) {
            tracing::info!("not every connection to the database was opened ahead");
        }
    }

    /// Everything `decide` needs about one question, in one snapshot. Of several nodes standbys are asked first: what a
    /// snapshot holds is seen by its epoch.
    pub async fn facts(&self, q: Question<'_>) -> Result<Facts, Error> {
        self.find(q).instrument(span::of("facts")).await
    }

    async fn find(&self, q: Question<'_>) -> Result<Facts, Error> {
        self.on_time()?;
        if self.nodes.alone() {
            return self.hots[0].ask(q, self.hots[0].patience).await;
        }
        let floor = self.nodes.floor(q.registry).await?;
        let nodes = self.nodes.readers(Role::Standby).await?;
        // An epoch that the caller names may be newer than what is proven here; the last node says what is true of it.
        let named = floor.max(q.known_at.unwrap_or(floor));
        let mut lost = None;
        for (n, node) in nodes.iter().enumerate() {
            let (hot, last) = (&self.hots[*node], n + 1 == nodes.len());
            let (patience, wanted) = if last { (hot.patience, floor) } else { (IMPATIENCE, named) };
            let begun = Instant::now();
            match hot.ask(q, patience).await {
                Ok(facts) if facts.epoch >= wanted => return Ok(facts),
                Ok(_) => {}
                Err(error @ (Error::Unavailable(_) | Error::NotPrimary)) => {
                    // Late is not lost: polls find out.
                    if begun.elapsed() < patience {
                        self.nodes.node(*node).suspect();
                    }
                    lost = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(lost.unwrap_or_else(reads::behind))
    }
}
