//! Endpoints that could not be reached rest: 1 s, then twice as long each time, up to 5 min; then one is tried, while
//! nobody waits for it.
//!
//! In scope: when an endpoint may be asked, when it is tried, and what counts as not having reached it. Out of scope:
//! asking. Only endpoints that failed are kept, so one that answers costs a look; one is tried only if somebody asks
//! for it, by one task at a time, with an end.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    budget::HOP,
    protocol::{Failure, PeerEndpoint},
};

mod trial;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// Endpoints kept; what fails beyond is asked each time.
const MAX_KEPT: usize = 10_000;
/// Who is late sooner than this has shown nothing: the asker was in a hurry, or the peer refused at once.
pub const FAIR: Duration = Duration::from_millis(500);

/// Why an endpoint is not asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// Failures in a row; what failed together counts once.
    pub failures: u32,
    /// In how long it is asked again; none while it is tried.
    pub again_in: Duration,
    /// The last failure.
    pub why: String,
}

impl fmt::Display for Resting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, again_in, why } = self;
        let secs = again_in.as_secs_f64();
        write!(f, "{why} (failure {failures} in a row); it is asked again in {secs:.1} s")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Rests,
    /// A trial is under way.
    Tried,
    /// It may be asked, and what comes of that decides: an answer forgets its failures, another failure is one more.
    Back,
}

struct Kept {
    state: State,
    failures: u32,
    /// When the last failure was seen, or the trial that was answered.
    since: Instant,
    again: Instant,
    why: String,
}

impl Kept {
    fn resting(&self, now: Instant) -> Resting {
        let again_in = self.again.saturating_duration_since(now);
        Resting { failures: self.failures, again_in, why: self.why.clone() }
    }
}

/// What comes of wanting to ask an endpoint.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Ask,
    Rest(Resting),
    /// The rest is over: the first to hear it starts a trial, and waits for it no more than the others.
    Try(Resting),
}

/// One breaker for each endpoint.
pub struct Breakers {
    /// Of each process another: processes that lost an endpoint together come back at different times.
    seed: u64,
    kept: Mutex<HashMap<PeerEndpoint, Kept>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u64))
    }
}

