//! One branch read from its subordinate: level by level, each epoch before what it stands for. Bounded in depth, in
//! authorities, in bytes and in time, whatever is claimed below.

use std::{ops::Range, sync::Arc, time::Duration};

use charter_cache::BootInstant;
use charter_domain::{AuthorityId, Delegation, Reason, Timestamp, delegation::MAX_DEPTH};
use charter_federation::{
    PeerEndpoint, Protocol as _,
    peers::{Page, Peer},
};
use charter_signing::jws;
use futures::future::{join, join_all};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Branch, Node};
use crate::App;

/// Most authorities of a branch.
const MOST: usize = 512;
/// Most authorities of a branch that have one name; where there are more, nobody knows which of them is meant.
const MOST_NAMESAKES: usize = 4;
/// Longest document, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;
/// Most bytes of all documents of a branch.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most pages of one authority's subordinates.
const MAX_PAGES: usize = 8;
/// Epochs of one question.
const MOST_EPOCHS: usize = 64;
/// Authorities whose documents are asked for at the same time.
const AT_ONCE: usize = 8;
/// For one page of subordinates; it passes through those above.
const WITHIN: Duration = Duration::from_millis(800);

/// A branch on its way.
struct Reading<'a> {
    app: &'a App,
    endpoint: &'a PeerEndpoint,
    /// The subordinate that is asked.
    asked: &'a AuthorityId,
    /// What was known: it stands in for what cannot be heard now.
    old: &'a [Node],
    was_partial: bool,
    /// Nothing is asked any more.
    until: Instant,
    nodes: Vec<Node>,
    bytes: usize,
    partial: bool,
}

/// The statement about an authority and its configuration, as they are shown.
type Shown = (Option<String>, Option<String>);

/// Everybody below a subordinate and itself; and whether somebody may be missing.
pub(super) async fn branch(
    app: &App,
    (endpoint, delegation): (&PeerEndpoint, &Delegation),
    old: Option<&Branch>,
    until: Instant,
) -> (Vec<Node>, bool) {
    let asked = &delegation.subordinate;
    let mut reading = Reading {
        app,
        endpoint,
        asked,
        old: old.map_or(&[], |old| old.nodes.as_slice()),
        was_partial: old.is_none_or(|old| old.partial),
        until,
        nodes: Vec::new(),
        bytes: 0,
        partial: false,
    };
    let shown = app.protocol.configuration(endpoint, asked, asked).await.ok();
    let Some(configuration) = reading.configuration(&[], asked, shown) else { return (Vec::new(), true) };
    reading.nodes.push(Node {
        via: Vec::new(),
        authority: asked.clone(),
        id: delegation.entity_identifier.clone(),
        above: 0,
        statement: None,
        configuration,
        epoch: -1,
        heard: BootInstant::now(),
    });
    let mut level = 0..1;
    while !level.is_empty() {
        let end = reading.nodes.len();
        reading.epochs(level.clone()).await;
        for above in level {
            reading.below(above).await;
        }
        level = end..reading.nodes.len();
    }
    (reading.nodes, reading.partial)
}

