//! What was true when, kept apart from everything that answers; and whether it supports a yes.
//!
//! A yes is supported if its decider stated it, and each delegation on a way from the asked registry to it stood and
//! covered it, each at some instant of the window: no earlier than the answer may be old. What the asked registry records
//! itself counts at once. Where the question says so, the way may begin with a recognition that both sides had in force.
//! What an authority that lies may say is its superiors' to bound: within the scope that they gave it, its word is a
//! ground.

use std::collections::{BTreeMap, BTreeSet};

use charter_domain::{AuthorityId, Timestamp, status::State};

use crate::{
    recognition::Recognition,
    record::{Nature, Node, Records, Tuple, open},
};

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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Recognised {
    /// Empty while it does not stand.
    families: BTreeSet<usize>,
    may_follow: bool,
    one_sided: bool,
    until: Timestamp,
}

/// A yes to be judged.
pub struct Claim<'a> {
    pub asked: usize,
    pub by: &'a AuthorityId,
    pub tuple: Tuple,
    /// The question has been put.
    pub put: Timestamp,
    /// What others record may be as old.
    pub window: Window,
    /// Up to which event the subordinates of the asked registry have told it: nothing that was over by then counts.
    pub heard: BTreeMap<usize, i64>,
    /// Where recognitions are followed.
    pub follows: Option<Follows>,
}

pub struct Follows {
    /// By the clock of the asked process.
    pub at: Timestamp,
    /// What a peer recognises in turn may be as old.
    pub in_turn: Window,
}

type Course<T> = Vec<(Timestamp, T)>;

#[derive(Debug, Default)]
pub struct History {
    delegations: BTreeMap<(usize, usize), Course<Delegated>>,
    recognitions: BTreeMap<(usize, usize), Course<Recognised>>,
    statements: BTreeMap<(usize, Tuple), Course<bool>>,
    epochs: BTreeMap<usize, Course<i64>>,
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
        push(self.epochs.entry(n).or_default(), now, records.epoch);
        for edge in &records.edges {
            let stands = edge.stands() && !edge.doubted;
            let families = if stands { edge.families.clone() } else { BTreeSet::new() };
            let state = Delegated { families, may_delegate: edge.may_delegate };
            push(self.delegations.entry((n, edge.to)).or_default(), now, state);
        }
        for recognition in &records.recognitions {
            let families = if recognition.stands() { recognition.families.clone() } else { BTreeSet::new() };
            let Recognition { may_follow, one_sided, until, .. } = *recognition;
            let state = Recognised { families, may_follow, one_sided, until };
            push(self.recognitions.entry((n, recognition.to)).or_default(), now, state);
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

    /// Peers that the asked registry recognised for this, as they did in turn where that counts.
    fn beside(&self, nodes: &[Node], claim: &Claim<'_>) -> Vec<usize> {
        let Some(follows) = &claim.follows else { return Vec::new() };
        let own = Window { from: claim.put, to: claim.window.to };
        let mut peers = Vec::new();
        for (&(_, to), course) in self.recognitions.range((claim.asked, 0)..=(claim.asked, usize::MAX)) {
            let may = |r: &&Recognised| {
                r.may_follow && r.until > follows.at && r.families.contains(&claim.tuple.family)
            };
            let back = |r: &Recognised| {
                r.one_sided
                    || nodes[to].nature != Nature::Honest
                    || self.recognised_back((to, claim.asked), &r.families, follows)
            };
            if held(course, own).filter(may).any(back) {
                peers.push(to);
            }
        }
        peers
    }

    fn recognised_back(&self, pair: (usize, usize), families: &BTreeSet<usize>, follows: &Follows) -> bool {
        let covers = |r: &Recognised| r.until > follows.at && r.families.is_superset(families);
        self.recognitions.get(&pair).is_some_and(|course| held(course, follows.in_turn).any(covers))
    }

    /// When a registry came to an epoch.
    fn reached(&self, n: usize, epoch: i64) -> Option<Timestamp> {
        let course = self.epochs.get(&n)?;
        course.iter().find(|(_, reached)| *reached >= epoch).map(|(at, _)| *at)
    }

    /// Whether a yes has a ground.
    pub fn supports(&self, nodes: &[Node], claim: &Claim<'_>) -> bool {
        let Claim { asked, tuple, window, .. } = *claim;
        let own = Window { from: claim.put, ..window };
        let near: BTreeSet<usize> = self.below(asked, tuple.family, own).map(|(to, _)| to).collect();
        let told = |n: usize| near.contains(&n).then(|| self.reached(n, *claim.heard.get(&n)?)).flatten();
        let of = |n: usize| match told(n) {
            _ if n == asked => own,
            Some(from) => Window { from: from.max(window.from), ..window },
            None => window,
        };
        let peers = self.beside(nodes, claim);
        if peers.iter().any(|peer| nodes[*peer].nature != Nature::Honest) {
            return true;
        }
        let mut open = [vec![asked], peers].concat();
        let mut seen: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(n) = open.pop() {
            if nodes[n].party.id == *claim.by && self.stated(n, tuple, of(n)) {
                return true;
            }
            for (to, may_delegate) in self.below(n, tuple.family, of(n)) {
                let node = &nodes[to];
                if node.nature == Nature::Honest {
                    if seen.insert(to) {
                        open.push(to);
                    }
                } else if node.party.id == *claim.by || may_delegate {
                    return true;
                }
            }
        }
        false
    }
}
