//! What may be renewed: what is in force still, until later than before. A gap is not filled backwards.

use super::lifecycle::require;
use crate::{
    Interval, Timestamp,
    policy::Refusal,
    status::{State, Status},
};

pub fn renewal(
    valid: &Interval,
    current: &[Status],
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    goes_on(valid, current, now)?;
    let Some(was) = valid.until else {
        return Err(Refusal::illegal("it has no end: to shorten it, propose its end (ENDED) instead"));
    };
    require(until > was, || {
        format!(
            "a renewal must last longer: give a `valid_until` later than {was}, or propose its end (ENDED)"
        )
    })
}

/// It has not run out, and is not and will not be revoked or ended. (A suspension stays what it is.)
pub fn goes_on(valid: &Interval, current: &[Status], now: Timestamp) -> Result<(), Refusal> {
    if let Some(until) = valid.until.filter(|until| *until <= now) {
        return Err(Refusal::illegal(format!("it ran out at {until}: grant it anew")));
    }
    let rest = Interval { from: Some(now), until: None };
    let final_one = |s: &&Status| {
        matches!(s.state, State::Revoked | State::Ended) && s.effective.intersect(&rest).is_some()
    };
    current.iter().find(final_one).map_or(Ok(()), |s| {
        let since = s.effective.from.unwrap_or(Timestamp::BEGINNING);
        Err(Refusal::illegal(format!("it is {} from {since} on: grant it anew", s.state.code())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn t(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn only_what_goes_on_lasts_longer() {
        let until = |u: Option<i64>| Interval { from: Some(t(0)), until: u.map(t) };
        let since = |state, from, until: Option<i64>| {
            vec![Status { state, effective: Interval { from: Some(t(from)), until: until.map(t) } }]
        };
        let good = |valid, current: &[Status], to| renewal(&valid, current, t(to), NOW).is_ok();
        assert!(good(until(Some(2_000)), &[], 2_001));
        assert!(!good(until(Some(2_000)), &[], 2_000), "no later");
        assert!(!good(until(Some(2_000)), &[], 1_500), "shorter");
        assert!(!good(until(Some(1_000)), &[], 3_000), "over: the gap stays");
        assert!(!good(until(None), &[], 3_000), "without end");
        let (suspended, ended) = (State::Suspended, State::Ended);
        assert!(good(until(Some(2_000)), &since(suspended, 500, None), 3_000));
        assert!(!good(until(Some(2_000)), &since(State::Revoked, 500, None), 3_000));
        assert!(!good(until(Some(2_000)), &since(ended, 1_500, None), 3_000), "it will end");
        assert!(good(until(Some(2_000)), &since(ended, 500, Some(900)), 3_000), "that was once");
    }
}
