//! Tells receivers of audit and security events, registry by registry, each by one process at a time.

use std::{sync::Arc, time::Duration};

use charter_domain::{RegistryId, Timestamp};
use charter_store::{
    event::Filter,
    trail::{Line, SecurityEvent, Stream},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use uuid::Uuid;

use super::left;
use crate::{
    App,
    hosted::Tenant,
    telemetry::Seldom,
    trail::{Message, Way, notes},
};

const PAGE: i64 = 500;
/// Renewed at half of it; a process that dies holds a receiver up for no longer.
const LEASE: Duration = Duration::from_secs(20);
/// Somebody else tells it.
const RESCAN: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
const ROUND: Duration = Duration::from_secs(1);

static FAILED: Seldom = Seldom::new();

pub async fn run(app: Arc<App>) {
    let receivers = app.config.trail.receivers();
    let mut set = JoinSet::new();
    for tenant in app.hosted.tenants() {
        for receiver in &receivers {
            for stream in [Stream::Audit, Stream::Security] {
                let line = Line { registry: tenant.registry.id, receiver: *receiver, stream };
                set.spawn(follow(Arc::clone(&app), line));
            }
        }
    }
    if receivers.is_empty() {
        return;
    }
    set.spawn(record(Arc::clone(&app)));
    while let Some(ended) = set.join_next().await {
        if let Err(why) = ended {
            tracing::error!(%why, "a receiver of events is told no more until this process starts again");
        }
    }
}

/// Puts on record what this process has seen, second by second.
async fn record(app: Arc<App>) {
    let mut news = app.news.subscribe();
    notes::of_server(&app, "SERVER_STARTED", env!("CARGO_PKG_VERSION"));
    while !*news.borrow_and_update() {
        put(&app).await;
        let _ = tokio::time::timeout(ROUND, news.wait_for(|stopping| *stopping)).await;
    }
    notes::of_server(&app, "SERVER_STOPPED", env!("CARGO_PKG_VERSION"));
    put(&app).await;
}

/// What cannot be put on record now is kept.
async fn put(app: &App) {
    let mut by_registry = std::collections::BTreeMap::<RegistryId, Vec<_>>::new();
    for (note, counted) in app.notes.take() {
        by_registry.entry(note.registry).or_default().push((note, counted));
    }
    for (registry, noted) in by_registry {
        let events: Vec<SecurityEvent> =
            noted.iter().map(|(note, counted)| notes::event(note, *counted)).collect();
        if let Err(error) = app.store.put_security_events(registry, events).await {
            app.notes.put_back(noted);
            if let Some(tenant) = app.hosted.tenant(registry) {
                left(&tenant.registry.authority, "security events are not on record yet", &error);
            }
        }
    }
}

/// Tells one receiver of one stream for as long as this process runs.
async fn follow(app: Arc<App>, line: Line) {
    let (lease, mut failures) = (Uuid::new_v4(), 0_u32);
    let mut news = app.news.subscribe();
    while !*news.borrow_and_update() {
        let rest = match turn(&app, (line, lease), &mut news).await {
            Ok(()) => {
                failures = 0;
                RESCAN
            }
            Err(why) => {
                if FAILED.is_due() {
                    tracing::warn!(receiver = line.receiver.code(), why, "a receiver of events is not told");
                }
                failures = failures.saturating_add(1);
                FIRST_RETRY.saturating_mul(1 << failures.min(6)).min(LAST_RETRY)
            }
        };
        let _ = tokio::time::timeout(rest, news.wait_for(|stopping| *stopping)).await;
    }
}

/// From when this process may tell it until something fails, or somebody else may.
async fn turn(
    app: &App,
    (line, lease): (Line, Uuid),
    news: &mut watch::Receiver<bool>,
) -> Result<(), String> {
    let Some(tenant) = app.hosted.tenant(line.registry) else { return Ok(()) };
    let now = app.clock.now();
    let until = now.plus(LEASE);
    let Some(upto) = app.store.take_trail(line, lease, (now, until)).await.map_err(failed)? else {
        return Ok(());
    };
    let way = Way::open(&app.config.trail, line.receiver).await?;
    let mut telling = Telling { app, tenant, line, lease, way, told: upto, upto, until };
    while !app.hosted.holds.has_moved(line.registry) {
        let more = telling.tell().await?;
        if !telling.mark().await? {
            return Ok(());
        }
        // What is told is not all that has arrived: that is looked at soon.
        if !more && stops(news).await {
            break;
        }
    }
    telling.leave().await
}

/// After a moment, whether this process stops.
async fn stops(news: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        told = news.changed() => told.is_err() || *news.borrow(),
        () = sleep(ROUND) => false,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn failed(error: charter_store::Error) -> String {
    error.source_text().unwrap_or("the database").to_owned()
}

/// One receiver of one stream, told by this process.
struct Telling<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    line: Line,
    lease: Uuid,
    way: Way,
    /// Told over this way, which may lose it.
    told: i64,
    /// On record as arrived.
    upto: i64,
    until: Timestamp,
}

impl Telling<'_> {
    /// The next page; whether there are more.
    async fn tell(&mut self) -> Result<bool, String> {
        let page = page(self.app, self.tenant, self.line.stream, self.told).await?;
        if let Some(last) = page.last() {
            self.way.tell(&page).await?;
            self.told = last.seq;
        }
        Ok(usize::try_from(PAGE).is_ok_and(|most| page.len() == most))
    }

    /// Puts on record what has arrived. False: somebody else tells it now.
    async fn mark(&mut self) -> Result<bool, String> {
        let arrived = self.way.arrived()?.unwrap_or(self.upto).max(self.upto);
        show(self.line, self.told - arrived);
        let now = self.app.clock.now();
        if arrived == self.upto && self.until > now.plus(LEASE / 2) {
            return Ok(true);
        }
        (self.upto, self.until) = (arrived, now.plus(LEASE));
        self.put().await
    }

    // Exclusive, since a way is no thing to share between threads.
    async fn put(&mut self) -> Result<bool, String> {
        self.app.store.mark_trail(self.line, self.lease, (self.upto, self.until)).await.map_err(failed)
    }

    /// Others need not wait for the end of what it had taken.
    async fn leave(mut self) -> Result<(), String> {
        self.until = self.app.clock.now();
        self.put().await.map(drop)
    }
}

async fn page(app: &App, tenant: &Tenant, stream: Stream, after: i64) -> Result<Vec<Message>, String> {
    let (registry, authority) = (tenant.registry.id, &tenant.registry.authority);
    match stream {
        Stream::Audit => {
            if app.register.watched(registry).is_some_and(|epoch| epoch <= after) {
                return Ok(Vec::new());
            }
            let events = app.store.events(registry, Filter::default(), after, PAGE).await.map_err(failed)?;
            events.into_iter().map(|(seq, body)| Message::audit(authority, seq, body)).collect()
        }
        Stream::Security => {
            let events = app.store.security_events(registry, after, PAGE).await.map_err(failed)?;
            Ok(events.into_iter().map(|event| Message::security(authority, event)).collect())
        }
    }
}

fn show(line: Line, waiting: i64) {
    let (receiver, stream) = (line.receiver.code(), line.stream.code());
    let waiting = f64::from(i32::try_from(waiting).unwrap_or(i32::MAX));
    metrics::gauge!("charter_trail_unconfirmed", "receiver" => receiver, "stream" => stream).set(waiting);
}
