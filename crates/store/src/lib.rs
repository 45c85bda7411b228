//! What is kept, in Postgres: events and their projections, tenants apart by row-level security.
//!
//! The only crate that knows SQL. Writes and ordinary reads go through diesel on a pool of blocking connections;
//! the hot read and the epoch poll go through pipelined tokio-postgres connections of their own.

pub mod access;
pub mod application;
mod archive;
pub mod breakglass;
pub mod credential;
pub mod delegation;
pub mod desk;
pub mod did_watch;
pub mod directory;
pub mod document;
pub mod ebsi;
pub mod elsewhere;
pub mod entity;
pub mod epoch;
mod error;
pub mod event;
mod event_chain;
pub mod find;
pub mod flight;
mod group;
mod hot;
pub mod key;
pub mod line;
pub mod listing;
pub mod log;
pub mod log_key;
pub mod log_lock;
pub mod migrate;
pub mod nodes;
pub mod outbox;
pub mod preflight;
pub mod privacy;
pub mod procedure;
pub mod proposal;
mod reads;
pub mod rebuild;
pub mod recognition;
pub mod refill;
pub mod registry;
pub mod registry_policy;
pub mod rehome;
pub mod renewal;
pub mod request;
pub mod restricted;
pub mod retention;
mod schema;
pub mod schemas;
pub mod snapshot;
mod span;
pub mod staff;
mod statement;
pub mod status;
pub mod superior;
pub mod target;
pub mod trail;
mod tx;
mod way;
pub mod webhook;
pub mod witness;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use charter_domain::{RegistryId, time::Clock};
use deadpool_diesel::{
    Runtime, Timeouts,
    postgres::{Manager, Object, Pool, QueueMode},
};
use tracing::Instrument as _;

pub use crate::{
    error::Error,
    hot::Question,
    tx::{Authorship, Committed, Tx},
    way::Tls,
};

/// Where Postgres is, and how much of it to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// libpq keyword string or URL of the runtime role.
    pub url: String,
    /// Pooled blocking connections.
    pub pool_size: usize,
    /// Pipelined connections for the hot read.
    pub hot_connections: usize,
    /// Of a statement; where it is longer than what they have, also of the hot read and of waiting for a connection.
    pub statement_timeout: Duration,
    /// Standbys that confirm each change before it is acknowledged; with fewer demanded by the primary nothing is written.
    pub synchronous_standbys: usize,
    /// Of the connections to all nodes; none: as `url` says.
    pub tls: Option<Tls>,
}

const ASTRAY: &str = "the clock of this machine is more than 60 s from the database's: set it right";

/// What is under way on the node that takes writes.
struct Begun {
    started: std::time::Instant,
    node: usize,
    timeline: u32,
    conn: Object,
    held: Arc<()>,
}

/// To its end, also when who asked for it leaves: a connection goes back to its pool when nothing is done on it any more.
pub(crate) async fn whole<T: Send + 'static>(
    working: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::spawn(working.in_current_span()).await;
    ended.unwrap_or_else(|error| Err(Error::Internal(format!("a database task failed: {error}"))))
}

#[derive(Clone)]
pub struct Store {
    nodes: Arc<nodes::Nodes>,
    /// Of each node.
    pools: Arc<[Pool]>,
    /// Of each node.
    hots: Arc<[hot::Hot]>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    queue: group::Queue,
    /// This machine's clock and those of the nodes do not agree.
    astray: Arc<AtomicBool>,
    /// Reads too are of the node that takes writes.
    writer_only: bool,
}

