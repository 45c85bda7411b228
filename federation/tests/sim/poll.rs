//! Epochs of registries below that kept answers rest on: asked once a second, as the server's task does it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use charter_cache::Dep;
use charter_domain::AuthorityId;
use charter_federation::{Polled, Protocol as _, protocol::Failure};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use rand::Rng as _;
use tokio::time::sleep;

use crate::{
    memory::path,
    network::{Wire, arrives, up},
    record::Nature,
    world::{World, lock},
};

/// What one peer gets to tell its epochs.
pub const PATIENCE: Duration = Duration::from_millis(800);
const NOBODY: Polled = Polled { epoch: -1, published: -1, age: Duration::ZERO };

/// Where a way down leads: to a registry of this process, or to a peer with the rest of the way.
enum Place {
    Here(usize),
    Peer(usize, Vec<AuthorityId>),
}

fn locate(world: &World, asked: usize, via: &[AuthorityId]) -> Option<Place> {
    let mut here = asked;
    for (i, next) in via.iter().enumerate() {
        let to = world.find(next)?;
        let delegated = lock(&world.nodes[here].records).edges.iter().any(|e| e.to == to);
        if !delegated {
            return None;
        }
        let hosted =
            world.nodes[to].site == world.nodes[here].site && world.nodes[to].nature == Nature::Honest;
        if !hosted {
            return Some(Place::Peer(to, via[i + 1..].to_vec()));
        }
        here = to;
    }
    Some(Place::Here(here))
}

pub fn epoch(world: &World, n: usize) -> i64 {
    lock(&world.nodes[n].records).epoch
}

/// What rests on a registry, and the way to it from the peer that is asked.
type Due = (Arc<Dep>, Vec<AuthorityId>);

/// One round of a process.
pub async fn run(world: Arc<World>, site: usize) {
    if lock(&world.weather).is_down(site) {
        return;
    }
    world.ticks();
    let mut deps = world.memory(site).dependencies.in_use();
    deps.retain(|dep| !dep.is_fed());
    deps.sort_by(|a, b| a.path().cmp(b.path()));
    let mut by_peer: BTreeMap<usize, Vec<Due>> = BTreeMap::new();
    for dep in deps {
        let names: Option<Vec<AuthorityId>> = dep.path().iter().map(|a| AuthorityId::parse(a).ok()).collect();
        let Some((first, via)) = names.as_deref().and_then(<[AuthorityId]>::split_first) else { continue };
        let Some(asked) = world.find(first) else { continue };
        match locate(&world, asked, via) {
            Some(Place::Here(n)) => dep.polled(epoch(&world, n), world.ticks().now()),
            Some(Place::Peer(n, rest)) => by_peer.entry(n).or_default().push((dep, rest)),
            None => {}
        }
    }
    join_all(by_peer.into_iter().map(|(n, list)| peer(&world, site, n, list))).await;
}

async fn peer(world: &Arc<World>, site: usize, n: usize, list: Vec<Due>) {
    let (deps, paths): (Vec<_>, Vec<_>) = list.into_iter().unzip();
    let before = world.ticks().now();
    let wire = Wire { world: Arc::downgrade(world), site };
    let node = &world.nodes[n];
    if let Ok(all) = wire.epochs(&node.endpoint(), &node.party.id, &paths).await {
        world.ticks();
        for (dep, polled) in deps.iter().zip(all).filter(|(_, polled)| polled.epoch >= 0) {
            dep.polled(polled.epoch, before);
        }
    }
}

/// A peer's reply to such a poll.
pub fn told<'a>(
    world: &'a Arc<World>,
    (from, n): (usize, usize),
    paths: &'a [Vec<AuthorityId>],
) -> BoxFuture<'a, Result<Vec<Polled>, Failure>> {
    async move {
        let to = world.nodes[n].site;
        let fate = arrives(world, from, to).await?;
        if lock(&world.weather).is_hijacked(to) {
            return Err(Failure::Untrusted("another key than was pinned".to_owned()));
        }
        let polled = match world.nodes[n].nature {
            Nature::Honest => join_all(paths.iter().map(|way| at(world, n, way))).await,
            Nature::Liar | Nature::Equivocator => paths.iter().map(|_| lies(world)).collect(),
        };
        sleep(fate.back).await;
        up(world, to)?;
        Ok(polled)
    }
    .boxed()
}

/// Where it pretends to be: at the epoch that its answers have, far beyond, or nowhere.
fn lies(world: &World) -> Polled {
    let epoch = [1, 1, 1_000, -1][world.draw(|rng| rng.random_range(0..4_usize))];
    Polled { epoch, published: 0, age: Duration::ZERO }
}

/// Where an authority at or below a registry is. What a superior is told, this process knows from then on.
async fn at(world: &Arc<World>, n: usize, via: &[AuthorityId]) -> Polled {
    match locate(world, n, via) {
        Some(Place::Here(there)) => Polled { epoch: epoch(world, there), published: 0, age: Duration::ZERO },
        Some(Place::Peer(next, rest)) => {
            let (site, before) = (world.nodes[n].site, world.ticks().now());
            let wire = Wire { world: Arc::downgrade(world), site };
            let peer = &world.nodes[next];
            let asked = wire.epochs(&peer.endpoint(), &peer.party.id, &[rest]).await;
            let polled = asked.ok().and_then(|all| all.first().copied()).unwrap_or(NOBODY);
            if polled.epoch >= 0 {
                let way: Vec<usize> = via.iter().filter_map(|a| world.find(a)).collect();
                world.ticks();
                let memory = world.memory(site);
                memory
                    .dependencies
                    .get_or_track(&path(world, n, &way), polled.epoch)
                    .polled(polled.epoch, before);
            }
            polled
        }
        None => NOBODY,
    }
}
