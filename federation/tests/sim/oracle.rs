//! What was true when, kept apart from everything that answers; and whether it supports a yes.
//!
//! A yes is supported if its decider stated it, and each delegation on a way from the asked registry to it stood and
//! covered it, each at some instant of the window: no earlier than the answer may be old. What an authority that lies
//! may say is its superiors' to bound: within the scope that they gave it, its word is a ground.

use std::collections::{BTreeMap, BTreeSet};

use charter_domain::{AuthorityId, Timestamp, status::State};

use crate::record::{Nature, Node, Records, Tuple, open};

/// From when to when, by the true time.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Delegated {
    /// Empty while it does not stand.
    families: BTreeSet<usize>,
    may_delegate: bool,
}

type Course<T> = Vec<(Timestamp, T)>;

#[derive(Debug, Default)]
pub struct History {
    delegations: BTreeMap<(usize, usize), Course<Delegated>>,
    statements: BTreeMap<(usize, Tuple), Course<bool>>,
    /// When anything changed last.
    pub changed: Option<Timestamp>,
}

fn push<T: PartialEq>(course: &mut Course<T>, now: Timestamp, state: T) {
    if course.last().is_none_or(|(_, last)| *last != state) {
        course.push((now, state));
    }
}

/// States that held at an instant of the window.
fn held<T>(course: &[(Timestamp, T)], window: Window) -> impl Iterator<Item = &T> {
    let within = move |(n, (begun, _)): &(usize, &(Timestamp, T))| {
        *begun <= window.to && course.get(n + 1).is_none_or(|(ended, _)| *ended > window.from)
    };
    course.iter().enumerate().filter(within).map(|(_, (_, state))| state)
}

impl History {
    /// Takes down how the records of a registry are from now on.
    pub fn note(&mut self, now: Timestamp, n: usize, records: &Records) {
        self.changed = Some(now);
        for edge in &records.edges {
            let stands = edge.stands() && !edge.doubted;
            let families = if stands { edge.families.clone() } else { BTreeSet::new() };
            let state = Delegated { families, may_delegate: edge.may_delegate };
            push(self.delegations.entry((n, edge.to)).or_default(), now, state);
        }
        for (tuple, stated) in &records.statements {
            let holds = open(&stated.statuses) == State::Active;
            push(self.statements.entry((n, *tuple)).or_default(), now, holds);
        }
    }

    fn stated(&self, n: usize, tuple: Tuple, window: Window) -> bool {
        self.statements.get(&(n, tuple)).is_some_and(|course| held(course, window).any(|holds| *holds))
    }

    /// Subordinates that a registry had delegated this to, and whether they might pass it on.
    fn below(&self, n: usize, family: usize, window: Window) -> impl Iterator<Item = (usize, bool)> {
        self.delegations.range((n, 0)..=(n, usize::MAX)).flat_map(move |(&(_, to), course)| {
            let covering = held(course, window).filter(move |state| state.families.contains(&family));
            covering.map(move |state| (to, state.may_delegate))
        })
    }

    /// Whether a yes of the registry `asked`, decided by `by`, has a ground.
    pub fn supports(
        &self,
        nodes: &[Node],
        asked: usize,
        by: &AuthorityId,
        tuple: Tuple,
        window: Window,
    ) -> bool {
        let (mut seen, mut open) = (BTreeSet::from([asked]), vec![asked]);
        while let Some(n) = open.pop() {
            if nodes[n].party.id == *by && self.stated(n, tuple, window) {
                return true;
            }
            for (to, may_delegate) in self.below(n, tuple.family, window) {
                let node = &nodes[to];
                if node.nature == Nature::Honest {
                    if seen.insert(to) {
                        open.push(to);
                    }
                } else if node.party.id == *by || may_delegate {
                    return true;
                }
            }
        }
        false
    }
}