impl Store {
    /// Makes the pools; connections are opened when first used, so this does not fail when Postgres is away.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let addresses = nodes::split(&settings.url, settings.synchronous_standbys, settings.tls.as_ref());
        let addresses = addresses.map_err(Error::Unavailable)?;
        let nodes = Arc::new(nodes::Nodes::new(addresses, settings.synchronous_standbys));
        let pools = pools(&nodes, settings.pool_size, settings.statement_timeout)?;
        let hot = |node: &nodes::Node| {
            let way = node.address.way(settings.statement_timeout)?;
            Ok(hot::Hot::new(way, settings.hot_connections, settings.statement_timeout))
        };
        let hots = nodes.nodes().map(hot).collect::<Result<Arc<[hot::Hot]>, Error>>()?;
        let settings = Arc::new(settings);
        let (queue, astray) = (group::Queue::default(), Arc::default());
        Ok(Self { nodes, pools, hots, clock, settings, queue, astray, writer_only: false })
    }

    /// The same over connections of its own, for what must not stand in line behind everybody's changes. What it reads
    /// follows what was written.
    pub fn apart(&self, connections: usize) -> Result<Self, Error> {
        let pools = pools(&self.nodes, connections, self.settings.statement_timeout)?;
        Ok(Self { pools, writer_only: true, ..self.clone() })
    }

    /// A change: locks the registry's epoch, runs `change`, commits, together with others that came at the same time. Tried
    /// again where the connection or a lock is lost, so the closure touches nothing but the transaction and may run twice.
    ///
    /// # Errors
    /// `Unknown` when it may have been recorded; whatever else it is, it was not.
    pub async fn write<T, F>(
        &self,
        name: &'static str,
        registry: RegistryId,
        change: F,
    ) -> Result<Committed<T>, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.write_or_try(name, registry, false, change).await
    }

    /// The same, rolled back when it is only to be tried out: what a change would meet and come to.
    pub async fn write_or_try<T, F>(
        &self,
        name: &'static str,
        registry: RegistryId,
        only_try: bool,
        change: F,
    ) -> Result<Committed<T>, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + Sync + 'static,
    {
        let started = std::time::Instant::now();
        let written = group::write(self, registry, only_try, change).instrument(span::of(name)).await;
        metrics::histogram!("db_client_operation_duration_seconds", "operation" => name)
            .record(started.elapsed().as_secs_f64());
        if let (Ok(done), false) = (&written, only_try) {
            self.acknowledged(registry, done.epoch);
        }
        written
    }

    /// A change of what is no record (signed documents): no event, no epoch, and no lock of the registry.
    pub(crate) async fn amend<T, F>(
        &self,
        name: &'static str,
        registry: RegistryId,
        change: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        let (change, standbys) = (Arc::new(change), self.settings.synchronous_standbys);
        let attempt = || {
            let change = Arc::clone(&change);
            self.interact(name, move |conn| tx::amend(conn, registry, standbys, &*change))
        };
        group::patiently(&AtomicBool::new(false), attempt).await
    }

    /// On the node that takes writes. Among several it ends in time: a node that does not answer is left to itself, with
    /// what it was told.
    async fn interact<T, F>(&self, name: &'static str, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        let (begun, store, limit) = (self.begin().await?, self.clone(), self.deadline());
        let work = async move { store.finish(name, begun, |_| tokio::time::sleep(limit), work).await };
        whole(work).instrument(span::of(name)).await
    }

    /// The node that takes writes, and a connection to it.
    async fn begin(&self) -> Result<Begun, Error> {
        let started = std::time::Instant::now();
        let node = self.nodes.writer().await?;
        let timeline = self.nodes.node(node).seen().timeline;
        let conn = self.connection(node).await?;
        // With a connection: who waits for one is counted by the pool. Those of other pools are few.
        let held = self.nodes.begins(2 * self.settings.pool_size + 16)?;
        Ok(Begun { started, node, timeline, conn, held })
    }

    /// Does what was begun, left to itself when `late`, which is told the node, is ready. Whoever calls this stays until then.
    async fn finish<T, F, L>(
        &self,
        name: &'static str,
        Begun { started, node, timeline, conn, held }: Begun,
        late: impl FnOnce(usize) -> L,
        work: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
        L: Future<Output = ()>,
    {
        let working = conn.interact(move |conn| {
            let found = tx::retried(|| work(conn));
            drop(held);
            found
        });
        let result = if self.nodes.alone() {
            Some(working.await)
        } else {
            tokio::select! {
                biased;
                result = working => Some(result),
                () = late(node) => None,
            }
        };
        let Some(result) = result else {
            drop(Object::take(conn));
            self.nodes.node(node).suspect();
            return Err(Error::Unknown("the primary did not answer in time".to_owned()));
        };
        let result = result.map_err(|e| Error::Internal(format!("a database task failed: {e}")))?;
        self.judge(node, result.as_ref().err());
        metrics::histogram!("db_client_operation_duration_seconds", "operation" => name)
            .record(started.elapsed().as_secs_f64());
        if result.is_ok() && self.nodes.is_past(timeline) {
            return Err(Error::Unknown("another node became the primary meanwhile".to_owned()));
        }
        result
    }

    /// What was proven holds as long as `fresh` says so; until this is called each question is proven by itself. Of no
    /// effect where the database is one node.
    pub fn follow(&self, fresh: impl Fn() -> bool + Send + Sync + 'static) {
        self.nodes.follow(fresh);
    }

    /// Nothing of the registry that is older than this epoch may be read from here on: it was acknowledged.
    pub fn acknowledged(&self, registry: RegistryId, epoch: i64) {
        if !self.nodes.alone() {
            self.nodes.raise(registry, epoch);
        }
    }

    /// Of several nodes, the epoch that whatever is read from here on holds; nothing where one is all there is.
    pub fn floor_known(&self, registry: RegistryId) -> Option<i64> {
        if self.nodes.alone() { None } else { self.nodes.floor_known(registry).ok() }
    }

    /// That the nodes of the database are copies of one another and enough of them answer.
    pub async fn check_nodes(&self) -> Result<(), Error> {
        if self.nodes.alone() { Ok(()) } else { self.nodes.check().await }
    }

    /// The nodes of the database as they were seen last; of one alone nothing is known.
    pub fn nodes(&self) -> Vec<nodes::NodeState> {
        self.nodes.states()
    }

    /// Nodes that count, and how many are needed for what they answer to hold everything that was acknowledged.
    pub fn quorum(&self) -> (usize, usize) {
        self.nodes.quorum()
    }

    /// Ready, with the reason, once two histories of one registry were seen: this process may only end.
    pub async fn parted(&self) -> String {
        self.nodes.parted().await
    }

    pub fn now(&self) -> charter_domain::Timestamp {
        self.clock.now()
    }

    /// Heeds by how much this clock is from the nearest of the nodes', read just now: while it is too much, nothing is
    /// decided here. A clock of a test agrees with none.
    pub fn heed(&self, apart: Duration) -> bool {
        let astray = self.is_too_far(apart);
        if self.astray.swap(astray, Ordering::AcqRel) != astray {
            tracing::warn!(astray, seconds = apart.as_secs(), "the clock of this machine and the database's");
        }
        !astray
    }

    /// Whether this clock was found to be too far from the nodes'.
    pub fn is_astray(&self) -> bool {
        self.astray.load(Ordering::Acquire)
    }

    fn is_too_far(&self, apart: Duration) -> bool {
        self.clock.agrees() && apart > epoch::ASTRAY
    }

    /// Nothing is recorded at a time that is not the database's: it may never go back.
    pub(crate) fn agrees(&self, clock: charter_domain::Timestamp) -> Result<(), Error> {
        if self.is_too_far(self.now().apart(clock)) {
            Err(Error::Unavailable(ASTRAY.to_owned()))
        } else {
            Ok(())
        }
    }

    fn on_time(&self) -> Result<(), Error> {
        if self.is_astray() { Err(Error::Unavailable(ASTRAY.to_owned())) } else { Ok(()) }
    }
}

fn pools(nodes: &nodes::Nodes, size: usize, statement: Duration) -> Result<Arc<[Pool]>, Error> {
    nodes.nodes().map(|node| pool(&node.address.url(statement), size, statement)).collect()
}

fn pool(url: &str, size: usize, statement: Duration) -> Result<Pool, Error> {
    let wait = Some(statement.max(Duration::from_secs(2)));
    // The one used last first: what is not needed rests.
    Pool::builder(Manager::new(url, Runtime::Tokio1))
        .queue_mode(QueueMode::Lifo)
        .max_size(size)
        .timeouts(Timeouts { wait, create: wait, recycle: Some(Duration::from_secs(1)) })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| Error::Unavailable(e.to_string()))
}
