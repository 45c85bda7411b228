//! Reads: of one node alone as ever; of several, one whose snapshot holds what is known to have been acknowledged.

use std::{sync::Arc, time::Duration};

use charter_domain::RegistryId;
use deadpool_diesel::postgres::Object;
use diesel::{pg::PgConnection, prelude::*, sql_types};
use tracing::Instrument as _;

use crate::{Error, Store, nodes::Role, span, statement::sql_query, tx, whole};

/// The tenant is set and its epoch read in one statement, and so in the snapshot of what follows.
const ENTER: &str = "select set_config('app.registry', $1::int::text, true) as tenant,
  (select epoch from registry_epochs where registry_id = $1) as epoch";

#[derive(QueryableByName)]
struct Entered {
    #[diesel(sql_type = sql_types::Nullable<sql_types::BigInt>)]
    epoch: Option<i64>,
}

/// Reads in one snapshot that has an epoch, or `None` where it is older.
fn at_least<T>(
    conn: &mut PgConnection,
    (registry, floor): (RegistryId, i64),
    read: &impl Fn(&mut PgConnection) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    conn.build_transaction().read_only().repeatable_read().run(|conn| {
        let entered: Entered = sql_query(ENTER).bind::<sql_types::Integer, _>(registry.0).get_result(conn)?;
        if entered.epoch.is_some_and(|epoch| epoch >= floor) { read(conn).map(Some) } else { Ok(None) }
    })
}

impl Store {
    /// Reads of one registry, in one snapshot.
    pub async fn read<T, F>(&self, name: &'static str, registry: RegistryId, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        if self.of_writer() {
            return self.read_writer(name, move |conn| tx::read(conn, Some(registry), &read)).await;
        }
        let floor = self.nodes.floor(registry).await?;
        let found = self.read_any(name, move |conn| at_least(conn, (registry, floor), &read));
        found.instrument(span::of(name)).await
    }

    /// Reads of what is readable without a tenant.
    pub(crate) async fn read_shared<T, F>(&self, name: &'static str, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        if self.of_writer() {
            return self.read_writer(name, move |conn| tx::read(conn, None, &read)).await;
        }
        let found = self.read_any(name, move |conn| tx::read(conn, None, &read).map(Some));
        found.instrument(span::of(name)).await
    }

    /// Whether what is read must follow what this process has written just now, whatever it was.
    pub(crate) fn of_writer(&self) -> bool {
        self.writer_only || self.nodes.alone()
    }

    async fn read_writer<T, F>(&self, name: &'static str, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<T, Error> + Send + Sync + 'static,
    {
        let found = self.interact(name, read).await;
        found.map_err(|error| match error {
            Error::Unknown(text) => Error::Unavailable(text),
            other => other,
        })
    }

    /// The primary first: what is no event leaves no epoch by which a standby could be seen to lack it.
    async fn read_any<T, F>(&self, name: &'static str, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<Option<T>, Error> + Send + Sync + 'static,
    {
        let started = std::time::Instant::now();
        let read = Arc::new(read);
        let mut lost = None;
        for node in self.nodes.readers(Role::Primary).await? {
            match self.read_node(node, Arc::clone(&read)).await {
                Ok(Some(found)) => {
                    metrics::histogram!("db_client_operation_duration_seconds", "operation" => name)
                        .record(started.elapsed().as_secs_f64());
                    return Ok(found);
                }
                Ok(None) => {}
                Err(error @ (Error::Unavailable(_) | Error::NotPrimary)) => lost = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(lost.unwrap_or_else(behind))
    }

    /// Gives up when the node is found to be gone: there are others.
    async fn read_node<T, F>(&self, node: usize, read: Arc<F>) -> Result<Option<T>, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<Option<T>, Error> + Send + Sync + 'static,
    {
        let conn = tokio::select! {
            conn = self.connection(node) => conn?,
            () = self.nodes.node(node).gone() => return Err(lost()),
        };
        let store = self.clone();
        whole(async move { store.read_on(node, conn, read).await }).await
    }

    async fn read_on<T, F>(&self, node: usize, conn: Object, read: Arc<F>) -> Result<Option<T>, Error>
    where
        T: Send + 'static,
        F: Fn(&mut PgConnection) -> Result<Option<T>, Error> + Send + Sync + 'static,
    {
        let found = tokio::select! {
            found = conn.interact(move |conn| tx::retried(|| read(conn))) => Some(found),
            () = self.nodes.node(node).gone() => None,
        };
        match found {
            Some(Ok(found)) => {
                self.judge(node, found.as_ref().err());
                found
            }
            Some(Err(error)) => Err(Error::Internal(format!("a database task failed: {error}"))),
            None => {
                drop(Object::take(conn));
                Err(lost())
            }
        }
    }

    /// A connection to one node.
    pub(crate) async fn connection(&self, node: usize) -> Result<Object, Error> {
        let conn = self.pools[node].get().await.map_err(|e| Error::Unavailable(e.to_string()));
        self.judge(node, conn.as_ref().err());
        conn
    }

    /// As many as there may be, at once.
    pub(crate) async fn fill(&self, node: usize) -> Result<(), Error> {
        let mut all = Vec::new();
        for _ in 0..self.settings.pool_size {
            all.push(self.connection(node).await?);
        }
        Ok(())
    }

    /// A node that fails in a way that concerns it is asked what it is before it is used again.
    pub(crate) fn judge(&self, node: usize, error: Option<&Error>) {
        let concerns = |error: &Error| error.is_passing() || matches!(error, Error::Unknown(_));
        if !self.nodes.alone() && error.is_some_and(concerns) {
            self.nodes.node(node).suspect();
        }
    }

    /// How long a change may take before it is left to itself: each of its statements ends by itself, unless the node does
    /// not answer at all.
    pub(crate) fn deadline(&self) -> Duration {
        (self.settings.statement_timeout + Duration::from_millis(500)).max(Duration::from_secs(5))
    }
}

fn lost() -> Error {
    Error::Unavailable("the node of the database is gone".to_owned())
}

pub(crate) fn behind() -> Error {
    Error::Unavailable("no node of the database has what is known already".to_owned())
}
