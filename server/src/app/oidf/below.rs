//! What stands below the registries of this process on other servers, as signed documents: fetched in the background, so
//! that whoever asks to resolve an entity costs nobody else anything. Nothing here is verified; whoever uses it does that.
//!
//! Each registry asks its own subordinates alone. They show what they keep of those below them, and so on down.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use charter_cache::BootInstant;
use charter_domain::{AuthorityId, HttpsId, NamingConstraints, RegistryId};

mod look;
mod read;

pub use self::look::{is_new, look};

/// How often it is looked whether anything has changed below.
pub const EVERY: Duration = Duration::from_secs(5);
/// What a registry elsewhere states of others counts for this long after it was confirmed.
const LEASE: Duration = Duration::from_secs(30);

/// An authority on another server.
#[derive(Debug, Clone)]
pub struct Node {
    /// The way down to it from the subordinate; empty for that itself.
    pub via: Vec<AuthorityId>,
    pub authority: AuthorityId,
    pub id: HttpsId,
    /// Place of its superior among the nodes; its own, for the subordinate itself.
    pub above: usize,
    /// What its superior states of it; absent for the subordinate itself, whose superior is of this process.
    pub statement: Option<Arc<str>>,
    pub configuration: Arc<str>,
    /// Its epoch before its own statements were read, -1 where it could not be had.
    pub epoch: i64,
    /// When it was last confirmed that it is still there.
    pub heard: BootInstant,
}

impl Node {
    /// Its statements may be used.
    pub fn is_confirmed(&self) -> bool {
        self.epoch >= 0 && self.heard.elapsed() < LEASE
    }
}

/// A direct subordinate of a registry of this process, and everybody below it.
#[derive(Debug, Clone)]
pub struct Branch {
    pub registry: RegistryId,
    pub subordinate: AuthorityId,
    /// Which names its delegation permits.
    pub naming: NamingConstraints,
    /// The subordinate first; none where it was never heard.
    pub nodes: Vec<Node>,
    /// Somebody of the branch was never heard, or it is larger than what is kept.
    pub partial: bool,
    /// When all of it was read last.
    pub read: BootInstant,
}

impl Branch {
    /// It may have an entity of that name which is not known here.
    pub fn may_hide(&self, id: &HttpsId) -> bool {
        self.partial && (self.naming.is_empty() || self.naming.permits(id))
    }
}

/// Everything that was read, as of one look.
#[derive(Debug, Default)]
pub struct Known {
    /// Another number than before once a document was replaced, or came or went. 0: nobody has looked yet.
    pub revision: u64,
    pub branches: Vec<Branch>,
    /// Somebody is below at whom nobody looks: the records of a registry could not be read, or there are too many.
    pub partial: bool,
}

impl Known {
    /// An entity of that name may be below which is not known here.
    pub fn may_hide(&self, id: &HttpsId) -> bool {
        self.partial || self.branches.iter().any(|branch| branch.may_hide(id))
    }

    /// Places of the nodes with that name.
    pub fn named<'a>(&'a self, id: &'a HttpsId) -> impl Iterator<Item = (usize, usize)> + 'a {
        let in_branch = move |(b, branch): (usize, &'a Branch)| {
            let nodes = branch.nodes.iter().enumerate().filter(|(_, node)| node.id == *id);
            nodes.map(move |(n, _)| (b, n)).collect::<Vec<_>>()
        };
        self.branches.iter().enumerate().flat_map(in_branch)
    }

    pub fn node(&self, (b, n): (usize, usize)) -> Option<&Node> {
        self.branches.get(b)?.nodes.get(n)
    }

    /// Those of an authority: direct subordinates alone, where there are any. Of them this process knows who they are; of
    /// the others only what is claimed further down.
    fn of(&self, authority: &AuthorityId) -> Vec<(&Branch, usize)> {
        let all = self.branches.iter().flat_map(|branch| (0..branch.nodes.len()).map(move |n| (branch, n)));
        let is_it = |(branch, n): &(&Branch, usize)| {
            branch.nodes.get(*n).is_some_and(|node| node.authority == *authority)
        };
        let mut found: Vec<(&Branch, usize)> = all.filter(is_it).collect();
        if found.iter().any(|(_, n)| *n == 0) {
            found.retain(|(_, n)| *n == 0);
        }
        found
    }
}

/// The document that all of them have; none where they differ, since nobody can say whose is meant.
fn agreed(mut documents: impl Iterator<Item = Arc<str>>) -> Option<String> {
    let first = documents.next()?;
    documents.all(|other| other == first).then(|| first.to_string())
}

/// Replaced as a whole; the lock is held for no longer than that takes.
#[derive(Default)]
pub struct Below {
    known: RwLock<Arc<Known>>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Below {
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// The configuration of an authority below, as a superior of this process is shown it.
    pub fn configuration(&self, of: &AuthorityId) -> Option<String> {
        let known = self.known();
        let found = known.of(of);
        agreed(found.iter().filter_map(|(branch, n)| Some(Arc::clone(&branch.nodes.get(*n)?.configuration))))
    }

    /// What an authority below states of a subordinate, while that is confirmed.
    pub fn statement(&self, superior: &AuthorityId, subordinate: &AuthorityId) -> Option<String> {
        let known = self.known();
        let found = known.of(superior);
        let confirmed =
            found.iter().filter(|(branch, n)| branch.nodes.get(*n).is_some_and(Node::is_confirmed));
        agreed(confirmed.filter_map(|(branch, above)| {
            let of_it = |node: &&Node| node.above == *above && node.authority == *subordinate;
            branch.nodes.iter().filter(of_it).find_map(|node| node.statement.clone())
        }))
    }
}

#[cfg(test)]
mod tests;
