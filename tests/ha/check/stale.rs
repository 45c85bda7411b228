//! No yes after a suspension was acknowledged, and no answer that is older than the epoch it names. It may be newer: the
//! epoch of an answer is read before what else it rests on.

use std::collections::BTreeMap;

use super::{Found, Violation};
use crate::history::{Entry, Micros, Op, Outcome, Said};

/// A change of status that is recorded.
struct Set<'a> {
    entry: &'a Entry,
    active: bool,
    seq: i64,
}

impl Set<'_> {
    /// Since when nobody may see the state before: nothing is known of one that was never acknowledged.
    fn since(&self) -> Option<Micros> {
        self.entry.is_done().then_some(self.entry.completed)
    }
}

pub fn check(history: &[Entry], found: &Found) -> Vec<Violation> {
    let sets = recorded(history, found);
    let mut all = Vec::new();
    for ask in history {
        let (Op::Ask { entity }, Outcome::Done, Some(said)) = (ask.op, ask.outcome, ask.said) else {
            continue;
        };
        let Some(sets) = sets.get(&entity).filter(|_| !said.stale) else { continue };
        if said.yes && is_stale(sets, ask) {
            all.push(Violation::StaleYes(ask.number));
        } else if state_at(sets, said.epoch, ask.invoked).is_some_and(|active| active != said.yes)
            && !is_newer(sets, said, ask.completed)
        {
            all.push(Violation::OtherEpoch(ask.number));
        }
    }
    all
}

/// By entity, in the order of their events.
fn recorded<'a>(history: &'a [Entry], found: &Found) -> BTreeMap<u32, Vec<Set<'a>>> {
    let mut sets: BTreeMap<u32, Vec<Set<'a>>> = BTreeMap::new();
    for entry in history {
        let Op::Set { entity, active } = entry.op else { continue };
        let seqs = found.events.get(&entry.number).into_iter().flatten();
        sets.entry(entity).or_default().extend(seqs.map(|seq| Set { entry, active, seq: *seq }));
    }
    sets.values_mut().for_each(|sets| sets.sort_by_key(|set| set.seq));
    sets
}

/// A suspension was acknowledged before the question was sent, and no reinstatement recorded after it was sent before the
/// question was answered.
fn is_stale(sets: &[Set<'_>], ask: &Entry) -> bool {
    let known = |set: &Set<'_>| set.since().is_some_and(|since| since < ask.invoked);
    let Some(last) = sets.iter().rposition(|set| !set.active && known(set)) else { return false };
    !sets[last + 1..].iter().any(|set| set.active && set.entry.invoked < ask.completed)
}

/// Whether a change after the epoch, sent before the question was answered, explains the answer.
fn is_newer(sets: &[Set<'_>], said: Said, completed: Micros) -> bool {
    let after = sets.iter().filter(|set| set.seq > said.epoch && set.entry.invoked < completed);
    after.into_iter().any(|set| set.active == said.yes)
}

/// The state by the events up to an epoch; none where the last of them may have been recorded while the question was
/// decided: its instant can lie after the question's.
fn state_at(sets: &[Set<'_>], epoch: i64, invoked: Micros) -> Option<bool> {
    let last = sets.iter().rev().find(|set| set.seq <= epoch)?;
    last.since().filter(|since| *since < invoked).map(|_| last.active)
}
