//! The sequencer: puts committed events into the transparency logs and publishes what was witnessed. One task serves all
//! registries of the process; an idle log costs it a comparison. What another process has taken is followed.

mod slot;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use charter_domain::RegistryId;
use charter_store::log_lock::{LogLocks, LogPosition};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, timeout},
};

use self::slot::{Done, Slot};
use crate::{
    App,
    context::LOG_CONNECTIONS,
    log::{Published, fault::Point, halt::Halt},
};

/// How often the locks are looked at, and those of others asked for.
const BEAT: Duration = Duration::from_secs(1);
/// A look at the database that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn run(app: Arc<App>) {
    if !app.config.log_store.sequence {
        return follow_only(&app).await;
    }
    let mut tick = tokio::time::interval(Duration::from_millis(app.config.log_store.batch_ms));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sequencer = Sequencer::new(app);
    loop {
        let due = tokio::select! {
            _ = tick.tick() => true,
            Some(done) = sequencer.steps.join_next() => {
                sequencer.ended(done);
                false
            }
        };
        sequencer.round(due).await;
    }
}

/// This process leaves sequencing to others.
async fn follow_only(app: &Arc<App>) {
    let mut tick = tokio::time::interval(app.config.cache.poll());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut locks = None;
    let all: Vec<RegistryId> = app.hosted.tenants().map(|tenant| tenant.registry.id).collect();
    loop {
        tick.tick().await;
        if locks.is_none() {
            locks = app.store.log_locks().await.ok();
        }
        if let Some(connected) = &locks
            && follow(app, connected, &all).await.is_err()
        {
            locks = None;
        }
    }
}

struct Sequencer {
    app: Arc<App>,
    /// The connection that holds the locks. Without it every term of this process is over.
    locks: Option<LogLocks>,
    slots: HashMap<RegistryId, Slot>,
    steps: JoinSet<Done>,
    turns: Arc<Semaphore>,
    looked: Option<Instant>,
    followed: Option<Instant>,
}

impl Sequencer {
    fn new(app: Arc<App>) -> Self {
        // One connection is left to the mirrors.
        let turns = Arc::new(Semaphore::new(LOG_CONNECTIONS - 1));
        Self {
            app,
            locks: None,
            slots: HashMap::new(),
            steps: JoinSet::new(),
            turns,
            looked: None,
            followed: None,
        }
    }

    /// `due`: a batch's time has passed, and what was committed in it is put into the trees.
    async fn round(&mut self, due: bool) {
        if self.locks.as_ref().is_some_and(LogLocks::is_closed) {
            self.lose("the connection that holds the locks has ended");
        }
        if passed(&mut self.looked, BEAT)
            && let Err(error) = self.look().await
        {
            self.lose(error.source_text().unwrap_or("the locks cannot be looked at"));
        }
        if passed(&mut self.followed, self.app.config.cache.poll())
            && let Some(locks) = &self.locks
        {
            let taken = |id: &RegistryId| !self.slots.contains_key(id);
            let others: Vec<_> = self.app.hosted.tenants().map(|t| t.registry.id).filter(taken).collect();
            if !others.is_empty() && follow(&self.app, locks, &others).await.is_err() {
                self.lose("other processes' logs cannot be followed");
            }
        }
        for slot in self.slots.values_mut() {
            slot.start(&self.app, due, &self.turns, &mut self.steps);
        }
    }

    /// Keeps the locks, and asks for those that this process has not.
    async fn look(&mut self) -> Result<(), charter_store::Error> {
        let app = Arc::clone(&self.app);
        let locks = match self.locks.take() {
            Some(locks) => locks,
            None => app.store.log_locks().await?,
        };
        locks.hold().await?;
        let wanted = app.hosted.tenants().map(|t| t.registry.id).filter(|id| !self.slots.contains_key(id));
        let wanted: Vec<RegistryId> = wanted.collect();
        if !wanted.is_empty() {
            let taking = async { locks.take(&wanted).await.map_err(Halt::from) };
            let taken = app.logs.faults.at(Point::TakeLock, taking).await;
            // Locks that were taken and not reported go with the connection.
            let taken = taken.map_err(|halt| charter_store::Error::Unavailable(halt.to_string()))?;
            for (registry, term) in taken {
                if let Some(tenant) = app.hosted.tenant(registry) {
                    tracing::info!(registry = %tenant.registry.authority, term, "the log was taken");
                    self.slots.insert(registry, Slot::new(registry, term, &tenant.registry.slug));
                }
            }
        }
        self.locks = Some(locks);
        for slot in self.slots.values_mut() {
            slot.measure(&app);
        }
        Ok(())
    }

    /// All terms of this process are over: steps under way are ended, and whatever they still write is refused.
    fn lose(&mut self, why: &str) {
        if !self.slots.is_empty() {
            tracing::warn!(%why, "sequencing stops until the locks are taken again");
        }
        self.locks = None;
        self.slots.clear();
        self.steps.abort_all();
        self.steps = JoinSet::new();
    }

    fn ended(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let Ok(done) = done else { return self.lose("a step of the sequencer has panicked") };
        let registry = done.registry;
        let Some(slot) = self.slots.get_mut(&registry) else { return };
        if !slot.ended(&self.app, done) {
            // The lock is asked for again.
            self.slots.remove(&registry);
        }
    }
}

/// Whether a time has passed since this last said so.
fn passed(last: &mut Option<Instant>, time: Duration) -> bool {
    let now = Instant::now();
    let due = last.is_none_or(|last| now.duration_since(last) >= time);
    if due {
        *last = Some(now);
    }
    due
}

/// Takes over what other processes have published.
async fn follow(app: &App, locks: &LogLocks, others: &[RegistryId]) -> Result<(), charter_store::Error> {
    for position in locks.positions(others).await? {
        let known = app.logs.published(position.registry).map(|known| (known.size, known.at));
        app.logs.set_sequenced(position.registry, position.size);
        if position.published_size > 0 && known != Some((position.published_size, position.published_at)) {
            let taking = timeout(PATIENCE, take_over(app, position)).await;
            taking.map_err(|_| charter_store::Error::Unavailable("the log's head is slow".to_owned()))??;
        }
    }
    Ok(())
}

/// What is in the table is believed if the log's key signed it.
async fn take_over(app: &App, position: LogPosition) -> Result<(), charter_store::Error> {
    let Some(tenant) = app.hosted.tenant(position.registry) else { return Ok(()) };
    let Some(row) = app.store.log_head(position.registry).await?.published else { return Ok(()) };
    let found = Published::parse(&row.checkpoint, row.at)
        .and_then(|found| found.checkpoint.verify_log(&tenant.log_keys.log().vkey).map(|()| found));
    match found {
        Ok(found) => app.logs.set_published(position.registry, found),
        Err(error) => {
            tracing::error!(registry = %tenant.registry.authority, %error, "a published checkpoint is not ours");
        }
    }
    Ok(())
}