impl Reading<'_> {
    fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Asks where the authorities of a level are, before what they state.
    async fn epochs(&mut self, level: Range<usize>) {
        let until = self.until;
        let Some(level) = self.nodes.get_mut(level) else { return };
        for part in level.chunks_mut(MOST_EPOCHS) {
            if Instant::now() >= until {
                return;
            }
            let paths: Vec<_> = part.iter().map(|node| node.via.clone()).collect();
            let now = BootInstant::now();
            let Ok(polled) = self.app.protocol.epochs(self.endpoint, self.asked, &paths).await else {
                continue;
            };
            for (node, found) in part.iter_mut().zip(polled) {
                (node.epoch, node.heard) = (found.epoch, now.earlier(found.age));
            }
        }
    }

    /// Adds the subordinates of one authority.
    async fn below(&mut self, above: usize) {
        let Some(superior) = self.nodes.get(above).cloned() else { return };
        if superior.via.len() + 1 >= usize::from(MAX_DEPTH) {
            return;
        }
        let Some(peers) = self.peers(&superior.via).await else {
            let all = self.as_before(above, &superior);
            self.partial |= !all;
            return;
        };
        let circle = |peer: &&Peer| peer.authority == *self.asked || superior.via.contains(&peer.authority);
        let good = peers.iter().filter(|peer| peer.state == Reason::Active && !peer.doubted);
        let good: Vec<&Peer> = good.filter(|peer| !circle(peer)).collect();
        for some in good.chunks(AT_ONCE) {
            let asking: Vec<_> = some.iter().map(|peer| self.shown(&superior, peer)).collect();
            let shown = join_all(asking).await;
            for (peer, shown) in some.iter().zip(shown) {
                if self.namesakes(peer) >= MOST_NAMESAKES {
                    self.partial = true;
                    continue;
                }
                if self.is_full() || self.is_late() {
                    self.partial = true;
                    return;
                }
                self.partial |= !self.add(above, &superior, peer, shown);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.nodes.len() >= MOST || self.bytes > MAX_BYTES
    }

    /// Those who are called the same. Whoever comes first is not more than those who come later: all of them are kept.
    fn namesakes(&self, peer: &Peer) -> usize {
        let same = |node: &&Node| node.id == peer.entity_identifier || node.authority == peer.authority;
        self.nodes.iter().filter(same).count()
    }

    async fn shown(&self, superior: &Node, peer: &Peer) -> Shown {
        let named = (&superior.authority, &peer.authority);
        let stated = self.app.protocol.statement(self.endpoint, self.asked, named);
        let own = self.app.protocol.configuration(self.endpoint, self.asked, &peer.authority);
        let (stated, own) = join(stated, own).await;
        (stated.ok(), own.ok())
    }

    fn add(&mut self, above: usize, superior: &Node, peer: &Peer, (stated, own): Shown) -> bool {
        let mut via = superior.via.clone();
        via.push(peer.authority.clone());
        let Some(statement) = stated.and_then(|text| self.document(&text)) else { return false };
        let Some(configuration) = self.configuration(&via, &peer.authority, own) else { return false };
        self.nodes.push(Node {
            via,
            authority: peer.authority.clone(),
            id: peer.entity_identifier.clone(),
            above,
            statement: Some(statement),
            configuration,
            epoch: -1,
            heard: BootInstant::now(),
        });
        true
    }

    /// All subordinates of the authority that `via` leads to; `None` where they cannot be had now.
    async fn peers(&self, via: &[AuthorityId]) -> Option<Vec<Peer>> {
        let (mut all, mut after) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            if self.is_late() {
                return None;
            }
            let page = Page { after, ..Page::default() };
            let asked = self.app.protocol.peers(self.endpoint, self.asked, via, &page, WITHIN).await;
            let found = asked.ok()?;
            all.extend(found.list);
            after = all.last().map(|peer: &Peer| peer.authority.clone());
            if !found.more || after.is_none() {
                return Some(all);
            }
        }
        None
    }

    /// Takes over what was known below an authority that cannot be heard: its statements do not count, but name whom it has.
    /// Whether that is all of it.
    fn as_before(&mut self, above: usize, superior: &Node) -> bool {
        if let Some(node) = self.nodes.get_mut(above) {
            node.epoch = -1;
        }
        let Some(held) = self.old.iter().position(|node| node.via == superior.via) else { return false };
        let old = self.old;
        for (_, node) in old.iter().enumerate().filter(|(n, node)| node.above == held && *n != held) {
            // An authority that stands there several times would take all of them each time.
            if self.is_full() {
                return false;
            }
            self.bytes += node.configuration.len() + node.statement.as_ref().map_or(0, |text| text.len());
            self.nodes.push(Node { above, ..node.clone() });
        }
        !self.was_partial
    }

    /// The configuration of an authority: as it is shown, else as it was.
    fn configuration(
        &mut self,
        via: &[AuthorityId],
        of: &AuthorityId,
        shown: Option<String>,
    ) -> Option<Arc<str>> {
        if let Some(document) = shown.and_then(|text| self.document(&text)) {
            return Some(document);
        }
        let held = self.old.iter().find(|node| node.via == via && node.authority == *of)?;
        self.bytes += held.configuration.len();
        Some(Arc::clone(&held.configuration))
    }

    /// A text as it is kept, if it may be a document at all.
    fn document(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() || text.len() > MAX_DOCUMENT {
            return None;
        }
        self.bytes += text.len();
        Some(text.into())
    }
}

/// A document of the node has expired: there will be another one.
pub(super) fn is_over(node: &Node, now: Timestamp) -> bool {
    #[derive(Deserialize)]
    struct Until {
        exp: i64,
    }
    let until = |token: &str| {
        let payload = jws::peek(token).ok()?;
        serde_json::from_slice::<Until>(&payload).ok().map(|until| until.exp)
    };
    let texts = [Some(&node.configuration), node.statement.as_ref()];
    texts.into_iter().flatten().any(|text| until(text).is_none_or(|exp| exp <= now.secs()))
}
