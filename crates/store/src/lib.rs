//! What is kept, in Postgres: events and their projections, tenants apart by row-level security.
//!
//! The only crate that knows SQL. Writes and ordinary reads go through diesel on a pool of blocking connections;
//! the hot read and the epoch poll go through pipelined tokio-postgres connections of their own.

pub mod access;
pub mod application;
pub mod credential;
pub mod delegation;
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
mod group;
mod hot;
pub mod key;
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
pub mod staff;
mod statement;
pub mod status;
pub mod superior;
pub mod target;
mod tx;
pub mod webhook;
pub mod witness;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use charter_domain::{RegistryId, time::Clock};
use deadpool_diesel::{
    Runtime, Timeouts,
    postgres::{Manager, Pool},
};

pub use crate::{
    error::Error,
    hot::Question,
    tx::{Authorship, Committed, Tx},
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
}

#[derive(Clone)]
pub struct Store {
    pool: Pool,
    hot: Arc<hot::Hot>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    queues: Arc<group::Queues>,
}

impl Store {
    /// Makes the pools; connections are opened when first used, so this does not fail when Postgres is away.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let url = with_options(&settings.url, settings.statement_timeout);
        let pool = pool(&url, settings.pool_size, settings.statement_timeout)?;
        let hot = Arc::new(hot::Hot::new(&url, settings.hot_connections, settings.statement_timeout)?);
        Ok(Self { pool, hot, clock, settings: Arc::new(settings), queues: Arc::default() })
    }

    /// The same over connections of its own, for what must not stand in line behind everybody's changes.
    pub fn apart(&self, connections: usize) -> Result<Self, Error> {
        let url = with_options(&self.settings.url, self.settings.statement_timeout);
        let pool = pool(&url, connections, self.settings.statement_timeout)?;
        Ok(Self { pool, ..self.clone() })
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
        let written = group::write(self, registry, only_try, change).await;
        metrics::histogram!("db_client_operation_duration_seconds", "operation" => name)
            .record(started.elapsed().as_secs_f64());
        written
    }

    /// Reads of one registry, in one snapshot.
    pub async fn read<T, F>(&self, name: &'static str, registry: RegistryId, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.interact(name, move |conn| tx::read(conn, Some(registry), &read)).await
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

    /// Reads of what is readable without a tenant.
    pub(crate) async fn read_shared<T, F>(&self, name: &'static str, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        self.interact(name, move |conn| tx::read(conn, None, &read)).await
    }

    async fn interact<T, F>(&self, name: &'static str, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut diesel::PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        let started = std::time::Instant::now();
        let conn = self.pool.get().await.map_err(|e| Error::Unavailable(e.to_string()))?;
        let result = conn
            .interact(move |conn| tx::retried(|| work(conn)))
            .await
            .map_err(|e| Error::Internal(format!("a database task failed: {e}")))?;
        metrics::histogram!("db_client_operation_duration_seconds", "operation" => name)
            .record(started.elapsed().as_secs_f64());
        result
    }

    pub fn now(&self) -> charter_domain::Timestamp {
        self.clock.now()
    }
}

fn pool(url: &str, size: usize, statement: Duration) -> Result<Pool, Error> {
    let wait = Some(statement.max(Duration::from_secs(2)));
    Pool::builder(Manager::new(url, Runtime::Tokio1))
        .max_size(size)
        .timeouts(Timeouts { wait, create: wait, recycle: Some(Duration::from_secs(1)) })
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| Error::Unavailable(e.to_string()))
}

/// Server-side limits, on every connection: a statement, a lock wait and an idle transaction all end. Compiling
/// a plan (`jit`) costs half a second and more, and no statement here runs long enough to earn it back.
fn with_options(url: &str, statement: Duration) -> String {
    let options = format!(
        "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout=10000 -c jit=off",
        statement.as_millis(),
        statement.as_millis()
    );
    if url.contains("options=") {
        url.to_owned()
    } else if url.contains("://") {
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}options={}", options.replace(' ', "%20").replace('=', "%3D"))
    } else {
        format!("{url} options='{options}'")
    }
}
