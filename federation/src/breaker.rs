//! Endpoints that could not be reached rest: 1 s, then twice as long each time, up to 5 min; then one question tries.
//!
//! In scope: when an endpoint may be asked, and what counts as not having reached it. Out of scope: asking. Only
//! endpoints that failed are kept, so one that answers costs a look.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    budget::HOP,
    protocol::{Failure, PeerEndpoint},
};

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
    /// In how long it is asked again.
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

struct Open {
    failures: u32,
    /// When the last failure was seen.
    since: Instant,
    again: Instant,
    why: String,
}

/// One breaker for each endpoint.
pub struct Breakers {
    /// Of each process another: processes that lost an endpoint together come back at different times.
    seed: u64,
    open: Mutex<HashMap<PeerEndpoint, Open>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u64))
    }
}

impl Breakers {
    /// Those with one seed let rest for the same times.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, open: Mutex::default() }
    }

    /// Asks an endpoint within `given`, unless it rests; remembers whether it could be reached.
    pub async fn ask<T>(
        &self,
        endpoint: &PeerEndpoint,
        given: Duration,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        self.admit(endpoint, started).map_err(|resting| {
            metrics::counter!("charter_peer_short_circuits_total").increment(1);
            Failure::Resting(resting)
        })?;
        let mut waiting = Waiting { breakers: self, endpoint, started, reached: None };
        let outcome = tokio::time::timeout(given, call).await.unwrap_or(Err(Failure::Late));
        waiting.reached = match &outcome {
            Err(Failure::Late) => None,
            Err(failed @ Failure::Unreachable(_)) => Some(Err(failed.to_string())),
            _ => Some(Ok(())),
        };
        outcome
    }

    /// Whether to ask. Of those who come after the rest one is let through; the others wait until it is back, or has
    /// had the time of a hop.
    pub fn admit(&self, endpoint: &PeerEndpoint, now: Instant) -> Result<(), Resting> {
        let mut open = self.lock();
        let Some(it) = open.get_mut(endpoint) else { return Ok(()) };
        if now >= it.again {
            it.again = now + HOP;
            return Ok(());
        }
        let again_in = it.again.saturating_duration_since(now);
        Err(Resting { failures: it.failures, again_in, why: it.why.clone() })
    }

    /// Whether an endpoint rests, for who only looks. It is asked again in no time when it is its turn.
    pub fn look(&self, endpoint: &PeerEndpoint, now: Instant) -> Option<Resting> {
        let open = self.lock();
        let it = open.get(endpoint)?;
        let again_in = it.again.saturating_duration_since(now);
        Some(Resting { failures: it.failures, again_in, why: it.why.clone() })
    }

    pub fn succeeded(&self, endpoint: &PeerEndpoint) {
        let mut open = self.lock();
        if open.remove(endpoint).is_some() {
            show(open.len());
        }
    }

    /// A question that was sent at `started` failed at `now`.
    pub fn failed(&self, endpoint: &PeerEndpoint, (started, now): (Instant, Instant), why: String) {
        let mut open = self.lock();
        let failures = match open.get(endpoint) {
            // It was under way when another one failed: that is one failure.
            Some(it) if started < it.since => return,
            Some(it) => it.failures.saturating_add(1),
            None if open.len() >= MAX_KEPT => return,
            None => 1,
        };
        let again = now + self.rest(endpoint, failures);
        open.insert(endpoint.clone(), Open { failures, since: now, again, why });
        show(open.len());
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

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerEndpoint, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call, until it ends or whoever waits for it gives up: then it counts as late, if it had its time.
struct Waiting<'a> {
    breakers: &'a Breakers,
    endpoint: &'a PeerEndpoint,
    started: Instant,
    /// Whether the peer could be reached; `None` while that is open.
    reached: Option<Result<(), String>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let why = match self.reached.take() {
            Some(Ok(())) => return self.breakers.succeeded(self.endpoint),
            Some(Err(why)) => why,
            None if now.duration_since(self.started) < FAIR => return,
            None => Failure::Late.to_string(),
        };
        self.breakers.failed(self.endpoint, (self.started, now), why);
    }
}

fn show(open: usize) {
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    metrics::gauge!("charter_peer_breakers_open").set(f64::from(open));
}

#[cfg(test)]
mod tests {
    use charter_domain::SpkiPins;

    use super::*;

    fn peer(port: u16) -> PeerEndpoint {
        PeerEndpoint { url: format!("http://127.0.0.1:{port}"), pins: SpkiPins::default() }
    }

    fn fails(breakers: &Breakers, started: Instant, now: Instant) {
        breakers.failed(&peer(1), (started, now), "gone".to_owned());
    }

    #[test]
    fn rests_grow_from_one_second_to_five_minutes() {
        let (breakers, mut now) = (Breakers::default(), Instant::now());
        for failures in 1..=20 {
            breakers.admit(&peer(1), now).expect("its turn");
            fails(&breakers, now, now);
            let resting = breakers.admit(&peer(1), now).expect_err("it rests");
            let whole = Duration::from_secs(1 << (failures - 1).min(16)).min(LONGEST);
            assert!(resting.again_in <= whole && resting.again_in >= whole * 4 / 5, "{failures}: {resting}");
            assert_eq!(resting.failures, failures);
            now += resting.again_in;
        }
    }

    #[test]
    fn one_question_tries_and_its_answer_decides_for_all() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        fails(&breakers, start, start);
        let later = start + FIRST;
        assert!(breakers.admit(&peer(1), later).is_ok() && breakers.admit(&peer(1), later).is_err());
        assert!(breakers.admit(&peer(2), later).is_ok(), "another endpoint");
        // One that never came back does not keep the place.
        assert!(breakers.admit(&peer(1), later + HOP).is_ok());
        breakers.succeeded(&peer(1));
        assert!(breakers.admit(&peer(1), later).is_ok() && breakers.admit(&peer(1), later).is_ok());
    }

    #[test]
    fn questions_that_fail_together_are_one_failure() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        let end = start + Duration::from_millis(10);
        for _ in 0..50 {
            fails(&breakers, start, end);
        }
        assert_eq!(breakers.admit(&peer(1), end).map_err(|resting| resting.failures), Err(1));
        fails(&breakers, end + FIRST, end + FIRST);
        assert_eq!(breakers.admit(&peer(1), end + FIRST).map_err(|resting| resting.failures), Err(2));
    }

    #[test]
    fn it_says_what_failed_and_when_it_is_asked_again() {
        let resting = Resting {
            failures: 3,
            again_in: Duration::from_millis(3_140),
            why: "did not answer in time".into(),
        };
        let text = "did not answer in time (failure 3 in a row); it is asked again in 3.1 s";
        assert_eq!(resting.to_string(), text);
    }
}
