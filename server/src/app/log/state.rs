//! What an answer says of the log: how much is published, and whether what it rests on is.

use std::sync::atomic::Ordering;

use charter_domain::{Outcome, RegistryId};

use crate::{
    App,
    app::answer::{KeptStep, Reply},
};

pub const PENDING: &str = "PENDING";
pub const PUBLISHED: &str = "PUBLISHED";

/// Entries that the log of a registry of this process has published.
pub fn published_size(app: &App, registry: RegistryId) -> u64 {
    app.logs.position(registry).published
}

/// The same as answers show it.
pub fn shown(app: &App, registry: RegistryId) -> i64 {
    i64::try_from(published_size(app, registry)).unwrap_or(i64::MAX)
}

/// Of a registry on the way of an answer by `asked`, as far as is known here: others say it with their epochs.
pub fn of_step(app: &App, asked: RegistryId, step: &KeptStep) -> i64 {
    if let Some(here) = app.hosted.by_authority(&step.authority) {
        return shown(app, here);
    }
    let Some(tenant) = app.hosted.tenant(asked) else { return 0 };
    let path: Vec<String> =
        std::iter::once(tenant.registry.authority.to_string()).chain(step.via.iter().cloned()).collect();
    app.dependencies.find(&path).map_or(0, |dep| dep.published())
}

/// Whether the log of the authority that decided has published the event of the statement; for a no, all that it had
/// recorded. Empty where nobody decided.
pub fn log(app: &App, asked: RegistryId, reply: &Reply) -> &'static str {
    // How far the log of a recognised peer is, is not known here.
    if reply.recognized || reply.reason.outcome() == Outcome::Indeterminate {
        return "";
    }
    // What was published stays so: kept answers are asked once.
    if reply.logged.load(Ordering::Relaxed) {
        return PUBLISHED;
    }
    let Some(step) = reply.decider() else { return "" };
    if reply.seq().unwrap_or(step.epoch) > of_step(app, asked, step) {
        return PENDING;
    }
    reply.logged.store(true, Ordering::Relaxed);
    PUBLISHED
}