impl Breakers {
    /// Those with one seed let rest for the same times.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, kept: Mutex::default() }
    }

    /// Asks an endpoint within `given`, unless it rests; remembers whether it could be reached. After a rest `trial` is
    /// run in the background: the cheapest call that shows who answers there.
    pub async fn ask<T, P>(
        self: &Arc<Self>,
        endpoint: &PeerEndpoint,
        given: Duration,
        call: impl Future<Output = Result<T, Failure>>,
        trial: impl FnOnce() -> P,
    ) -> Result<T, Failure>
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.admit(endpoint, trial)?;
        let mut waiting = Waiting { breakers: self, endpoint, given, started: Instant::now(), reached: None };
        let outcome = tokio::time::timeout(given, call).await.unwrap_or(Err(Failure::Late));
        waiting.reached = match &outcome {
            Err(Failure::Late) => None,
            Err(failed @ Failure::Unreachable(_)) => Some(Err(failed.to_string())),
            _ => Some(Ok(())),
        };
        outcome
    }

    /// Whether an endpoint may be asked; the first who comes after its rest starts `trial`.
    pub fn admit<P>(
        self: &Arc<Self>,
        endpoint: &PeerEndpoint,
        trial: impl FnOnce() -> P,
    ) -> Result<(), Failure>
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let resting = match self.turn(endpoint, Instant::now()) {
            Turn::Ask => return Ok(()),
            Turn::Rest(resting) => resting,
            Turn::Try(resting) => {
                self.tries(endpoint, trial());
                resting
            }
        };
        metrics::counter!("charter_peer_short_circuits_total").increment(1);
        Err(Failure::Resting(resting))
    }

    /// An endpoint has said nothing where it should have: it is tried before a question waits for it. Until the trial ends
    /// it is asked as before.
    pub fn doubt<P>(self: &Arc<Self>, endpoint: &PeerEndpoint, trial: impl FnOnce() -> P)
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        if self.doubted(endpoint, Instant::now()) {
            self.tries(endpoint, trial());
        }
    }

    /// Whether an endpoint rests, for who only looks. It is asked again in no time when it is its turn.
    pub fn look(&self, endpoint: &PeerEndpoint, now: Instant) -> Option<Resting> {
        let kept = self.lock();
        kept.get(endpoint).filter(|it| it.state != State::Back).map(|it| it.resting(now))
    }

    fn turn(&self, endpoint: &PeerEndpoint, now: Instant) -> Turn {
        let mut kept = self.lock();
        let Some(it) = kept.get_mut(endpoint) else { return Turn::Ask };
        match it.state {
            State::Back => Turn::Ask,
            State::Rests if now >= it.again => {
                it.state = State::Tried;
                Turn::Try(it.resting(now))
            }
            State::Rests | State::Tried => Turn::Rest(it.resting(now)),
        }
    }

    /// True where it is to be tried: nothing is known of it, and there is room to know.
    fn doubted(&self, endpoint: &PeerEndpoint, now: Instant) -> bool {
        let mut kept = self.lock();
        if kept.contains_key(endpoint) || !has_room(&mut kept) {
            return false;
        }
        let nothing = Kept { state: State::Back, failures: 0, since: now, again: now, why: String::new() };
        kept.insert(endpoint.clone(), nothing);
        true
    }

    /// A question was answered: whoever is back has stayed. It ends no rest: that takes a trial.
    fn succeeded(&self, endpoint: &PeerEndpoint) {
        let mut kept = self.lock();
        if kept.get(endpoint).is_some_and(|it| it.state == State::Back) {
            kept.remove(endpoint);
        }
    }

    /// A question or a trial that was sent at `started` failed at `now`.
    fn failed(&self, endpoint: &PeerEndpoint, (started, now): (Instant, Instant), why: String) {
        let mut kept = self.lock();
        if !kept.contains_key(endpoint) && !has_room(&mut kept) {
            return;
        }
        let failures = match kept.get(endpoint) {
            // It was under way when another one failed: that is one failure.
            Some(it) if started < it.since => return,
            Some(it) => it.failures.saturating_add(1),
            None => 1,
        };
        let again = now + self.rest(endpoint, failures);
        kept.insert(endpoint.clone(), Kept { state: State::Rests, failures, since: now, again, why });
        show(&kept);
    }

    /// A trial was answered at `now`.
    fn answered(&self, endpoint: &PeerEndpoint, now: Instant) {
        let mut kept = self.lock();
        match kept.get_mut(endpoint).filter(|it| it.failures > 0) {
            Some(it) => (it.state, it.since) = (State::Back, now),
            // It was in doubt, and nothing was wrong.
            None => drop(kept.remove(endpoint)),
        }
        show(&kept);
    }

    /// Up to a fifth less than the whole.
    fn rest(&self, endpoint: &PeerEndpoint, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        let mut hasher = DefaultHasher::new();
        (self.seed, endpoint, failures).hash(&mut hasher);
        let thousandths = u32::try_from(hasher.finish() % 200).unwrap_or(0);
        whole - whole / 1_000 * thousandths
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerEndpoint, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room by forgetting who may be asked anyway.
fn has_room(kept: &mut HashMap<PeerEndpoint, Kept>) -> bool {
    if kept.len() >= MAX_KEPT {
        kept.retain(|_, it| it.state != State::Back);
    }
    kept.len() < MAX_KEPT
}

/// A call, until it ends or whoever waits for it gives up: then it counts as late, if it had its time.
struct Waiting<'a> {
    breakers: &'a Breakers,
    endpoint: &'a PeerEndpoint,
    given: Duration,
    started: Instant,
    /// Whether the peer could be reached; `None` while that is open.
    reached: Option<Result<(), String>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now.duration_since(self.started);
        let why = match self.reached.take() {
            Some(Ok(())) => return self.breakers.succeeded(self.endpoint),
            Some(Err(why)) => why,
            // Much later than its time it was this process that stood still: that shows nothing of the peer.
            None if took < FAIR || took > self.given + FAIR => return,
            None => Failure::Late.to_string(),
        };
        self.breakers.failed(self.endpoint, (self.started, now), why);
    }
}

fn show(kept: &HashMap<PeerEndpoint, Kept>) {
    let open = kept.values().filter(|it| it.state != State::Back).count();
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    metrics::gauge!("charter_peer_breakers_open").set(f64::from(open));
}

#[cfg(test)]
mod tests;
