//! Epochs of the registries below that kept answers rest on: asked once a second, so that a change there is seen here
//! within two. Those with a live feed tell it themselves (`tasks::feed`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use charter_cache::{BootInstant, Dep};
use charter_domain::AuthorityId;
use charter_federation::{LocalAuthority, PeerEndpoint, Protocol};
use futures::future::join_all;

use crate::{
    App,
    app::resolve::{Place, locate},
};

/// Epochs asked in one call.
const AT_ONCE: usize = 64;
/// Calls to one peer at a time.
const CALLS: usize = 4;
/// What one peer gets in each round: half of the time for which an epoch counts.
const PATIENCE: Duration = Duration::from_secs(1);

pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(app.config.cache.peer_poll());
    loop {
        tick.tick().await;
        poll(&app).await;
    }
}

/// Endpoint and authority.
type Peer = (PeerEndpoint, AuthorityId);
/// What rests on it, with the rest of the way down.
type Below = Vec<(Arc<Dep>, Vec<AuthorityId>)>;

pub async fn poll(app: &App) {
    let mut by_peer: HashMap<Peer, Below> = HashMap::new();
    for dep in app.dependencies.in_use().into_iter().filter(|dep| !dep.is_fed()) {
        let Some((registry, via)) = parse(app, dep.path()) else {
            continue;
        };
        let before = BootInstant::now();
        match locate(app, registry, &via).await {
            Some(Place::Here(id)) => {
                if let Ok(epoch) = app.hosted.epoch(id).await {
                    dep.polled(epoch, before);
                }
            }
            Some(Place::Peer { endpoint, authority, rest }) => {
                by_peer.entry((endpoint, authority)).or_default().push((dep, rest));
            }
            None => {}
        }
    }
    // Who is slow, or has named more registries below it than it can answer for, holds up nobody else's.
    let asked = by_peer.iter().map(|(peer, list)| tokio::time::timeout(PATIENCE, ask(app, peer, list)));
    join_all(asked).await;
}

pub(super) fn parse(app: &App, path: &[String]) -> Option<(charter_domain::RegistryId, Vec<AuthorityId>)> {
    let (first, via) = path.split_first()?;
    let via = via.iter().map(|a| AuthorityId::parse(a)).collect::<Result<_, _>>().ok()?;
    Some((app.hosted.by_authority(first)?, via))
}

/// What cannot be had is left alone: the answers that rest on it stop being fresh by themselves.
async fn ask(app: &App, (endpoint, authority): &Peer, list: &[(Arc<Dep>, Vec<AuthorityId>)]) {
    for parts in list.chunks(AT_ONCE * CALLS) {
        join_all(parts.chunks(AT_ONCE).map(|part| some(app, endpoint, authority, part))).await;
    }
}

async fn some(
    app: &App,
    endpoint: &PeerEndpoint,
    authority: &AuthorityId,
    part: &[(Arc<Dep>, Vec<AuthorityId>)],
) {
    let before = BootInstant::now();
    let paths: Vec<_> = part.iter().map(|(_, rest)| rest.clone()).collect();
    let went = app.protocol.epochs(endpoint, authority, &paths).await;
    app.contacts.note(&endpoint.url, &went);
    match went {
        Ok(epochs) => {
            for ((dep, _), polled) in part.iter().zip(epochs).filter(|(_, p)| p.epoch >= 0) {
                dep.polled(polled.epoch, before.earlier(polled.age));
                dep.has_published(polled.published);
            }
        }
        Err(error) => {
            tracing::debug!(peer = %authority, %error, "epochs of a subordinate could not be had");
        }
    }
}
