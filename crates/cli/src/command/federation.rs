//! `charter federation`: what is above and below a registry. All of that is public, and none of it is proven: `charter
//! check --anchor` proves an answer. And joining a superior, leaving it, and what others apply for.

mod applications;
mod draw;
mod graph;
mod join;
mod peers;
mod rotate;
mod scope;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;

use crate::{
    args::{Connection, Federation},
    connect::Server,
    exit::{Exit, Failure},
};

pub async fn run(to: &Connection, command: Federation) -> Result<Exit, Failure> {
    match command {
        Federation::Peers { registry, poll, output } => peers::run(to, registry, poll, output).await,
        Federation::Graph { registry, depth, output } => graph::run(to, registry, depth, output).await,
        Federation::Scope { authority, registry, output } => {
            scope::run(to, authority, registry, output).await
        }
        Federation::Join(command) => join::run(to, command).await,
        Federation::Leave(command) => join::leave(to, command).await,
        Federation::Applications(command) => applications::run(to, command).await,
        Federation::Rotate(command) => rotate::run(to, command).await,
    }
}

/// Most delegations of one registry that are read.
const MOST: usize = 1_000;

/// Whom the authority that `via` leads to has delegated to: all pages as one.
async fn listed(
    server: &Server,
    registry: Option<&AuthorityId>,
    via: &[String],
) -> Result<pb::ListPeersResponse, Failure> {
    let mut whole: Option<pb::ListPeersResponse> = None;
    loop {
        let last = whole.as_ref().and_then(|w| w.peers.last()).map(|p| p.subordinate_id.clone());
        let message = pb::ListPeersRequest {
            authority_id: registry.map(ToString::to_string).unwrap_or_default(),
            via: via.to_vec(),
            after_id: last.unwrap_or_default(),
            ..Default::default()
        };
        let page = server.federation().list_peers(server.request(message)).await?.into_inner();
        let goes_on = page.more && !page.peers.is_empty();
        match &mut whole {
            Some(held) => {
                held.peers.extend(page.peers);
                held.more = page.more;
            }
            None => whole = Some(page),
        }
        let Some(held) = whole.take_if(|held| !goes_on || held.peers.len() >= MOST) else { continue };
        return Ok(held);
    }
}
