//! Epochs of registries at or below one of ours, as superiors and whoever else asks for them are told.
//!
//! Whoever asks costs each peer a call in half a second and no more, for all ways that lead over it; in between is told what
//! is known, and how long ago it was heard. So nobody takes for new what is not.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use charter_cache::{BootInstant, DEP_LEASE};
use charter_domain::{AuthorityId, RegistryId};
use charter_federation::{LocalAuthority, PeerEndpoint, Polled, Protocol};
use futures::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::{
    App,
    app::{
        log,
        resolve::{Place, locate},
    },
};

const NOBODY: Polled = Polled { epoch: -1, published: -1, age: Duration::ZERO };
/// Kept back of the time for many, so that one that is silent does not make all of them late.
const RESERVE: Duration = Duration::from_millis(100);
/// A peer is not asked more often for those who ask here. The task that keeps own answers asks once a second.
const EVERY: Duration = Duration::from_millis(500);
/// Most peers of which it is remembered when they were asked; beyond, they are not asked.
const MOST: usize = 10_000;

/// Endpoint and authority.
type Peer = (PeerEndpoint, AuthorityId);

/// When each peer was last asked on behalf of others.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<Peer, Instant>>);

impl Turns {
    /// Whether a peer may be asked at `now`; then it was.
    fn take(&self, peer: &Peer, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |at: &Instant| now.saturating_duration_since(*at) >= EVERY;
        if all.len() >= MOST {
            all.retain(|_, at| !over(at));
        }
        let free = all.get(peer).map_or(all.len() < MOST, over);
        if free {
            all.insert(peer.clone(), now);
        }
        free
    }
}

/// A way down over a peer, and where to write what is told of it.
struct Way<'a> {
    told: &'a mut Polled,
    /// From the registry asked.
    path: Vec<String>,
    /// From the peer.
    rest: Vec<AuthorityId>,
}

impl<'a> Way<'a> {
    /// Tells what was heard within that time; gives itself back where nothing was.
    fn unknown(self, app: &App, within: Duration) -> Option<Way<'a>> {
        let known = app.dependencies.find(&self.path);
        let heard = known.and_then(|dep| Some((dep.age().filter(|age| *age < within)?, dep)));
        let Some((age, dep)) = heard else { return Some(self) };
        // What is asked for is in use.
        app.dependencies.get_or_track(&self.path, dep.epoch());
        *self.told = Polled { epoch: dep.epoch(), published: dep.published(), age };
        None
    }
}

/// Where authorities at or below a registry are, as far as that is known in time.
pub async fn epochs(
    app: &App,
    registry: RegistryId,
    vias: &[Vec<AuthorityId>],
    deadline: Instant,
) -> Vec<Polled> {
    let mut all = vec![NOBODY; vias.len()];
    let Some(tenant) = app.hosted.tenant(registry) else { return all };
    let until = deadline.checked_sub(RESERVE).unwrap_or(deadline);
    let places = join_all(vias.iter().map(|via| timeout_at(until, place(app, registry, via)))).await;
    let mut by_peer: HashMap<Peer, Vec<Way<'_>>> = HashMap::new();
    for ((told, via), place) in all.iter_mut().zip(vias).zip(places) {
        match place {
            Ok(Some(Ok(own))) => *told = own,
            Ok(Some(Err((peer, rest)))) => {
                let path = std::iter::once(&tenant.registry.authority).chain(via);
                let path = path.map(AuthorityId::to_string).collect();
                by_peer.entry(peer).or_default().push(Way { told, path, rest });
            }
            Ok(None) | Err(_) => {}
        }
    }
    join_all(by_peer.into_iter().map(|(peer, ways)| timeout_at(until, below(app, peer, ways)))).await;
    all
}

/// Where a registry of this process is; of others, whom to ask, with the rest of the way.
async fn place(
    app: &App,
    registry: RegistryId,
    via: &[AuthorityId],
) -> Option<Result<Polled, (Peer, Vec<AuthorityId>)>> {
    match locate(app, registry, via).await? {
        Place::Here(id) => {
            let (epoch, published) = (app.hosted.epoch(id).await.unwrap_or(-1), log::state::shown(app, id));
            Some(Ok(Polled { epoch, published, age: Duration::ZERO }))
        }
        Place::Peer { endpoint, authority, rest } => Some(Err(((endpoint, authority), rest))),
    }
}

/// Asks a peer for all that was not heard lately, if it is its turn.
async fn below(app: &App, peer: Peer, ways: Vec<Way<'_>>) {
    let open: Vec<Way<'_>> = ways.into_iter().filter_map(|way| way.unknown(app, EVERY)).collect();
    if open.is_empty() {
        return;
    }
    if !app.turns.take(&peer, Instant::now()) {
        for way in open {
            way.unknown(app, DEP_LEASE);
        }
        return;
    }
    let (before, (endpoint, authority)) = (BootInstant::now(), &peer);
    let paths: Vec<_> = open.iter().map(|way| way.rest.clone()).collect();
    let asked = app.protocol.epochs(endpoint, authority, &paths).await;
    app.contacts.note(&endpoint.url, &asked);
    let said = open.into_iter().zip(asked.unwrap_or_default());
    for (way, polled) in said.filter(|(_, polled)| polled.epoch >= 0) {
        learn(app, &way.path, polled, before);
        *way.told = polled;
    }
}

/// What a superior is told of a subordinate, this registry knows from then on: its own kept answers must not be
/// older than the epoch it passes up.
fn learn(app: &App, path: &[String], polled: Polled, before: BootInstant) {
    let dep = app.dependencies.get_or_track(path, polled.epoch);
    dep.polled(polled.epoch, before.earlier(polled.age));
    dep.has_published(polled.published);
}

#[cfg(test)]
mod tests {
    use charter_domain::SpkiPins;

    use super::*;

    #[test]
    fn a_peer_is_asked_once_in_half_a_second_whoever_asks() {
        let (turns, start) = (Turns::default(), Instant::now());
        let peer = |n: usize| {
            let url = format!("https://{n}.example");
            let authority = AuthorityId::parse("did:web:a.example").expect("a DID");
            (PeerEndpoint { url, pins: SpkiPins::default() }, authority)
        };
        assert!(turns.take(&peer(0), start) && !turns.take(&peer(0), start));
        assert!(turns.take(&peer(1), start), "another peer");
        let soon = start + EVERY;
        assert!(!turns.take(&peer(0), soon - Duration::from_millis(1)) && turns.take(&peer(0), soon));
        let more = (2..MOST + 10).filter(|n| turns.take(&peer(*n), soon)).count();
        assert!(more < MOST && !turns.take(&peer(MOST + 10), soon), "no more are remembered");
        assert!(turns.take(&peer(MOST + 10), soon + EVERY), "what is over makes room");
    }
}
