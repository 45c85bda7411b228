//! `charterd serve`: everything started in order, everything stopped in order.

use std::{future::Future, sync::Arc};

use charter_domain::time::Clock;
use charter_federation::protocol::address::{Lookup, system_lookup};
use tokio::sync::{Semaphore, watch};

use crate::{App, Config, context::Startup, door::Door, listener::Listening, tasks, telemetry};

/// A running server; `stop` drains it.
pub struct Running {
    pub app: Arc<App>,
    pub addresses: Vec<std::net::SocketAddr>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinSet<()>,
    tasks: tokio::task::JoinSet<()>,
}

/// Starts a server that looks names up as the operating system does.
pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Running, Startup> {
    start_with(config, clock, system_lookup()).await
}

/// Starts a server: configuration is valid already; the lease is held before the first port is opened.
pub async fn start_with(config: Config, clock: Arc<dyn Clock>, lookup: Lookup) -> Result<Running, Startup> {
    telemetry::metrics();
    telemetry::gauges::begin();
    if config.database.migrate_at_start {
        let url = config.database.owner_url.clone();
        let applied = tokio::task::spawn_blocking(move || charter_store::migrate::run(&url))
            .await
            .map_err(|e| Startup::Database(e.to_string()))??;
        if !applied.is_empty() {
            tracing::info!(?applied, "migrations were run");
        }
    }
    let app = App::start(config, clock, lookup).await?;
    crate::breakglass::tasks::at_start(&app).await;
    crate::witness::quarantine::look(&app).await;
    let mut reader = None;
    tasks::epoch::poll(&app, &mut reader).await?;
    crate::mirror::refill::at_start(&app).await;
    crate::peer_keys::load(&app).await;
    let mut listening = Vec::new();
    for listener in &app.config.listeners {
        let registry = app.hosted.by_authority(listener.registry.as_str());
        let registry = registry.ok_or_else(|| {
            Startup::Registry(listener.registry.to_string(), "is not served here".to_owned())
        })?;
        let door = Door::new(&app, listener, registry);
        let acceptor = |tls| crate::tls::acceptor(tls, &app.clock, &app.peer_keys);
        let tls = listener.tls.as_ref().map(acceptor).transpose();
        let tls = tls.map_err(|text| Startup::Tls(listener.address, text))?;
        let bound = Listening::bind(listener.address, door, tls).await;
        listening.push(bound.map_err(|e| Startup::Listen(listener.address, e))?);
    }
    let addresses = listening.iter().map(|l| l.address).collect();
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(app.config.limits.max_connections));
    let mut serving = tokio::task::JoinSet::new();
    for one in listening {
        tracing::info!(address = %one.address, "listening");
        serving.spawn(one.run(app.config.limits.clone(), Arc::clone(&connections), stopped.clone()));
    }
    Ok(Running { tasks: tasks::start(&app), addresses, app, stop, serving })
}

impl Running {
    /// Takes no new connections, lets requests in flight finish, then ends the tasks.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        self.app.news.stop();
        while self.serving.join_next().await.is_some() {}
        tasks::outbox::finish(&self.app).await;
        self.tasks.shutdown().await;
    }
}

/// Serves until `until` is ready, or until the database is found to have two histories.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    until: impl Future<Output = ()>,
) -> Result<(), Startup> {
    let running = start(config, clock).await?;
    tracing::info!("ready");
    let parted = tokio::select! {
        () = until => None,
        why = running.app.store.parted() => Some(why),
    };
    tracing::info!("stopping");
    running.stop().await;
    parted.map_or(Ok(()), |why| Err(Startup::Parted(why)))
}

/// SIGTERM or Ctrl-C.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Standard input has closed.
pub async fn parent_gone() {
    use tokio::io::AsyncReadExt;
    let mut sink = [0u8; 64];
    while tokio::io::stdin().read(&mut sink).await.is_ok_and(|n| n > 0) {}
}
