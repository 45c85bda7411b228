//! Answers that could not be confirmed, for callers who said how old they may be (after RFC 8767).
//!
//! In scope: a yes of other registries, while they cannot be asked. Never: beyond a date or a signature's expiry; once
//! any change is known at a registry that it rests on, or here; without the lease on our own records.

use std::time::Duration;

use charter_cache::{Entry, Lookup};
use charter_domain::{Outcome, Timestamp};
use charter_federation::resolver::expiry;

use crate::{
    App,
    app::answer::{Kept, Reply},
};

/// The oldest, whatever the caller accepts.
pub const LONGEST: Duration = Duration::from_secs(3_600);

/// The kept yes, if it was confirmed within `accepted`.
pub fn find(app: &App, lookup: &Lookup<'_>, accepted: Duration, now: Timestamp) -> Option<Reply> {
    if accepted.is_zero() {
        return None;
    }
    let past = app.answers.past(lookup, now)?;
    let age = past.confirmed.elapsed();
    let entry = past.entry;
    let usable = entry.value.reason.outcome() == Outcome::Yes
        && age <= accepted.min(LONGEST)
        && signed_at(&entry.value.chain, now)
        && unmoved(app, &entry);
    usable.then(|| {
        metrics::counter!("charter_stale_answers_total").increment(1);
        Reply::stale(app, entry, now, age)
    })
}

/// None of the documents has expired.
fn signed_at(chain: &[String], now: Timestamp) -> bool {
    chain.iter().all(|document| expiry(document).is_ok_and(|until| now < until))
}

/// Another answer may have learnt of a change since this one was last looked at: a registry is forgotten when nobody
/// uses what rests on it, and the entry's own view of it stands still from then on.
fn unmoved(app: &App, entry: &Entry<Kept>) -> bool {
    let known = |path: &[String]| app.dependencies.find(path);
    entry.deps.iter().all(|(dep, epoch)| known(dep.path()).is_none_or(|dep| dep.accepts(entry.tag(), *epoch)))
}
