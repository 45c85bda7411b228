//! What peers state of us in turn: asked of them, verified, and kept for a while.
//!
//! A recognition is followed where both sides sign, unless our own statement says that it is one-sided. Half a minute
//! here and the half minute for which an answer may be kept by others are the minute within which a revocation by the
//! peer counts; one by us counts at once. Invariant: what was kept is verified again for each question.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use charter_domain::{AuthorityId, Interval, Timestamp};
use charter_proof::{RecognitionStatement, verify_counter};

use super::Resolver;
use crate::{
    local::LocalAuthority,
    protocol::{Failure, PeerEndpoint},
};

/// How long a statement in turn is kept.
const SHOWN: Duration = Duration::from_secs(30);
/// How long it is kept that there is none.
const NOT_SHOWN: Duration = Duration::from_secs(10);
/// How long the peer has to show it.
const WITHIN: Duration = Duration::from_secs(1);
/// Recognitions whose statement in turn is kept; those beyond are asked for each time.
const MAX_KEPT: usize = 1_000;

/// A recognition of this process: who recognises, and the event that made it.
type Own = (AuthorityId, i64);

/// A peer's statement in turn.
pub(super) struct Counter {
    /// Compact JWS, `recognition-statement+jwt`.
    pub token: String,
    pub statement: RecognitionStatement,
}

impl Counter {
    fn verified(
        token: String,
        own: &RecognitionStatement,
        (at, now): (Timestamp, Timestamp),
    ) -> Option<Self> {
        let statement = verify_counter(&token, own, at, now).ok()?;
        Some(Self { token, statement })
    }
}

#[derive(Clone)]
struct Kept {
    /// None where the peer showed none that counted.
    token: Option<String>,
    during: Interval,
}

/// Statements in turn, by the recognition that they answer.
#[derive(Default)]
pub(super) struct Counters(Mutex<HashMap<Own, Kept>>);

impl Counters {
    fn get(&self, own: &Own, now: Timestamp) -> Option<Kept> {
        self.lock().get(own).filter(|kept| kept.during.contains(now)).cloned()
    }

    fn keep(&self, own: Own, token: Option<String>, now: Timestamp) {
        let longest = if token.is_some() { SHOWN } else { NOT_SHOWN };
        let during = Interval { from: Some(now), until: Some(now.plus(longest)) };
        let mut all = self.lock();
        if all.len() >= MAX_KEPT {
            all.retain(|_, kept| kept.during.contains(now));
        }
        if all.len() < MAX_KEPT || all.contains_key(&own) {
            all.insert(own, Kept { token, during });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Own, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: LocalAuthority> Resolver<L> {
    /// The peer's statement in turn for `own`, in force at `at`; `None` where the peer shows none. A question about
    /// another time than now is asked of the peer where what is kept does not tell.
    ///
    /// # Errors
    /// The peer could not be asked: whether it recognises in turn is not known.
    pub(super) async fn counter(
        &self,
        own: &RecognitionStatement,
        endpoint: &PeerEndpoint,
        left: Duration,
        (at, now): (Timestamp, Timestamp),
    ) -> Result<Option<Counter>, Failure> {
        let key = (own.authority_id.clone(), own.seq);
        if let Some(kept) = self.counters.get(&key, now) {
            match kept.token.map(|token| Counter::verified(token, own, (at, now))) {
                Some(Some(counter)) => return Ok(Some(counter)),
                None if at == now => return Ok(None),
                _ => {}
            }
        }
        let shown =
            self.protocol.recognitions(endpoint, &own.peer_id, &own.authority_id, left.min(WITHIN)).await?;
        // What was signed while we waited is not from the future.
        let later = self.local.now().max(now);
        let found = shown.into_iter().find_map(|token| Counter::verified(token, own, (at, later)));
        if at == now {
            self.counters.keep(key, found.as_ref().map(|counter| counter.token.clone()), later);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_kept_for_half_a_minute_and_that_nothing_was_for_less() {
        let (counters, now) = (Counters::default(), Timestamp::from_secs(1_000));
        let own = |seq| (AuthorityId::parse("did:web:a.example").expect("valid"), seq);
        counters.keep(own(1), Some("token".to_owned()), now);
        counters.keep(own(2), None, now);
        let kept = |seq, secs| counters.get(&own(seq), now.plus(Duration::from_secs(secs))).map(|k| k.token);
        assert_eq!((kept(1, 29), kept(1, 30)), (Some(Some("token".to_owned())), None));
        assert_eq!((kept(2, 9), kept(2, 10)), (Some(None), None));
        assert_eq!(
            counters.get(&own(1), Timestamp::from_secs(999)).map(|k| k.token),
            None,
            "a clock set back"
        );
    }

    #[test]
    fn so_many_are_kept_and_those_that_are_over_make_room() {
        let (counters, now) = (Counters::default(), Timestamp::from_secs(1_000));
        let own = |seq| (AuthorityId::parse("did:web:a.example").expect("valid"), seq);
        for seq in 0..=1_000 {
            counters.keep(own(seq), None, now);
        }
        assert!(counters.get(&own(999), now).is_some() && counters.get(&own(1_000), now).is_none());
        let later = now.plus(NOT_SHOWN);
        counters.keep(own(1_000), None, later);
        assert!(counters.get(&own(1_000), later).is_some());
    }
}
