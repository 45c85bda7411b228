//! Which change of state may follow which, and how far back it may reach.
//!
//! The tables would record anything; under governance, what is not allowed here is not proposed and not executed.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Interval, Timestamp,
    event::{Change, StatusChanged},
    policy::Refusal,
    status::{Reach, State, Status, TargetKind, state_at},
};

/// What begins this long ago still begins now: the clocks of those who ask are not ours.
pub const GRACE: Duration = Duration::from_secs(60);
pub const MAX_SUCCESSORS: usize = 16;
/// Entities that a search for loops looks at before it gives up.
const MAX_STEPS: usize = 64;

/// Whether `change` may follow the states that its target has now.
pub fn transition(current: &[Status], change: &StatusChanged, now: Timestamp) -> Result<(), Refusal> {
    well_formed(change, now)?;
    let at = change.starts(now);
    revocation_is_final(current, change, at)?;
    let before = state_at(current, at);
    let (allowed, needs) = match change.state {
        State::Active => (before == State::Suspended, "only what is SUSPENDED then can be reinstated"),
        State::Suspended => (
            before == State::Active || (change.lapses_at.is_none() && lapses(current, at)),
            "only what is ACTIVE then, or suspended until it lapses, can be suspended",
        ),
        State::Ended => (
            matches!(before, State::Active | State::Suspended),
            "only what is ACTIVE or SUSPENDED then can end",
        ),
        State::Revoked => (true, ""),
    };
    require(allowed, || format!("it is {} at {at}: {needs}", before.code()))
}

/// An emergency's suspension is made to last by an ordinary one.
fn lapses(current: &[Status], at: Timestamp) -> bool {
    let now = current.iter().find(|s| s.effective.contains(at));
    now.is_some_and(|s| s.state == State::Suspended && s.effective.until.is_some())
}

/// Nothing may touch the time of a revocation but another one that begins earlier.
fn revocation_is_final(current: &[Status], change: &StatusChanged, at: Timestamp) -> Result<(), Refusal> {
    let touched = Interval { from: Some(at), until: change.lapses_at };
    let revoked = current.iter().filter(|s| s.state == State::Revoked);
    for status in revoked.filter(|s| s.effective.intersect(&touched).is_some()) {
        let since = status.effective.from.unwrap_or(Timestamp::BEGINNING);
        let further = change.state == State::Revoked && at < since;
        require(further, || {
            format!("it is REVOKED from {since} on, which is final: only an earlier date can follow")
        })?;
    }
    Ok(())
}

/// What can be said of a change without knowing its target.
pub(super) fn proposable(change: &Change, now: Timestamp) -> Result<(), Refusal> {
    match change {
        Change::StatusChanged(change) => well_formed(change, now),
        _ => Ok(()),
    }
}

fn well_formed(change: &StatusChanged, now: Timestamp) -> Result<(), Refusal> {
    reach(change, now)?;
    lapse(change, now)?;
    successors(change)
}

fn reach(change: &StatusChanged, now: Timestamp) -> Result<(), Refusal> {
    let from = change.starts(now);
    let reach = change.reach.unwrap_or(Reach::Prospective);
    if reach == Reach::Prospective {
        let begins = from >= now.minus(GRACE);
        return require(begins, || {
            "it may not begin in the past: choose reach FROM or a later `effective_from`".into()
        });
    }
    require(change.state == State::Revoked, || "only a revocation may reach back: leave `reach` out".into())?;
    let founded = change.legal_basis.as_ref().is_some_and(|basis| !basis.trim().is_empty());
    require(founded, || "reaching back needs a legal basis: state it in `legal_basis`".into())?;
    match reach {
        Reach::AbInitio => {
            let beginning = Timestamp::BEGINNING;
            require(from == beginning, || format!("reach AB_INITIO needs `effective_from` {beginning}"))
        }
        _ => require(from < now, || "reach FROM needs an `effective_from` in the past".into()),
    }
}

/// Only a suspension may be over by itself.
fn lapse(change: &StatusChanged, now: Timestamp) -> Result<(), Refusal> {
    let Some(lapse) = change.lapses_at else { return Ok(()) };
    require(change.state == State::Suspended, || {
        "only a suspension may lapse: leave `lapses_at` out".into()
    })?;
    require(lapse > change.starts(now), || "`lapses_at` must be later than `effective_from`".into())
}

fn successors(change: &StatusChanged) -> Result<(), Refusal> {
    let successors = &change.succeeded_by;
    if successors.is_empty() {
        return Ok(());
    }
    let ends = change.state == State::Ended && change.target == TargetKind::Entity;
    require(ends, || "only an entity that ends has successors: leave `succeeded_by` out".into())?;
    let distinct: BTreeSet<&Uuid> = successors.iter().collect();
    let few = successors.len() <= MAX_SUCCESSORS && distinct.len() == successors.len();
    require(few, || format!("`succeeded_by` must name at most {MAX_SUCCESSORS} entities, each once"))?;
    let itself = Uuid::parse_str(&change.target_id).is_ok_and(|id| distinct.contains(&id));
    require(!itself, || "an entity cannot succeed itself: name another in `succeeded_by`".into())
}

/// Whether following `successors`, and theirs by `of`, never comes back to `entity`.
pub fn no_loop(entity: Uuid, successors: &[Uuid], of: impl Fn(Uuid) -> Vec<Uuid>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let mut next: VecDeque<Uuid> = successors.iter().copied().collect();
    while let Some(id) = next.pop_front() {
        require(id != entity, || {
            "the entity would succeed itself in the end: name another successor".into()
        })?;
        if seen.insert(id) {
            require(seen.len() <= MAX_STEPS, || {
                format!("more than {MAX_STEPS} entities follow: name the last of them as successor")
            })?;
            next.extend(of(id));
        }
    }
    Ok(())
}

/// A grant may not begin in the past: nobody was entitled before it was decided. With `when_recorded` it begins
/// when it is executed.
pub fn grant(valid: &Interval, when_recorded: bool, now: Timestamp) -> Result<(), Refusal> {
    let lasts = valid.until.is_none_or(|until| until > now);
    require(lasts, || "a grant must not be over before it begins: give a later `valid_until`".into())?;
    if when_recorded {
        return Ok(());
    }
    let begins = valid.from.is_some_and(|from| from >= now.minus(GRACE));
    require(begins, || "a grant may not begin in the past: give a `valid_from` of now or later".into())
}

pub(super) fn require(holds: bool, text: impl FnOnce() -> String) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::illegal(text())) }
}

#[cfg(test)]
mod tests;
