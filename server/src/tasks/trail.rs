//! Tells receivers of audit and security events, registry by registry, each by one process at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use charter_domain::{RegistryId, Timestamp};
use charter_store::{
    event::Filter,
    trail::{Line, SecurityEvent, Stream},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::left;
use crate::{
    App,
    hosted::Tenant,
    telemetry::Seldom,
    trail::{Message, Way, notes},
};

/// Events of one message to a receiver, and bytes of them together; a single one may have more.
const PAGE: i64 = 500;
const BYTES: usize = 1024 * 1024;
/// Renewed at half of it; a process that dies holds a receiver up for no longer.
const LEASE: Duration = Duration::from_secs(20);
/// Somebody else tells it.
const RESCAN: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
const ROUND: Duration = Duration::from_secs(1);
/// After a round in which so many different things were seen that not all were told apart: whoever makes them fills no disk.
const LONG_ROUND: Duration = Duration::from_secs(60);
/// What is under way when a server stops is waited for.
const PARTING: Duration = Duration::from_secs(5);

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

/// Puts on record what this process has seen, second by second, until it ends: requests that are let finish are seen too.
async fn record(app: Arc<App>) {
    notes::of_server(&app, "SERVER_STARTED", env!("CARGO_PKG_VERSION"));
    loop {
        let whole = put(&app).await;
        sleep(if whole { ROUND } else { LONG_ROUND }).await;
    }
}

/// When no request is under way any more: the rest is put on record, and whoever tells receivers leaves them to others.
pub async fn finish(app: &App) {
    put(app).await;
    let all = u32::try_from(notes::LINES).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(PARTING, app.notes.lines.acquire_many(all)).await;
}

/// What cannot be put on record now is kept. False: more was seen than is told apart.
async fn put(app: &App) -> bool {
    let mut by_registry = std::collections::BTreeMap::<RegistryId, Vec<_>>::new();
    let taken = app.notes.take();
    let whole = taken.len() < notes::MOST;
    for (note, counted) in taken.into_iter().filter(|(note, _)| !app.hosted.holds.has_moved(note.registry)) {
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
    whole
}

/// Tells one receiver of one stream for as long as this process runs.
async fn follow(app: Arc<App>, line: Line) {
    let Ok(_line) = app.notes.lines.acquire().await else { return };
    let (lease, mut failures) = (Uuid::new_v4(), 0_u32);
    let mut news = app.news.subscribe();
    while !*news.borrow_and_update() {
        let began = Instant::now();
        let done = turn(&app, (line, lease), &mut news).await;
        is_told(&app, line, done.is_ok());
        // What went well for a while is no failure after failure.
        if done.is_ok() || began.elapsed() > LAST_RETRY {
            failures = 0;
        }
        let rest = match done {
            Ok(()) => RESCAN,
            Err(why) => {
                if FAILED.is_due() {
                    tracing::warn!(receiver = line.receiver.code(), why, "a receiver of events is not told");
                }
                failures = failures.saturating_add(1);
                FIRST_RETRY.saturating_mul(1 << (failures - 1).min(6)).min(LAST_RETRY)
            }
        };
        let _ = timeout(rest, news.wait_for(|stopping| *stopping)).await;
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
        let rest = if more { Duration::ZERO } else { ROUND };
        if timeout(rest, news.wait_for(|stopping| *stopping)).await.is_ok() {
            break;
        }
    }
    telling.leave().await
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
        let (page, more) = page(self.app, self.tenant, self.line.stream, self.told).await?;
        if let Some(last) = page.last() {
            self.way.tell(&page).await?;
            self.told = last.seq;
        }
        is_told(self.app, self.line, true);
        Ok(more)
    }

    /// Puts on record what has arrived. False: somebody else tells it now.
    async fn mark(&mut self) -> Result<bool, String> {
        let arrived = self.way.arrived()?.unwrap_or(self.upto).max(self.upto);
        show(self.tenant, self.line, self.told - arrived);
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

/// What comes next, and whether there is more.
async fn page(
    app: &App,
    tenant: &Tenant,
    stream: Stream,
    after: i64,
) -> Result<(Vec<Message>, bool), String> {
    let (registry, authority) = (tenant.registry.id, &tenant.registry.authority);
    match stream {
        Stream::Audit => {
            if app.register.watched(registry).is_some_and(|epoch| epoch <= after) {
                return Ok((Vec::new(), false));
            }
            let events = app.store.events(registry, Filter::default(), after, PAGE).await.map_err(failed)?;
            cut(events.into_iter().map(|(seq, body)| Message::audit(authority, seq, body)))
        }
        Stream::Security => {
            let events = app.store.security_events(registry, after, PAGE).await.map_err(failed)?;
            cut(events.into_iter().map(|event| Ok(Message::security(authority, event))))
        }
    }
}

/// As many as a receiver takes at once, up to one that cannot be read; it is an error where it comes first.
fn cut(found: impl Iterator<Item = Result<Message, String>>) -> Result<(Vec<Message>, bool), String> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for message in found {
        match message {
            Ok(message) if page.is_empty() || bytes + message.body.len() <= BYTES => {
                bytes += message.body.len();
                page.push(message);
            }
            Err(why) if page.is_empty() => return Err(why),
            Ok(_) | Err(_) => return Ok((page, true)),
        }
    }
    let more = usize::try_from(PAGE).is_ok_and(|most| page.len() == most);
    Ok((page, more))
}

fn show(tenant: &Tenant, line: Line, waiting: i64) {
    let (registry, receiver) = (tenant.registry.slug.clone(), line.receiver.code());
    let waiting = f64::from(i32::try_from(waiting).unwrap_or(i32::MAX));
    metrics::gauge!(
        "charter_trail_unconfirmed",
        "registry" => registry, "receiver" => receiver, "stream" => line.stream.code()
    )
    .set(waiting);
}

/// Whether it was told, or need not be, when that was tried last.
fn is_told(app: &App, line: Line, told: bool) {
    let Some(tenant) = app.hosted.tenant(line.registry) else { return };
    let (registry, receiver) = (tenant.registry.slug.clone(), line.receiver.code());
    metrics::gauge!(
        "charter_trail_failing",
        "registry" => registry, "receiver" => receiver, "stream" => line.stream.code()
    )
    .set(if told { 0.0 } else { 1.0 });
}

#[cfg(test)]
mod tests {
    use charter_domain::AuthorityId;

    use super::*;

    fn message(seq: i64, bytes: usize) -> Result<Message, String> {
        let authority = AuthorityId::parse("did:web:charter.example").expect("an authority");
        let (stream, at) = (Stream::Audit, Timestamp::from_secs(1));
        Ok(Message { authority, stream, seq, at, kind: "Made".to_owned(), body: "x".repeat(bytes) })
    }

    fn numbers(list: Vec<Result<Message, String>>) -> Result<(Vec<i64>, bool), String> {
        cut(list.into_iter()).map(|(page, more)| (page.iter().map(|message| message.seq).collect(), more))
    }

    #[test]
    fn a_page_is_as_much_as_a_receiver_takes_and_ends_before_what_cannot_be_read() {
        let broken = || Err("no event".to_owned());
        assert_eq!(numbers(vec![message(1, 9), message(2, 9)]), Ok((vec![1, 2], false)));
        assert_eq!(numbers(vec![message(1, BYTES), message(2, 1)]), Ok((vec![1], true)));
        assert_eq!(numbers(vec![message(1, 2 * BYTES), message(2, 1)]), Ok((vec![1], true)));
        assert_eq!(numbers(vec![message(1, 9), broken(), message(3, 9)]), Ok((vec![1], true)));
        assert_eq!(numbers(vec![broken(), message(3, 9)]), Err("no event".to_owned()));
        let full = (1..=PAGE).map(|seq| message(seq, 1)).collect();
        assert_eq!(numbers(full).map(|(page, more)| (page.len(), more)), Ok((500, true)));
    }
}
