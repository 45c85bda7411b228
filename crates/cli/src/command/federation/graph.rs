//! `charter federation graph`: the registries below one. The server asks each through the one above it, so nobody but
//! the server is connected to.

use std::collections::VecDeque;

use charter_domain::AuthorityId;
use charter_proto::charter::federation::v1 as pb;
use futures::{StreamExt as _, stream};

use super::{draw, listed};
use crate::{
    args::{Connection, GraphFormat},
    connect::Server,
    exit::{Exit, Failure},
};

/// Most registries of a graph.
const MOST: usize = 1_000;
/// Asked at the same time.
const AT_ONCE: usize = 8;

/// A registry of the graph; the first is the one at the top.
#[derive(Debug, Default)]
pub struct Node {
    /// Place of its superior.
    pub above: Option<usize>,
    /// The way to it from the top, itself last.
    pub via: Vec<String>,
    pub id: String,
    pub name: String,
    pub state: String,
    pub scope: String,
    /// Absent where it was not asked.
    pub epoch: Option<i64>,
    pub published: Option<i64>,
    /// Why there may be more below than is drawn.
    pub note: String,
}

impl Node {
    fn of(above: usize, via: &[String], peer: pb::Peer) -> Self {
        let via = [via, std::slice::from_ref(&peer.subordinate_id)].concat();
        let (id, state, scope) = (peer.subordinate_id, peer.state, peer.scope);
        Self { above: Some(above), via, id, state, scope, ..Self::default() }
    }

    fn says(&mut self, said: &pb::ListPeersResponse) {
        self.name.clone_from(&said.name);
        (self.epoch, self.published) = (Some(said.epoch), Some(said.published_size));
    }
}

pub async fn run(
    to: &Connection,
    registry: Option<AuthorityId>,
    depth: u8,
    format: GraphFormat,
) -> Result<Exit, Failure> {
    let server = Server::connect(to).await?;
    let nodes = walked(&server, registry.as_ref(), usize::from(depth)).await?;
    draw::print(&nodes, format)?;
    Ok(Exit::Ok)
}

/// Level by level. Only the top must answer; of others it is noted that they did not.
async fn walked(server: &Server, registry: Option<&AuthorityId>, depth: usize) -> Result<Vec<Node>, Failure> {
    let said = listed(server, registry, &[]).await?;
    let mut top = Node { id: said.authority_id.clone(), ..Node::default() };
    top.says(&said);
    let mut nodes = vec![top];
    let mut answers = VecDeque::from([(0, said)]);
    while !answers.is_empty() {
        let mut next = Vec::new();
        for (at, said) in answers.drain(..) {
            next.extend(below(&mut nodes, at, said, depth));
        }
        let asked: Vec<_> = next.iter().map(|at| (*at, nodes[*at].via.clone())).collect();
        let asking =
            asked.into_iter().map(|(at, via)| async move { (at, listed(server, registry, &via).await) });
        let went: Vec<_> = stream::iter(asking).buffered(AT_ONCE).collect().await;
        for (at, said) in went {
            match said {
                Ok(said) => {
                    nodes[at].says(&said);
                    answers.push_back((at, said));
                }
                Err(_) => "could not be asked".clone_into(&mut nodes[at].note),
            }
        }
    }
    Ok(nodes)
}

/// Adds those below one; the places of those that are to be asked.
fn below(nodes: &mut Vec<Node>, at: usize, said: pb::ListPeersResponse, depth: usize) -> Vec<usize> {
    let mut next = Vec::new();
    if said.more {
        "there are more delegations".clone_into(&mut nodes[at].note);
    }
    for peer in said.peers {
        if nodes.len() >= MOST {
            "more than is drawn".clone_into(&mut nodes[at].note);
            break;
        }
        let mut node = Node::of(at, &nodes[at].via, peer);
        let met = node.id == nodes[0].id || nodes[at].via.contains(&node.id);
        match () {
            () if met => "a loop".clone_into(&mut node.note),
            // Nothing below counts where the delegation does not stand.
            () if node.state != "ACTIVE" => {}
            () if node.via.len() >= depth => "deeper than was asked for".clone_into(&mut node.note),
            () => next.push(nodes.len()),
        }
        nodes.push(node);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(peers: &[(&str, &str)]) -> pb::ListPeersResponse {
        let peer = |(id, state): &(&str, &str)| pb::Peer {
            subordinate_id: (*id).to_owned(),
            state: (*state).to_owned(),
            ..Default::default()
        };
        pb::ListPeersResponse { peers: peers.iter().map(peer).collect(), ..Default::default() }
    }

    #[test]
    fn only_what_stands_and_is_new_is_asked_further() {
        let mut nodes = vec![Node { id: "did:web:top".to_owned(), ..Node::default() }];
        let list = [("did:web:a", "ACTIVE"), ("did:web:b", "SUSPENDED"), ("did:web:top", "ACTIVE")];
        assert_eq!(below(&mut nodes, 0, said(&list), 8), [1]);
        assert_eq!((nodes[3].note.as_str(), nodes[2].note.as_str()), ("a loop", ""));
        assert_eq!(below(&mut nodes, 1, said(&[("did:web:c", "ACTIVE")]), 2), [0usize; 0]);
        assert_eq!(nodes[4].via, ["did:web:a", "did:web:c"]);
        assert_eq!(nodes[4].note, "deeper than was asked for");
    }

    #[test]
    fn no_more_are_drawn_than_the_bound() {
        let mut nodes = vec![Node::default()];
        let ids: Vec<String> = (0..MOST + 5).map(|n| format!("did:web:n{n}")).collect();
        let list: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), "ACTIVE")).collect();
        assert_eq!(below(&mut nodes, 0, said(&list), 8).len(), MOST - 1);
        assert_eq!((nodes.len(), nodes[0].note.as_str()), (MOST, "more than is drawn"));
    }
}
