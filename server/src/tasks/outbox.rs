//! Delivery: events to webhooks, at least once and in order for each, shared among the processes of a site.
//!
//! A webhook is taken by a lease, so that a process that dies holds nobody up for longer; one that fails is tried again
//! later and later, and given up after a day.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use charter_domain::{RegistryId, Timestamp};
use charter_store::outbox::{Interest, Progress, Turn};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, MissedTickBehavior},
};

use crate::{App, Error, app::webhook, outbox::DEADLINE};

const PAGE: i64 = 100;
/// Longer than an attempt takes; renewed with each.
const LEASE: Duration = Duration::from_secs(30);
/// Webhooks that this process delivers to at once.
const HANDS: usize = 64;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(3_600);
const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);
/// Others' new webhooks are found this soon.
const RESCAN: Duration = Duration::from_secs(10);

/// Registries that have webhooks, as far as this process knows, and the hands that deliver.
pub struct Told {
    registries: Mutex<HashSet<RegistryId>>,
    look: Notify,
    hands: Arc<Semaphore>,
}

impl Default for Told {
    fn default() -> Self {
        let hands = Arc::new(Semaphore::new(HANDS));
        Self { registries: Mutex::default(), look: Notify::new(), hands }
    }
}

impl Told {
    /// A registry has webhooks, or one of them has changed.
    pub fn have(&self, registry: RegistryId) {
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).insert(registry);
        self.look.notify_one();
    }
    fn list(&self) -> Vec<RegistryId> {
        self.registries.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut news = app.news.subscribe();
    let mut scanned: Option<Instant> = None;
    loop {
        if *news.borrow_and_update() {
            return;
        }
        if scanned.is_none_or(|at| at.elapsed() > RESCAN) {
            scan(&app).await;
            scanned = Some(Instant::now());
        }
        for registry in app.told.list() {
            // Whoever serves it now tells them.
            if app.hosted.holds.has_moved(registry) {
                continue;
            }
            if let Err(error) = hand_out(&app, registry).await {
                tracing::debug!(error = error.detail, "webhooks cannot be looked at");
            }
        }
        tokio::select! {
            _ = tick.tick() => {}
            told = news.changed() => if told.is_err() { return },
            () = app.told.look.notified() => {}
        }
    }
}

async fn scan(app: &App) {
    for tenant in app.hosted.tenants() {
        let registry = tenant.registry.id;
        if app.store.webhooks(registry, None).await.is_ok_and(|list| !list.is_empty()) {
            app.told.have(registry);
        }
    }
}

/// Gives every webhook of a registry that has something to be told to a hand that is free.
async fn hand_out(app: &Arc<App>, registry: RegistryId) -> Result<(), Error> {
    while let Ok(hand) = Arc::clone(&app.told.hands).try_acquire_owned() {
        let now = app.clock.now();
        let Some(turn) = app.store.next_turn(registry, now, now.plus(LEASE)).await? else { break };
        let app = Arc::clone(app);
        tokio::spawn(async move {
            let id = turn.webhook.id;
            if let Err(error) = deliver(&app, turn).await {
                // The lease ends by itself.
                tracing::warn!(webhook = %id, error = error.detail, "a delivery was left");
            }
            drop(hand);
            // What came while this turn lasted is for the next one.
            app.told.look.notify_one();
        });
    }
    Ok(())
}

/// Waits for the messages under way, when no turn begins any more: nobody else would go on with these for a while.
pub async fn finish(app: &App) {
    let all = u32::try_from(HANDS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(2 * DEADLINE, app.told.hands.acquire_many(all)).await;
}

/// Everything that a webhook has not been told of, in order, until there is no more or an attempt fails.
async fn deliver(app: &App, mut turn: Turn) -> Result<(), Error> {
    let interest = Interest { kinds: turn.webhook.kinds.clone(), entity: turn.webhook.entity };
    let (mut after, began) = (turn.webhook.cursor, Instant::now());
    loop {
        let page = app.store.told(turn.registry, interest.clone(), after, PAGE).await?;
        for (seq, body) in page.events {
            if !one(app, &turn, seq, body).await? {
                return Ok(());
            }
            turn.webhook.recovered();
            after = seq;
            if app.news.stopping() {
                app.store.progress(&turn, None, Progress::Done(after)).await?;
                return Ok(());
            }
        }
        after = page.upto;
        // A webhook with very much to be told goes to the end of the queue from time to time.
        if page.end || began.elapsed() > LEASE {
            app.store.progress(&turn, None, Progress::Done(after)).await?;
            return Ok(());
        }
    }
}

/// One event; false when the turn is over.
async fn one(app: &App, turn: &Turn, seq: i64, body: Vec<u8>) -> Result<bool, Error> {
    let webhook = &turn.webhook;
    let now = app.clock.now();
    // The same for each attempt at this event: by it a receiver knows what it has.
    let message = format!("msg_{}_{seq}", webhook.id.simple());
    let attempt = webhook::attempt(app, webhook, (seq, message, body), now).await;
    metrics::counter!("charter_webhook_attempts_total", "outcome" => outcome(&attempt.outcome)).increment(1);
    let delivered = attempt.outcome == "DELIVERED";
    let progress = match delivered {
        true => Progress::Delivered(seq, app.clock.now().plus(LEASE + DEADLINE)),
        false => {
            after_failure(webhook.failing_since(), webhook.failures, attempt.status, now, rand::random())
        }
    };
    if let Progress::Disabled(why) = &progress {
        tracing::error!(webhook = %webhook.id, %why, "a webhook is given up");
    }
    let ours = app.store.progress(turn, Some(attempt), progress).await?;
    Ok(ours && delivered)
}

fn outcome(text: &str) -> &'static str {
    if text == "DELIVERED" { "delivered" } else { "failed" }
}

/// Later and later, and not at all after a day or where the receiver says that it is gone.
pub fn after_failure(
    since: Option<Timestamp>,
    failures: i32,
    status: i16,
    now: Timestamp,
    dice: u64,
) -> Progress {
    if status == 410 {
        return Progress::Disabled("the receiver answered 410 Gone".to_owned());
    }
    let since = since.unwrap_or(now);
    if now.since(since) >= GIVE_UP {
        return Progress::Disabled(format!("nothing was delivered since {since}"));
    }
    Progress::Failed { since, due: now.plus(backoff(failures, dice)) }
}

/// Half of it at random, so that receivers that failed together are not asked together.
fn backoff(failures: i32, dice: u64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << failures.clamp(0, 12));
    let full = doubled.min(LAST_RETRY);
    let half = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX);
    Duration::from_millis(half + dice % (half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later_and_end_after_a_day() {
        for (failures, least, most) in
            [(0, 500, 1_000), (1, 1_000, 2_000), (5, 16_000, 32_000), (99, 1_800_000, 3_600_000)]
        {
            for dice in [0, 7, u64::MAX] {
                let wait = backoff(failures, dice).as_millis();
                assert!((least..=most).contains(&wait), "{failures}: {wait}");
            }
        }
        let now = Timestamp::from_secs(1_000_000);
        let disabled =
            |since, status| matches!(after_failure(since, 3, status, now, 0), Progress::Disabled(_));
        assert!(!disabled(None, 500) && !disabled(Some(now.minus(GIVE_UP - FIRST_RETRY)), 500));
        assert!(disabled(Some(now.minus(GIVE_UP)), 500) && disabled(None, 410));
    }
}
