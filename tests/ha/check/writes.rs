//! What was acknowledged is there, once; what was refused is not; what is not known is there once or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Violation};
use crate::history::{Entry, FIRST, Op, Outcome};

pub fn check(history: &[Entry], found: &Found) -> Vec<Violation> {
    let mut all = Vec::new();
    let mut asked = BTreeSet::new();
    for entry in history.iter().filter(|entry| entry.op.is_write()) {
        asked.insert(entry.number);
        match (entry.outcome, found.events.get(&entry.number).map_or(0, Vec::len)) {
            (Outcome::Done, 0) => all.push(Violation::Lost(entry.number)),
            (_, 2..) => all.push(Violation::Twice(entry.number)),
            (Outcome::Refused, 1) => all.push(Violation::RefusedPresent(entry.number)),
            _ => {}
        }
    }
    all.extend(found.events.keys().filter(|number| !asked.contains(*number)).map(|n| Violation::Unasked(*n)));
    let last = last_states(history, found);
    let other = found.answers.iter().filter(|(entity, yes)| {
        let registered = **entity < FIRST || found.events.contains_key(*entity);
        **yes != (registered && last.get(*entity).copied().unwrap_or(true))
    });
    all.extend(other.map(|(entity, _)| Violation::OtherAnswer(*entity)));
    all
}

/// The state that the last event of each entity gives it.
fn last_states(history: &[Entry], found: &Found) -> BTreeMap<u32, bool> {
    let mut last: BTreeMap<u32, (i64, bool)> = BTreeMap::new();
    for entry in history {
        let Op::Set { entity, active } = entry.op else { continue };
        for seq in found.events.get(&entry.number).into_iter().flatten() {
            let known = last.entry(entity).or_insert((*seq, active));
            if *seq >= known.0 {
                *known = (*seq, active);
            }
        }
    }
    last.into_iter().map(|(entity, (_, active))| (entity, active)).collect()
}
