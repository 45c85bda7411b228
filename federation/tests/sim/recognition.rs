//! Recognitions of peers: who recognises whom for which families, until when, and what a peer shows in turn.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use charter_domain::{
    AuthorityId, Interval, Timestamp,
    status::{State, Status, in_force},
};
use charter_federation::protocol::Failure;
use rand::{Rng as _, rngs::StdRng};
use tokio::time::sleep;

use crate::{
    liar,
    network::{altered, arrives, up},
    paper::Party,
    record::{Nature, Node, Records, open},
    world::{ANCHORS, BEGINNING, FAMILIES, NODES, World, lock, some_of},
};

/// Longer than a world lives.
const LONG: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone)]
pub struct Recognition {
    /// Number of the event that made it.
    pub seq: i64,
    /// Position of the peer among the registries.
    pub to: usize,
    pub families: BTreeSet<usize>,
    pub may_follow: bool,
    /// It is followed whether or not the peer recognises in turn.
    pub one_sided: bool,
    /// When it ends, if nobody ends it before.
    pub until: Timestamp,
    pub statuses: Vec<Status>,
}

impl Recognition {
    pub fn stands(&self) -> bool {
        open(&self.statuses) == State::Active
    }

    pub fn valid(&self) -> Vec<Interval> {
        in_force(Interval { from: None, until: Some(self.until) }, &self.statuses)
    }

    /// By a clock that shows `at`.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.valid().iter().any(|i| i.contains(at))
    }
}

/// Of a peer, for everything and for long.
pub fn boundless(world: &World, to: usize) -> Recognition {
    Recognition {
        seq: 1,
        to,
        families: (0..FAMILIES).collect(),
        may_follow: true,
        one_sided: false,
        until: world.time().plus(LONG),
        statuses: Vec::new(),
    }
}

/// Anchors that recognise each other, on one side or on both; and a registry below one of them that recognises another.
pub fn lay_out(rng: &mut StdRng, nodes: &[Node]) {
    let below = rng.random_range(ANCHORS..NODES);
    for (one, other) in [(0, 1), (0, 2), (1, 2), (below, 1)] {
        let families = some_of(rng, &(0..FAMILIES).collect());
        if rng.random_bool(0.9) {
            recognises(rng, &nodes[one], other, families.clone());
        }
        if rng.random_bool(0.75) {
            let all = rng.random_bool(0.85);
            let other_families = if all { families } else { families.into_iter().take(1).collect() };
            recognises(rng, &nodes[other], one, other_families);
        }
    }
}

fn recognises(rng: &mut StdRng, by: &Node, to: usize, families: BTreeSet<usize>) {
    let begun = Timestamp::from_secs(BEGINNING);
    let until = match rng.random_range(0..10) {
        0 => begun.minus(Duration::from_secs(1)),
        1..=3 => begun.plus(Duration::from_secs(rng.random_range(10..600))),
        _ => begun.plus(LONG),
    };
    let (may_follow, one_sided) = (rng.random_bool(0.9), rng.random_bool(0.12));
    let mut records = lock(&by.records);
    let seq = i64::try_from(records.recognitions.len()).unwrap_or_default() + 1;
    records.recognitions.push(Recognition {
        seq,
        to,
        families,
        may_follow,
        one_sided,
        until,
        statuses: Vec::new(),
    });
}

/// What `peer` is shown by the registry `n` as its recognitions of it.
pub async fn shown(
    world: &Arc<World>,
    (from, n): (usize, usize),
    peer: &AuthorityId,
) -> Result<Vec<String>, Failure> {
    let node = &world.nodes[n];
    let fate = arrives(world, from, node.site).await?;
    let hijacked = lock(&world.weather).is_hijacked(node.site);
    let statements = if hijacked {
        altered();
        world.memory(from).mislead();
        liar::shows(world, n, peer, hijacked).await?
    } else if node.nature == Nature::Honest {
        let own = genuine(world, n, peer);
        lock(&world.heard).keep_shown(n, peer, &own);
        own
    } else {
        liar::shows(world, n, peer, hijacked).await?
    };
    sleep(fate.back).await;
    up(world, node.site)?;
    Ok(statements)
}

/// What a party states of the peer of a recognition.
pub fn signed(world: &World, by: &Party, recognition: &Recognition, now: Timestamp) -> String {
    let peer = &world.nodes[recognition.to];
    by.recognises(&peer.party, peer.endpoint().url, recognition, now)
}

fn genuine(world: &World, n: usize, peer: &AuthorityId) -> Vec<String> {
    let (node, now) = (&world.nodes[n], world.clock(world.nodes[n].site));
    let of_peer = |r: &&Recognition| world.nodes[r.to].party.id == *peer;
    let records: &Records = &lock(&node.records);
    let signed = |r: &Recognition| signed(world, &node.party, r, now);
    records.recognitions.iter().filter(of_peer).map(signed).collect()
}
