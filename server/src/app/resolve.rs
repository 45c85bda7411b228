//! Native resolution: a decision whatever the outcome, with its path and proof; and where a way down leads.

use charter_domain::{AuthorityId, Delegation, RegistryId};
use charter_federation::{LocalAuthority, PeerEndpoint};

use crate::{
    App, Error,
    app::{answer::Reply, query},
    error::Code,
};

/// The whole chain, up to the anchor's configuration: what offline verification takes. Under an authority of another
/// system, as far as there is one.
pub async fn full_chain(app: &App, registry: RegistryId, reply: &Reply) -> Result<Vec<String>, Error> {
    let mut chain = reply.chain.clone();
    if !chain.is_empty() && !reply.outside && !is_cut_off(app, registry, reply) {
        chain.extend(way_up(app, registry).await?);
    }
    Ok(chain)
}

/// A no in an emergency, while the way up cannot be read: it is given without one.
fn is_cut_off(app: &App, registry: RegistryId, reply: &Reply) -> bool {
    let unread = || app.hosted.tenant(registry).is_some_and(|tenant| tenant.upward().is_empty());
    !app.hosted.breakglass.is_idle() && !reply.is_yes() && !app.register.usable() && unread()
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
