//! Watching a registry: its events as they are committed, from any number on.

mod seat;

use std::{net::IpAddr, sync::Arc, time::Duration};

use charter_domain::{Invalid, RegistryId};
use charter_store::outbox::Interest;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use self::seat::{Seat, Seats};
use crate::{App, Error, app::webhook, config::Limits, error::Code};

/// Events read at once.
const PAGE: i64 = 500;
/// Events on their way to one watcher: who is slower waits for nobody and holds up nobody.
const AHEAD: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Tells the watchers of this process that a registry has moved, and that the end has come.
pub struct News {
    /// True when the server is stopping; marked as changed with each move.
    told: watch::Sender<bool>,
    seats: Seats,
}

impl News {
    pub fn new(limits: &Limits) -> Self {
        let seats = Seats::new(limits.max_watchers, limits.max_watchers_per_address);
        Self { told: watch::Sender::new(false), seats }
    }
    pub fn moved(&self) {
        self.told.send_modify(|_| {});
    }
    pub fn stop(&self) {
        self.told.send_replace(true);
    }
    pub fn stopping(&self) -> bool {
        *self.told.borrow()
    }
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Event {
        seq: i64,
        body: Vec<u8>,
    },
    /// A sign of life, with the number up to which everything of interest was sent.
    Heartbeat(i64),
}

pub type Items = ReceiverStream<Result<Item, Error>>;

/// What is to be watched.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Everything after this number, and then whatever comes.
    pub after: i64,
    /// Of these kinds only; all when empty.
    pub kinds: Vec<String>,
    /// About this entity only, by any of its identifiers; all when empty.
    pub entity_id: String,
}

pub async fn watch(
    app: &Arc<App>,
    registry: RegistryId,
    wish: Wish,
    address: IpAddr,
) -> Result<Items, Error> {
    let seat = app.news.seats.take(address)?;
    let (interest, after) =
        (webhook::interest(app, registry, wish.kinds, &wish.entity_id).await?, wish.after);
    let epoch = app.store.epoch(registry).await?;
    if !(0..=epoch).contains(&after) {
        return Err(Invalid::new("after", format!("must be 0 to {epoch}, the last event there is")).into());
    }
    let (out, items) = mpsc::channel(AHEAD);
    let (app, told) = (Arc::clone(app), app.news.subscribe());
    tokio::spawn(async move {
        let watcher = Watcher { app, registry, interest, after, told, out, _seat: seat };
        watcher.run().await;
    });
    Ok(ReceiverStream::new(items))
}

struct Watcher {
    app: Arc<App>,
    registry: RegistryId,
    interest: Interest,
    after: i64,
    told: watch::Receiver<bool>,
    out: mpsc::Sender<Result<Item, Error>>,
    _seat: Seat,
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
            let page = self.app.store.told(self.registry, self.interest.clone(), self.after, PAGE).await?;
            for (seq, body) in page.events {
                if self.out.send(Ok(Item::Event { seq, body })).await.is_err() {
                    return Ok(false);
                }
            }
            self.after = page.upto;
            if page.end {
                break;
            }
        }
        Ok(true)
    }
}
