//! Watching a registry: its events as they are committed, from any number on.

mod below;
mod following;
mod seat;

use std::{net::IpAddr, sync::Arc, time::Duration};

use charter_domain::{Invalid, RegistryId};
use charter_federation::protocol::native::watch::Heard;
use charter_store::outbox::Interest;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

use self::{
    following::{Follower, Following},
    seat::{Seat, Seats},
};
use crate::{App, Error, app::webhook, config::Limits, error::Code, log::Published};

/// Events read at once.
const PAGE: i64 = 500;
/// Events on their way to one watcher: who is slower waits for nobody and holds up nobody.
const AHEAD: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Signs of life of a feed: several fit into one lease.
const FEED_HEARTBEAT: Duration = Duration::from_millis(500);
/// The next sign of life of a feed after something has happened below.
const SOONER: Duration = Duration::from_millis(50);
/// How long a superior may leave a full feed unread before it is ended: as long as its lease.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Tells the watchers of this process that a registry has moved, and that the end has come.
pub struct News {
    /// True when the server is stopping; marked as changed with each move.
    told: watch::Sender<bool>,
    seats: Seats,
    following: Following,
}

impl News {
    pub fn new(limits: &Limits) -> Self {
        let seats = Seats::new(limits.max_watchers, limits.max_watchers_per_address);
        Self { told: watch::Sender::new(false), seats, following: Following::default() }
    }
    /// Superiors follow the registry, or did a moment ago.
    pub fn is_followed(&self, registry: RegistryId) -> bool {
        self.following.contains(registry, Instant::now())
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
    /// The log has published; of a feed alone.
    Published(Arc<Published>),
    /// Tags of entities that registries below keep; of a feed alone.
    Below(Vec<u32>),
    Heartbeat(Heartbeat),
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The number up to which everything of interest was sent.
    pub seq: i64,
    /// Entries that the log has published.
    pub published: u64,
    /// How long after the watch began no later event had been acknowledged; of a feed alone.
    pub elapsed: Duration,
    /// How far registries below are, as their feeds tell; of a feed alone.
    pub below: Vec<Heard>,
    /// The tags of all entities that registries below keep were sent; of a feed alone.
    pub complete: bool,
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
    /// As a superior follows it: with what the log publishes, a sign of life each 500 ms, and an end for who is slow.
    pub feed: bool,
}

pub async fn watch(
    app: &Arc<App>,
    registry: RegistryId,
    wish: Wish,
    address: IpAddr,
) -> Result<Items, Error> {
    let seat = app.news.seats.take(address)?;
    open(app, registry, wish, Some(seat)).await
}

/// As a superior in the same process follows a registry: that takes no place.
pub async fn own(app: &Arc<App>, registry: RegistryId, after: i64) -> Result<Items, Error> {
    open(app, registry, Wish { after, feed: true, ..Wish::default() }, None).await
}

async fn open(app: &Arc<App>, registry: RegistryId, wish: Wish, seat: Option<Seat>) -> Result<Items, Error> {
    let follower = wish.feed.then(|| app.news.following.add(registry));
    let (interest, after) =
        (webhook::interest(app, registry, wish.kinds, &wish.entity_id).await?, wish.after);
    let epoch = app.store.epoch(registry).await?;
    if !(0..=epoch).contains(&after) {
        let field = if wish.feed { "from_index" } else { "after" };
        return Err(Invalid::new(field, format!("must be 0 to {epoch}, the last event there is")).into());
    }
    // One place more than may be ahead: for the last word.
    let (out, items) = mpsc::channel(AHEAD + 1);
    let (app, told) = (Arc::clone(app), app.news.subscribe());
    let feed = wish.feed;
    let opened = Instant::now();
    let period = if feed { FEED_HEARTBEAT } else { HEARTBEAT };
    let due = if feed { opened } else { opened + period };
    tokio::spawn(async move {
        let watcher = Watcher {
            app,
            registry,
            interest,
            after,
            told,
            out,
            feed,
            opened,
            period,
            due,
            published: 0,
            beaten: opened,
            version: 0,
            appeared: 0,
            _seat: seat,
            _follower: follower,
        };
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
    feed: bool,
    opened: Instant,
    period: Duration,
    /// When the next sign of life is.
    due: Instant,
    /// Size of the checkpoint that was sent last.
    published: u64,
    /// When the last sign of life was due.
    beaten: Instant,
    /// What was known of registries below then.
    version: u64,
    /// How many tags of entities below were sent.
    appeared: usize,
    _seat: Option<Seat>,
    _follower: Option<Follower>,
}

impl Watcher {
    /// Until the server stops, or nobody listens any more, or who listens is too slow.
    async fn run(mut self) {
        // Its place is kept from the beginning: it can be said to who has left everything unread.
        let Ok(last) = self.out.clone().reserve_owned().await else { return };
        if let Err(error) = self.follow().await {
            last.send(Err(error));
        }
    }

    /// An error is the last word; without one nobody listens any more.
    async fn follow(&mut self) -> Result<(), Error> {
        loop {
            self.told.mark_unchanged();
            if *self.told.borrow() {
                let text = "the server is stopping: watch again, after the last number";
                return Err(Error::new(Code::Unavailable, text));
            }
            // The time first, then the lease, then what has come: so all that was acknowledged by then was sent.
            let elapsed = self.opened.elapsed();
            let sure = self.app.register.usable();
            if !(self.publish().await? && self.catch_up().await? && self.beat(elapsed, sure).await?) {
                return Ok(());
            }
            tokio::select! {
                told = self.told.changed() => if told.is_err() { return Ok(()) },
                () = self.out.closed() => return Ok(()),
                () = tokio::time::sleep_until(self.due) => {}
            }
        }
    }

    /// False when nobody listens. A feed that is left unread is ended.
    async fn send(&self, item: Item) -> Result<bool, Error> {
        let sending = self.out.send(Ok(item));
        if !self.feed {
            return Ok(sending.await.is_ok());
        }
        let slow = |_| Error::new(Code::Unavailable, "read too slowly: watch again, after the last number");
        Ok(tokio::time::timeout(PATIENCE, sending).await.map_err(slow)?.is_ok())
    }

    /// Sends what the log has published since; false when nobody listens.
    async fn publish(&mut self) -> Result<bool, Error> {
        let newest = self.app.logs.published(self.registry);
        let Some(log) = newest.filter(|log| self.feed && log.size > self.published) else {
            return Ok(true);
        };
        self.published = log.size;
        self.send(Item::Published(log)).await
    }

    /// Sends a sign of life when it is due; false when nobody listens. A superior relies on it, so a process that does
    /// not know of all changes gives it none.
    async fn beat(&mut self, elapsed: Duration, sure: bool) -> Result<bool, Error> {
        self.hurry();
        if Instant::now() < self.due {
            return Ok(true);
        }
        self.beaten = Instant::now();
        self.due = self.beaten + self.period;
        if self.feed && !sure {
            return Ok(true);
        }
        let Some((below, complete)) = self.further().await? else { return Ok(false) };
        let published = self.app.logs.position(self.registry).published;
        self.send(Item::Heartbeat(Heartbeat { seq: self.after, published, elapsed, below, complete })).await
    }

    /// Sends what has come; false when nobody listens.
    async fn catch_up(&mut self) -> Result<bool, Error> {
        // A registry that has not moved costs no query.
        while self.app.register.watched(self.registry).is_none_or(|epoch| epoch > self.after) {
            let page = self.app.store.told(self.registry, self.interest.clone(), self.after, PAGE).await?;
            for (seq, body) in page.events {
                if !self.send(Item::Event { seq, body }).await? {
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
