//! Answers that could not be confirmed, for callers who said how old they may be (after RFC 8767).
//!
//! In scope: a yes of other registries, while they cannot be asked, for an hour at most; and what rests on our own records,
//! yes or no, for a minute after they were proven last. Never: beyond a date or a signature's expiry; once any change is
//! known at a registry that it rests on, or here; of a registry that is held; of what rests on accreditations of another
//! system, whose changes nobody tells. That own records can be read proves nothing: the lease does.

use std::time::Duration;

use charter_cache::{Lookup, Past};
use charter_domain::{Outcome, Timestamp};
use charter_federation::resolver::are_good;
use tokio::time::Instant;

use crate::{
    App, Error,
    app::answer::{Kept, Reply},
    error::Code,
};

/// What a question waits for records that cannot be proven, where its caller takes an older answer.
const PATIENCE: Duration = Duration::from_millis(400);

/// The kept answer, if it was confirmed within `accepted`.
pub fn find(app: &App, lookup: &Lookup<'_>, accepted: Duration, now: Timestamp) -> Option<Reply> {
    if accepted.is_zero() || app.hosted.holds.get(lookup.registry).is_some() {
        return None;
    }
    let past = app.answers.past(lookup, now)?;
    let usable = is_told(&past) && past.is_within(accepted) && are_good(&past.entry.value.chain, now);
    usable.then(|| {
        metrics::counter!("charter_stale_answers_total").increment(1);
        Reply::stale(app, lookup.kind, past.entry, now, past.age)
    })
}

/// A yes; or what our own records alone say. That others were silent is no no.
fn is_told(past: &Past<Kept>) -> bool {
    let value = &past.entry.value;
    match value.reason.outcome() {
        Outcome::Yes => !value.outside,
        Outcome::No => !value.outside && value.is_alone() && past.unproven.is_some(),
        Outcome::Indeterminate => false,
    }
}

/// Until when an answer is looked for: not to the last moment where an older one would do.
pub fn patience(app: &App, accepted: Duration, deadline: Instant) -> Instant {
    if accepted.is_zero() || app.register.usable() {
        return deadline;
    }
    deadline.min(Instant::now() + PATIENCE)
}

/// Whether it is a matter of waiting that a question failed.
pub const fn is_passing(error: &Error) -> bool {
    matches!(error.code, Code::Stale | Code::Unavailable | Code::DeadlineExceeded)
}
