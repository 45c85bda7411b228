//! What the staff of the registries decide: grants, suspensions, revocations, narrower delegations.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use charter_domain::{Timestamp, status::State};
use rand::{Rng as _, rngs::StdRng};

use crate::{
    feed,
    record::{Edge, Nature, Records, Tuple, open, set},
    weather::at_work,
    world::{ANCHORS, ENTITIES, FAMILIES, World, lock},
};

/// One decision of one registry that works, if it has something to decide.
pub fn happens(world: &Arc<World>) {
    let working = at_work(world);
    if working.is_empty() {
        return;
    }
    let n = world.draw(|rng| working[rng.random_range(0..working.len())]);
    let (given, now) = (given(world, n), world.clock(world.nodes[n].site));
    let caught = |edge: &Edge| world.nodes[edge.to].nature == Nature::Equivocator;
    let mut records = lock(&world.nodes[n].records);
    let decided = world.draw(|rng| match rng.random_range(0..14) {
        0..=2 => grants(rng, &mut records, &given),
        3..=6 => sets_statement(rng, &mut records, now),
        7..=8 => sets_delegation(rng, &mut records, now),
        9 => narrows(rng, &mut records),
        10 => conforms(&mut records, &given, now),
        11..=12 => sets_recognition(rng, &mut records, now),
        _ => doubts(&mut records, caught),
    });
    if let Some(decided) = decided {
        lock(&world.history).note(world.time(), n, &records);
        drop(records);
        world.say(|| format!("{n} {decided}"));
        feed::tells(world, n);
    }
}

/// A registry that works suspends what it states; false where there is nothing to suspend.
pub fn takes_back(world: &Arc<World>, by: &str, tuple: Tuple) -> bool {
    let Some(n) = world.named(by).filter(|n| at_work(world).contains(n)) else { return false };
    let now = world.clock(world.nodes[n].site);
    let mut records = lock(&world.nodes[n].records);
    let stated = records.statements.get_mut(&tuple).filter(|s| open(&s.statuses) == State::Active);
    let Some(stated) = stated else { return false };
    set(&mut stated.statuses, State::Suspended, now);
    records.changed(Some(tuple), true);
    lock(&world.history).note(world.time(), n, &records);
    drop(records);
    world.say(|| format!("{n} takes back {tuple:?}"));
    feed::tells(world, n);
    true
}

/// What the superiors of a registry delegate to it.
fn given(world: &World, n: usize) -> BTreeSet<usize> {
    if n < ANCHORS {
        return (0..FAMILIES).collect();
    }
    let to_it = |node: &crate::record::Node| {
        let records = lock(&node.records);
        let edges = records.edges.iter().filter(|e| e.to == n && e.stands());
        edges.flat_map(|e| e.families.clone()).collect::<Vec<_>>()
    };
    world.nodes.iter().flat_map(to_it).collect()
}

fn grants(rng: &mut StdRng, records: &mut Records, given: &BTreeSet<usize>) -> Option<String> {
    let family = *given.iter().nth(rng.random_range(0..given.len().max(1)))?;
    let tuple = Tuple { entity: rng.random_range(0..ENTITIES), family };
    if records.statements.contains_key(&tuple) {
        return None;
    }
    let seq = records.statements.values().map(|s| s.seq).max().unwrap_or_default() + 1;
    records.statements.entry(tuple).or_default().seq = seq;
    records.changed(Some(tuple), false);
    Some(format!("states {tuple:?}"))
}

fn sets_statement(rng: &mut StdRng, records: &mut Records, now: Timestamp) -> Option<String> {
    let many = records.statements.len();
    let (tuple, stated) = records.statements.iter_mut().nth(rng.random_range(0..many.max(1)))?;
    let (tuple, state) = (*tuple, following(rng, open(&stated.statuses))?);
    set(&mut stated.statuses, state, now);
    records.changed(Some(tuple), state != State::Active);
    Some(format!("sets {tuple:?} to {state:?}"))
}

fn following(rng: &mut StdRng, state: State) -> Option<State> {
    let next: &[State] = match state {
        State::Active => &[State::Suspended, State::Suspended, State::Revoked, State::Ended],
        State::Suspended => &[State::Active, State::Active, State::Revoked],
        State::Revoked | State::Ended => return None,
    };
    Some(next[rng.random_range(0..next.len())])
}

fn any_edge<'a>(rng: &mut StdRng, records: &'a mut Records) -> Option<&'a mut Edge> {
    let many = records.edges.len();
    records.edges.get_mut(rng.random_range(0..many.max(1)))
}

fn sets_delegation(rng: &mut StdRng, records: &mut Records, now: Timestamp) -> Option<String> {
    let edge = any_edge(rng, records)?;
    let state = match open(&edge.statuses) {
        State::Active if rng.random_bool(0.8) => State::Suspended,
        State::Active => State::Revoked,
        State::Suspended => State::Active,
        State::Revoked | State::Ended => return None,
    };
    let to = edge.to;
    set(&mut edge.statuses, state, now);
    records.changed(None, state != State::Active);
    Some(format!("sets the delegation of {to} to {state:?}"))
}

fn narrows(rng: &mut StdRng, records: &mut Records) -> Option<String> {
    let edge = any_edge(rng, records)?;
    if edge.families.len() < 2 {
        return None;
    }
    let (to, family) = (edge.to, edge.families.pop_last()?);
    records.changed(None, true);
    Some(format!("no longer delegates family {family} to {to}"))
}

/// Withdrawn, for a time or for good, or good for longer.
fn sets_recognition(rng: &mut StdRng, records: &mut Records, now: Timestamp) -> Option<String> {
    let many = records.recognitions.len();
    let recognition = records.recognitions.get_mut(rng.random_range(0..many.max(1)))?;
    let longer = rng.random_bool(0.3);
    let state = match open(&recognition.statuses) {
        State::Active if longer => State::Active,
        State::Active if rng.random_bool(0.7) => State::Suspended,
        State::Active => State::Revoked,
        State::Suspended => State::Active,
        State::Revoked | State::Ended => return None,
    };
    if longer {
        recognition.until = recognition.until.max(now).plus(Duration::from_secs(300));
    }
    let to = recognition.to;
    set(&mut recognition.statuses, state, now);
    records.changed(None, state != State::Active);
    Some(format!("sets the recognition of {to} to {state:?}, longer: {longer}"))
}

/// What a registry may not pass on any more, it takes back.
fn conforms(records: &mut Records, given: &BTreeSet<usize>, now: Timestamp) -> Option<String> {
    let mut some = false;
    for edge in records.edges.iter_mut().filter(|e| !e.families.is_subset(given) && e.stands()) {
        some = true;
        let left: BTreeSet<usize> = edge.families.intersection(given).copied().collect();
        if left.is_empty() {
            set(&mut edge.statuses, State::Revoked, now);
        } else {
            edge.families = left;
        }
    }
    if some {
        records.changed(None, true);
    }
    some.then(|| "takes back what it was not given".to_owned())
}

/// Its witnesses have shown a superior two histories of a subordinate.
fn doubts(records: &mut Records, caught: impl Fn(&Edge) -> bool) -> Option<String> {
    let edge = records.edges.iter_mut().find(|e| !e.doubted && caught(e))?;
    edge.doubted = true;
    let to = edge.to;
    records.changed(None, true);
    Some(format!("doubts {to}"))
}
