//! Answers that could not be confirmed, for callers who said how old they may be (after RFC 8767).
//!
//! In scope: a yes of other registries, while they cannot be asked. Never: beyond a date or a signature's expiry; once
//! any change is known at a registry that it rests on, or here; without the lease on our own records; of what rests on
//! accreditations of another system, whose changes nobody tells.

use std::time::Duration;

use charter_cache::Lookup;
use charter_domain::{Outcome, Timestamp};
use charter_federation::resolver::are_good;

use crate::{App, app::answer::Reply};

/// The kept yes, if it was confirmed within `accepted`.
pub fn find(app: &App, lookup: &Lookup<'_>, accepted: Duration, now: Timestamp) -> Option<Reply> {
    if accepted.is_zero() {
        return None;
    }
    let past = app.answers.past(lookup, now)?;
    let value = &past.entry.value;
    let told = value.reason.outcome() == Outcome::Yes && !value.outside;
    let usable = told && past.is_within(accepted) && are_good(&value.chain, now);
    usable.then(|| {
        metrics::counter!("charter_stale_answers_total").increment(1);
        Reply::stale(app, past.entry, now, past.age)
    })
}
