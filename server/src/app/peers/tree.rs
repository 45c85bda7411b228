//! The registries below one, as deep and as many as fit on a page.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use charter_cache::BootInstant;
use charter_domain::{AuthorityId, Reason, RegistryId, delegation::MAX_DEPTH};
use charter_federation::{
    LocalAuthority,
    peers::{Page, Peer, Peers},
};
use futures::{StreamExt, future::BoxFuture, stream};
use tokio::{
    sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{
    App, Error,
    app::{
        peers,
        resolve::{Place, locate},
    },
    error::Code,
};

/// Most registries of one tree.
const MOST_SHOWN: usize = 500;
/// Most of them that are asked over a network for one tree.
const MOST_ASKED: usize = 64;
const AT_ONCE: usize = 8;
/// Trees of different registries that grow at once in one process.
pub const TURNS: usize = 4;
/// A tree is grown again after this long, or when its registry has changed: whoever reloads the page costs no other
/// registry a question.
const KEPT: Duration = Duration::from_secs(5);
/// After this long nobody is asked any more: sooner than a page is given up.
const LONGEST: Duration = Duration::from_millis(1_500);

/// A registry, and what is below it.
#[derive(Debug, Clone)]
pub struct Node {
    pub authority: AuthorityId,
    /// Empty where it was not asked.
    pub name: String,
    /// Where its own page is, where that is known.
    pub link: Option<String>,
    /// What its superior says of it; none at the top.
    pub peer: Option<Peer>,
    /// Epoch and published events, as it said itself.
    pub said: Option<(i64, i64)>,
    /// OpenID Federation ids of its superiors, as it said itself.
    pub superiors: Vec<String>,
    /// Why there may be more below than is shown.
    pub note: Option<&'static str>,
    pub below: Vec<Node>,
}

/// When it was grown, at which epoch of the registry.
type Kept = Option<(BootInstant, i64, Arc<Node>)>;

/// The trees grown last, one for each registry of this process.
#[derive(Debug)]
pub struct Trees {
    kept: Mutex<HashMap<RegistryId, Arc<tokio::sync::Mutex<Kept>>>>,
    /// Turns to grow one: whoever looks at all registries of a process asks no more of others at once than these do.
    pub turns: Arc<Semaphore>,
}

impl Default for Trees {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) }
    }
}

impl Trees {
    fn of(&self, registry: RegistryId) -> Arc<tokio::sync::Mutex<Kept>> {
        Arc::clone(self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(registry).or_default())
    }
}

/// The tree below a registry of this process, as of a few seconds ago at most. One grows at a time, to its end: whoever
/// leaves before, or has little time, changes nothing for the next.
pub async fn below(app: &Arc<App>, registry: RegistryId, deadline: Instant) -> Result<Arc<Node>, Error> {
    let top = app.hosted.view(registry).await?.registry.authority.clone();
    let epoch = app.hosted.epoch(registry).await?;
    let late = |_| Error::new(Code::DeadlineExceeded, "the deadline passed before the tree was drawn");
    let held = timeout_at(deadline, app.trees.of(registry).lock_owned()).await.map_err(late)?;
    if let Some((grown, at, tree)) = held.as_ref()
        && *at == epoch
        && grown.elapsed() < KEPT
    {
        return Ok(Arc::clone(tree));
    }
    let turn = timeout_at(deadline, Arc::clone(&app.trees.turns).acquire_owned()).await.map_err(late)?;
    let growing = tokio::spawn(whole(Arc::clone(app), (registry, top, epoch), (held, turn.ok())));
    let grown = timeout_at(deadline, growing).await.map_err(late)?;
    grown.map_err(|error| {
        tracing::error!(%error, "a tree of registries could not be drawn");
        Error::new(Code::Internal, "an error of ours; it was logged")
    })
}

async fn whole(
    app: Arc<App>,
    (registry, top, epoch): (RegistryId, AuthorityId, i64),
    (mut kept, _turn): (OwnedMutexGuard<Kept>, Option<OwnedSemaphorePermit>),
) -> Arc<Node> {
    let (asked, shown) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let walk = Walk { app: &app, registry, top, end: Instant::now() + LONGEST, asked, shown };
    let tree = Arc::new(grow(&walk, Vec::new(), None).await);
    *kept = Some((BootInstant::now(), epoch, Arc::clone(&tree)));
    tree
}

struct Walk<'a> {
    app: &'a App,
    registry: RegistryId,
    top: AuthorityId,
    /// When nobody is asked any more.
    end: Instant,
    asked: AtomicUsize,
    shown: AtomicUsize,
}

fn grow<'a>(walk: &'a Walk<'a>, via: Vec<AuthorityId>, peer: Option<Peer>) -> BoxFuture<'a, Node> {
    Box::pin(async move {
        let authority = via.last().unwrap_or(&walk.top).clone();
        let mut node = Node {
            link: link(walk.app, &authority, ""),
            authority,
            name: String::new(),
            said: None,
            superiors: Vec::new(),
            note: None,
            below: Vec::new(),
            peer,
        };
        // Whose delegation does not stand is not asked: nothing below counts.
        if node.peer.as_ref().is_some_and(|p| p.state != Reason::Active) {
            return node;
        }
        match walk.ask(&via).await {
            Err(why) => node.note = Some(why),
            Ok(found) => walk.fill(&mut node, &via, found).await,
        }
        node
    })
}

impl Walk<'_> {
    async fn fill(&self, node: &mut Node, via: &[AuthorityId], found: Peers) {
        node.link = link(self.app, &node.authority, &found.public_url);
        node.name = found.name;
        node.said = Some((found.epoch, found.published));
        node.superiors = found.superiors.iter().map(ToString::to_string).collect();
        let fits = MOST_SHOWN.saturating_sub(self.shown.fetch_add(found.list.len(), Ordering::Relaxed));
        if found.more || found.list.len() > fits {
            node.note = Some("there are more delegations than are shown");
        }
        let step = |peer: Peer| {
            let way = [via, std::slice::from_ref(&peer.authority)].concat();
            grow(self, way, Some(peer))
        };
        let below: Vec<BoxFuture<'_, Node>> = found.list.into_iter().take(fits).map(step).collect();
        node.below = stream::iter(below).buffered(AT_ONCE).collect().await;
    }

    /// The delegations of the registry at the end of a way, or why they are not shown.
    async fn ask(&self, via: &[AuthorityId]) -> Result<Peers, &'static str> {
        if let Some((last, before)) = via.split_last()
            && (*last == self.top || before.contains(last))
        {
            return Err("stands above already: a loop");
        }
        if via.len() > usize::from(MAX_DEPTH) {
            return Err("deeper than is shown");
        }
        let near = matches!(locate(self.app, self.registry, via).await, Some(Place::Here(_)));
        if !near && self.asked.fetch_add(1, Ordering::Relaxed) >= MOST_ASKED {
            return Err("not asked: too many registries for one page");
        }
        let found = peers::of(self.app, self.registry, via, &Page::default(), self.end).await;
        found.map_err(|error| match error.code {
            Code::DeadlineExceeded => "there was no time to ask it",
            _ => "could not be asked",
        })
    }
}

/// Where the page of an authority is: here, or under the base URL that it says.
fn link(app: &App, authority: &AuthorityId, public_url: &str) -> Option<String> {
    if let Some(tenant) = app.hosted.hosted(authority).and_then(|id| app.hosted.tenant(id)) {
        return Some(format!("/r/{}/federation", tenant.registry.slug));
    }
    let uri: http::Uri = public_url.parse().ok()?;
    let web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    web.then(|| format!("{}/federation", public_url.trim_end_matches('/')))
}
