//! `charterd serve`: everything started in order, everything stopped in order; and another server with another configuration
//! in its place, without a connection being refused.

use std::{future::Future, sync::Arc};

use charter_domain::time::Clock;
use charter_federation::protocol::address::{Lookup, system_lookup};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    App, Config,
    config::Faults,
    context::Startup,
    door::Door,
    listener::{Listening, Sockets},
    reload::Changes,
    tasks, telemetry,
    trail::notes,
};

/// A running server; `stop` drains it.
pub struct Running {
    pub app: Arc<App>,
    pub addresses: Vec<std::net::SocketAddr>,
    sockets: Sockets,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    tasks: JoinSet<()>,
}

/// Starts a server that looks names up as the operating system does.
pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Running, Startup> {
    start_with(config, clock, system_lookup()).await
}

/// Starts a server: configuration is valid already; the lease is held before the first port is opened.
pub async fn start_with(config: Config, clock: Arc<dyn Clock>, lookup: Lookup) -> Result<Running, Startup> {
    start_on(config, clock, lookup, Sockets::default()).await
}

/// The same on sockets that are open already, where they are at the addresses that it listens at.
async fn start_on(
    config: Config,
    clock: Arc<dyn Clock>,
    lookup: Lookup,
    mut open: Sockets,
) -> Result<Running, Startup> {
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
    app.store.warm().await;
    let (mut listening, mut sockets) = (Vec::new(), Sockets::default());
    for listener in &app.config.listeners {
        let registry = app.hosted.by_authority(listener.registry.as_str());
        let registry = registry.ok_or_else(|| {
            Startup::Registry(listener.registry.to_string(), "is not served here".to_owned())
        })?;
        let door = Door::new(&app, listener, registry);
        let acceptor = |tls| crate::tls::acceptor(tls, &app.clock, &app.peer_keys);
        let tls = listener.tls.as_ref().map(acceptor).transpose();
        let tls = tls.map_err(|text| Startup::Tls(listener.address, text))?;
        let bound = open.take(listener.address).and_then(|socket| {
            sockets.keep(listener.address, &socket)?;
            Listening::new(socket, door, tls)
        });
        listening.push(bound.map_err(|e| Startup::Listen(listener.address, e))?);
    }
    let addresses = listening.iter().map(|l| l.address).collect();
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(app.config.limits.max_connections));
    let mut serving = JoinSet::new();
    for one in listening {
        tracing::info!(address = %one.address, "listening");
        serving.spawn(one.run(app.config.limits.clone(), Arc::clone(&connections), stopped.clone()));
    }
    Ok(Running { tasks: tasks::start(&app), addresses, app, sockets, stop, serving })
}

impl Running {
    /// A server by the configuration as it is now, on the same sockets; this one goes on until it is stopped.
    async fn follower(
        &self,
        clock: &Arc<dyn Clock>,
        load: &impl Fn() -> Result<Config, Faults>,
    ) -> Result<Self, String> {
        let config = load().map_err(|faults| faults.to_string())?;
        let open = self.sockets.shared().map_err(|e| e.to_string())?;
        let started = start_on(config, Arc::clone(clock), system_lookup(), open).await;
        started.map_err(|e| e.to_string())
    }

    /// Takes no new connections, lets requests in flight finish, then ends the tasks.
    pub async fn stop(self) {
        notes::of_server(&self.app, "SERVER_STOPPED", env!("CARGO_PKG_VERSION"));
        self.end().await;
    }

    /// The same of one whose place another has taken.
    async fn end(mut self) {
        // Whoever took its place has sockets of its own; without one nobody is kept waiting for an answer.
        self.sockets = Sockets::default();
        let _ = self.stop.send(true);
        self.app.news.stop();
        while self.serving.join_next().await.is_some() {}
        tasks::outbox::finish(&self.app).await;
        tasks::trail::finish(&self.app).await;
        self.tasks.shutdown().await;
    }
}

/// Serves until `until` is ready, or until the database is found to have two histories. On SIGHUP, and when the files of a
/// certificate change, the configuration is loaded anew, and a server with it takes the place of the one that runs; one that
/// does not start takes no place.
pub async fn run(
    config: Config,
    clock: Arc<dyn Clock>,
    until: impl Future<Output = ()>,
    load: impl Fn() -> Result<Config, Faults>,
) -> Result<(), Startup> {
    tokio::pin!(until);
    let mut changes = Changes::of(&config);
    let mut running = start(config, Arc::clone(&clock)).await?;
    tracing::info!("ready");
    let mut ending = JoinSet::new();
    let parted = loop {
        tokio::select! {
            () = &mut until => break None,
            why = running.app.store.parted() => break Some(why),
            () = changes.next() => {}
        }
        let next = tokio::select! {
            () = &mut until => break None,
            next = running.follower(&clock, &load) => next,
        };
        telemetry::reloaded(next.is_ok());
        match next {
            Ok(next) => {
                changes.follow(&next.app.config);
                telemetry::log_as(&next.app.config.log);
                let before = std::mem::replace(&mut running, next);
                ending.spawn(before.end());
                tracing::info!("the configuration was loaded anew");
            }
            Err(why) => {
                notes::of_server(&running.app, "RELOAD_REFUSED", "");
                tracing::error!(%why, "the configuration was not loaded anew: the one before is in use");
            }
        }
    };
    tracing::info!("stopping");
    running.stop().await;
    while ending.join_next().await.is_some() {}
    let _ = tokio::task::spawn_blocking(telemetry::traces::finish).await;
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
