//! Native resolution: a decision whatever the outcome, with its path and proof; and epochs for superiors.

use std::time::Duration;

use charter_cache::BootInstant;
use charter_domain::{AuthorityId, Delegation, RegistryId};
use charter_federation::{LocalAuthority, PeerEndpoint, Polled, Protocol};
use futures::future::join_all;
use tokio::time::Instant;

use crate::{
    App, Error,
    app::{answer::Reply, log, query},
    error::Code,
};

/// The whole chain, up to the anchor's configuration: what offline verification takes.
pub async fn full_chain(app: &App, registry: RegistryId, reply: &Reply) -> Result<Vec<String>, Error> {
    let mut chain = reply.chain.clone();
    if !chain.is_empty() {
        chain.extend(way_up(app, registry).await?);
    }
    Ok(chain)
}

/// From a registry up to the anchor's configuration; where the superior has not been heard, the registry's own.
pub async fn way_up(app: &App, registry: RegistryId) -> Result<Vec<String>, Error> {
    let tenant = app.tenant(registry)?;
    let upward = tenant.upward();
    if upward.is_empty() {
        return Ok(vec![app.hosted.view(registry).await?.configuration.clone()]);
    }
    Ok(upward.to_vec())
}

/// Answers no older than an epoch of the registry that the caller has seen.
pub async fn answer(app: &App, asked: query::Asked, min_epoch: i64) -> Result<Reply, Error> {
    if min_epoch > app.register.watched(asked.registry).unwrap_or_default() {
        let held = app.store.epoch(asked.registry).await?;
        if held < min_epoch {
            return Err(Error::new(
                Code::Stale,
                format!("the registry is at epoch {held}, before {min_epoch}"),
            ));
        }
        app.changed(asked.registry, held).await?;
    }
    query::answer(app, asked).await
}

const NOBODY: Polled = Polled { epoch: -1, published: -1 };
/// Kept back of the time for many, so that one that is silent does not make all of them late.
const RESERVE: Duration = Duration::from_millis(100);

/// Where authorities at or below a registry are, as far as that is known in time.
pub async fn epochs(
    app: &App,
    registry: RegistryId,
    vias: &[Vec<AuthorityId>],
    deadline: Instant,
) -> Vec<Polled> {
    let until = deadline.checked_sub(RESERVE).unwrap_or(deadline);
    let asked = vias.iter().map(|via| tokio::time::timeout_at(until, epoch_of(app, registry, via)));
    join_all(asked).await.into_iter().map(|polled| polled.unwrap_or(NOBODY)).collect()
}

/// Where an authority at or below a registry is.
async fn epoch_of(app: &App, registry: RegistryId, via: &[AuthorityId]) -> Polled {
    match locate(app, registry, via).await {
        Some(Place::Here(id)) => {
            Polled { epoch: app.hosted.epoch(id).await.unwrap_or(-1), published: log::state::shown(app, id) }
        }
        Some(Place::Peer { endpoint, authority, rest }) => {
            let before = BootInstant::now();
            let asked = app.protocol.epochs(&endpoint, &authority, std::slice::from_ref(&rest)).await;
            app.contacts.note(&endpoint.url, &asked);
            let polled = asked.ok().and_then(|e| e.first().copied()).unwrap_or(NOBODY);
            if polled.epoch >= 0 {
                learn(app, registry, via, polled, before);
            }
            polled
        }
        None => NOBODY,
    }
}

/// What a superior is told of a subordinate, this registry knows from then on: its own kept answers must not be
/// older than the epoch it passes up.
fn learn(app: &App, registry: RegistryId, via: &[AuthorityId], polled: Polled, before: BootInstant) {
    let Some(tenant) = app.hosted.tenant(registry) else { return };
    let path: Vec<String> =
        std::iter::once(&tenant.registry.authority).chain(via).map(AuthorityId::to_string).collect();
    let dep = app.dependencies.get_or_track(&path, polled.epoch);
    dep.polled(polled.epoch, before);
    dep.has_published(polled.published);
}

/// Where a way down leads: as far as this process, or to a peer with the rest of the way.
pub enum Place {
    Here(RegistryId),
    Peer { endpoint: PeerEndpoint, authority: AuthorityId, rest: Vec<AuthorityId> },
}

pub async fn locate(app: &App, registry: RegistryId, via: &[AuthorityId]) -> Option<Place> {
    let (mut here, now) = (registry, app.clock.now());
    for (i, next) in via.iter().enumerate() {
        let view = app.hosted.view(here).await.ok()?;
        // Of several, one after the other, that which is in force says where the subordinate is.
        let delegation = Delegation::current(&view.delegations, next, now)?;
        match app.hosted.hosted(next) {
            Some(id) => here = id,
            None => {
                let (endpoint, authority) = (PeerEndpoint::from(delegation), next.clone());
                return Some(Place::Peer { endpoint, authority, rest: via[i + 1..].to_vec() });
            }
        }
    }
    Some(Place::Here(here))
}
