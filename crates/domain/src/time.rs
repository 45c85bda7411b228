//! Instants and half-open intervals. RFC 3339 on the wire, microseconds inside (Postgres' own precision).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::Invalid;

/// An instant, in microseconds since the Unix epoch, between years 1 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

const MICROS: i64 = 1_000_000;
/// 0001-01-01 and 9999-12-31T23:59:59Z: what RFC 3339 can write and Postgres can hold.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800 * MICROS..=253_402_300_799 * MICROS;

impl Timestamp {
    /// 0001-01-01T00:00:00Z, before anything was recorded: from here on means ab initio.
    pub const BEGINNING: Self = Self(*RANGE.start());

    /// Clamped to the representable range, so arithmetic never panics.
    pub const fn from_micros(micros: i64) -> Self {
        let (lo, hi) = (*RANGE.start(), *RANGE.end());
        Self(if micros < lo {
            lo
        } else if micros > hi {
            hi
        } else {
            micros
        })
    }
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(MICROS))
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Whole seconds, rounded down: what JWS claims carry.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS)
    }
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self::from_micros(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
    #[must_use]
    pub fn minus(self, d: Duration) -> Self {
        Self::from_micros(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time between the two, whichever is the earlier.
    pub fn apart(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// Parses RFC 3339; any offset is accepted and converted (TRQP v2, `context.time`).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("time", "must be an RFC 3339 date-time such as `2026-11-20T12:00:00Z`");
        if text.len() > 40 {
            return Err(invalid());
        }
        let t = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| invalid())?;
        let micros = i64::try_from(t.unix_timestamp_nanos() / 1_000).map_err(|_| invalid())?;
        if RANGE.contains(&micros) { Ok(Self(micros)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}
impl From<Timestamp> for String {
    fn from(t: Timestamp) -> String {
        t.to_string()
    }
}

/// `[from, until)`; an absent bound is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Interval {
    pub const ALWAYS: Self = Self { from: None, until: None };

    /// Refuses an interval that ends before it begins or holds nothing.
    pub fn new(from: Option<Timestamp>, until: Option<Timestamp>) -> Result<Self, Invalid> {
        match (from, until) {
            (Some(f), Some(u)) if f >= u => {
                Err(Invalid::new("valid_until", "must be later than `valid_from`"))
            }
            _ => Ok(Self { from, until }),
        }
    }
    /// The same from `at` on, where its beginning was left to that instant.
    #[must_use]
    pub fn begun(self, when_recorded: bool, at: Timestamp) -> Self {
        if when_recorded { Self { from: Some(at), ..self } } else { self }
    }
    pub fn contains(&self, at: Timestamp) -> bool {
        !self.is_before(at) && !self.is_after(at)
    }
    /// The interval has ended at `at`.
    pub fn is_before(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|u| u <= at)
    }
    /// The interval has not begun at `at`.
    pub fn is_after(&self, at: Timestamp) -> bool {
        self.from.is_some_and(|f| f > at)
    }
    /// The next boundary strictly after `at`, if there is one.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        [self.from, self.until].into_iter().flatten().filter(|t| *t > at).min()
    }
    /// What is left of this interval without `cut`: none, one or two intervals.
    pub fn without(&self, cut: &Self) -> Vec<Self> {
        let before = Self { from: self.from, until: min_until(self.until, cut.from) };
        let after = Self { from: max_from(self.from, cut.until), until: self.until };
        let mut left = Vec::new();
        if cut.from.is_some() && !before.is_empty() {
            left.push(before);
        }
        if cut.until.is_some() && !after.is_empty() {
            left.push(after);
        }
        left
    }
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let both = Self { from: max_from(self.from, other.from), until: min_until(self.until, other.until) };
        (!both.is_empty()).then_some(both)
    }
    /// In order, those that touch or overlap as one.
    pub fn joined(mut spans: Vec<Self>) -> Vec<Self> {
        spans.sort_by_key(|span| span.from);
        let mut joined: Vec<Self> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if last.until.is_none() => {}
                Some(last) if span.from <= last.until => {
                    last.until = span.until.and_then(|until| last.until.map(|held| held.max(until)));
                }
                _ => joined.push(span),
            }
        }
        joined
    }
    fn is_empty(&self) -> bool {
        matches!((self.from, self.until), (Some(f), Some(u)) if f >= u)
    }
}

fn max_from(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.max(b)
}

fn min_until(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Where `now` comes from; a test's clock is set by hand.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// It is a machine's own clock: it is to agree with those of other machines.
    fn agrees(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_round_trips_and_offsets_convert() {
        let t = Timestamp::parse("2026-11-20T14:00:00+02:00").expect("valid");
        assert_eq!(t.to_string(), "2026-11-20T12:00:00Z");
        assert_eq!(Timestamp::BEGINNING.to_string(), "0001-01-01T00:00:00Z");
        for bad in ["", "2026-13-01T00:00:00Z", "2026-11-20", "yesterday", "2026-11-20T12:00:00"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cutting_an_interval_leaves_what_is_outside() {
        let t = Timestamp::from_secs;
        let all = Interval::new(Some(t(0)), Some(t(100))).expect("ordered");
        let cut = Interval::new(Some(t(40)), Some(t(60))).expect("ordered");
        let left = all.without(&cut);
        assert_eq!(left.len(), 2);
        assert!(left[0].contains(t(39)) && !left[0].contains(t(40)));
        assert!(left[1].contains(t(60)) && !left[1].contains(t(100)));
        assert!(all.without(&Interval::ALWAYS).is_empty());
    }
    #[test]
    fn intervals_that_touch_or_overlap_are_joined_and_others_are_not() {
        let span = |from: Option<i64>, until: Option<i64>| Interval {
            from: from.map(Timestamp::from_secs),
            until: until.map(Timestamp::from_secs),
        };
        let apart = vec![span(Some(50), Some(60)), span(Some(0), Some(10)), span(Some(10), Some(20))];
        assert_eq!(Interval::joined(apart), [span(Some(0), Some(20)), span(Some(50), Some(60))]);
        let within = vec![span(Some(0), Some(90)), span(Some(10), Some(20))];
        assert_eq!(Interval::joined(within), [span(Some(0), Some(90))]);
        let open = vec![span(None, Some(10)), span(Some(5), None), span(Some(70), Some(80))];
        assert_eq!(Interval::joined(open), [Interval::ALWAYS]);
        assert!(Interval::joined(Vec::new()).is_empty());
    }
}
