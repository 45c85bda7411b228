//! Watching a registry: its events as they are committed, from any number on.

use std::{sync::Arc, time::Duration};

use charter_domain::{Invalid, RegistryId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::{App, Error, error::Code};

/// Events read at once.
const PAGE: i64 = 500;
/// Events on their way to one watcher: who is slower waits for nobody and holds up nobody.
const AHEAD: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Tells the watchers of this process that a registry has moved, and that the end has come.
pub struct News {
    /// True when the server is stopping; marked as changed with each move.
    told: watch::Sender<bool>,
    seats: Arc<Semaphore>,
}

impl News {
    pub fn new(watchers: usize) -> Self {
        Self { told: watch::Sender::new(false), seats: Arc::new(Semaphore::new(watchers)) }
    }
    pub fn moved(&self) {
        self.told.send_modify(|_| {});
    }
    pub fn stop(&self) {
        self.told.send_replace(true);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Event {
        seq: i64,
        body: Vec<u8>,
    },
    /// A sign of life, with the epoch.
    Heartbeat(i64),
}

pub type Items = ReceiverStream<Result<Item, Error>>;

/// Everything after `after`, and then whatever comes.
pub async fn watch(app: &Arc<App>, registry: RegistryId, after: i64) -> Result<Items, Error> {
    let seat = Arc::clone(&app.news.seats).try_acquire_owned();
    let seat = seat.map_err(|_| Error::new(Code::Unavailable, "as many watch as this server takes"))?;
    let epoch = app.store.epoch(registry).await?;
    if !(0..=epoch).contains(&after) {
        return Err(Invalid::new("after", format!("must be 0 to {epoch}, the last event there is")).into());
    }
    let (out, items) = mpsc::channel(AHEAD);
    let (app, told) = (Arc::clone(app), app.news.told.subscribe());
    tokio::spawn(async move {
        let watcher = Watcher { app, registry, after, told, out, _seat: seat };
        watcher.run().await;
    });
    Ok(ReceiverStream::new(items))
}

struct Watcher {
    app: Arc<App>,
    registry: RegistryId,
    after: i64,
    told: watch::Receiver<bool>,
    out: mpsc::Sender<Result<Item, Error>>,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    /// Until the server stops, or nobody listens any more.
    async fn run(mut self) {
        loop {
            self.told.mark_unchanged();
            if *self.told.borrow() {
                let end = Error::new(
                    Code::Unavailable,
                    "the server is stopping: watch again, after the last number",
                );
                let _ = self.out.try_send(Err(end));
                return;
            }
            let sent = match self.catch_up().await {
                Ok(sent) => sent,
                Err(error) => {
                    let _ = self.out.send(Err(error)).await;
                    return;
                }
            };
            if !sent {
                return;
            }
            tokio::select! {
                told = self.told.changed() => if told.is_err() { return },
                () = self.out.closed() => return,
                () = tokio::time::sleep(HEARTBEAT) => {
                    if self.out.send(Ok(Item::Heartbeat(self.after))).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Sends what has come; false when nobody listens.
    async fn catch_up(&mut self) -> Result<bool, Error> {
        // A registry that has not moved costs no query.
        while self.app.register.watched(self.registry).is_none_or(|epoch| epoch > self.after) {
            let page = self.app.store.events(self.registry, Default::default(), self.after, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for (seq, body) in page {
                if self.out.send(Ok(Item::Event { seq, body })).await.is_err() {
                    return Ok(false);
                }
                self.after = seq;
            }
        }
        Ok(true)
    }
}
