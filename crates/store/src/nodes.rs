//! The database's nodes: which of them is the primary, which may be asked, and what is proven by enough of them.
//!
//! N nodes are named, and every acknowledged write is on the primary and on s standbys. What N - s distinct nodes answer
//! to a question therefore holds every write that was acknowledged before it was asked, whichever of them is the primary;
//! an isolated old primary alone proves nothing. With one node nothing here is asked, and nothing costs a round trip.

mod address;
mod node;
mod rounds;
mod standbys;
mod state;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use charter_domain::RegistryId;
use tokio::sync::{mpsc, watch};

use self::node::{Heard, Seen, Server, lock};
pub(crate) use self::{address::split, node::Node, rounds::Rounds};
pub use self::{
    address::{Settled, settle},
    node::Role,
    rounds::Begun,
    standbys::demanded,
    state::NodeState,
};
use crate::{Error, flight::Flight};

/// How long an inquiry takes at most.
const INQUIRY: Duration = Duration::from_millis(700);
/// How long anybody waits for one, also who comes while another is under way.
const PATIENCE: Duration = Duration::from_millis(800);
/// Polls that are further apart do not count on each other.
const POLLED: Duration = Duration::from_secs(2);
/// Between two attempts to move a quiet primary.
const NUDGE_EVERY: Duration = Duration::from_secs(1);
/// A standby that was restarted shows that it is being streamed to when something new arrives: an empty transaction.
const NUDGE: &str = "begin; set local synchronous_commit = local; \
                     select pg_logical_emit_message(true, 'charter', ''); commit";

pub(crate) struct Nodes {
    list: Vec<Arc<Node>>,
    /// Distinct nodes that see every acknowledged write.
    needed: usize,
    /// The highest timeline on which a primary was seen: one below it is no primary any more.
    top: Arc<AtomicU32>,
    /// The cluster whose copies the nodes are.
    cluster: OnceLock<i64>,
    told: AtomicBool,
    /// Of each registry the largest epoch that is proven or was committed by this process.
    floors: RwLock<HashMap<RegistryId, i64>>,
    /// Whether what was proven last is recent enough.
    fresh: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    proving: Flight,
    finding: Flight,
    nudged: Mutex<Option<Instant>>,
    /// When the last poll began.
    polled: Mutex<Option<Instant>>,
    /// Held by all that is under way on primaries, left to itself or not.
    under_way: Arc<()>,
    parted: watch::Sender<Option<String>>,
}

impl Nodes {
    pub(crate) fn new(addresses: Vec<address::Address>, standbys: usize) -> Self {
        let needed = addresses.len().saturating_sub(standbys).max(1);
        let top = Arc::new(AtomicU32::new(0));
        let node = |(n, address)| Arc::new(Node::new(n, address, Arc::clone(&top)));
        Self {
            list: addresses.into_iter().enumerate().map(node).collect(),
            needed,
            top,
            cluster: OnceLock::new(),
            told: AtomicBool::new(false),
            floors: RwLock::default(),
            fresh: OnceLock::new(),
            proving: Flight::default(),
            finding: Flight::default(),
            nudged: Mutex::default(),
            polled: Mutex::default(),
            under_way: Arc::default(),
            parted: watch::Sender::new(None),
        }
    }

    /// One node is asked without ado.
    pub(crate) fn alone(&self) -> bool {
        self.list.len() == 1
    }

    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.list[index]
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.list.iter().map(|node| &**node)
    }

    /// From now on what was proven holds as long as this says so; without it, each question is proven anew.
    pub(crate) fn follow(&self, fresh: impl Fn() -> bool + Send + Sync + 'static) {
        self.fresh.get_or_init(|| Box::new(fresh));
    }

    /// Two histories were seen: nothing may be read or written by this process any more.
    pub(crate) fn part(&self, why: &str) -> Error {
        tracing::error!(why, "the database has two histories: this process ends");
        self.parted.send_if_modified(|parted| {
            let first = parted.is_none();
            if first {
                *parted = Some(why.to_owned());
            }
            first
        });
        Error::Internal(why.to_owned())
    }

    fn whole(&self) -> Result<(), Error> {
        let parted = self.parted.borrow().clone();
        parted.map_or(Ok(()), |why| Err(Error::Unavailable(why)))
    }

    /// Ready, with the reason, once this process has to end.
    pub(crate) async fn parted(&self) -> String {
        let mut parted = self.parted.subscribe();
        let found = parted.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match found {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    fn is_ours(&self, seen: &Seen) -> bool {
        self.cluster.get().is_some_and(|ours| seen.server.is_some_and(|server| server.cluster == *ours))
    }

    /// Something begins on the primary, and lasts as long as what this returns. What no standby confirms is left to itself
    /// with its connection and its thread: beyond so many no more is begun.
    pub(crate) fn begins(&self, most: usize) -> Result<Arc<()>, Error> {
        if !self.alone() && Arc::strong_count(&self.under_way) > most {
            return Err(Error::Unavailable(format!("{most} changes wait for the primary")));
        }
        Ok(Arc::clone(&self.under_way))
    }

    /// A primary of this timeline was followed by another: what it says counts for nothing any more.
    pub(crate) fn is_past(&self, timeline: u32) -> bool {
        !self.alone() && timeline < self.top.load(Ordering::Acquire)
    }

    /// The node that is primary; of two on the same timeline none is.
    fn primary(&self) -> Option<usize> {
        let top = self.top.load(Ordering::Acquire);
        let claims = |seen: &Seen| seen.role == Role::Primary && seen.timeline == top && self.is_ours(seen);
        let seen = self.list.iter().map(|node| node.seen()).enumerate();
        let claims: Vec<(usize, Option<Server>)> =
            seen.filter(|(_, seen)| claims(seen)).map(|(n, seen)| (n, seen.server)).collect();
        let (first, server) = claims.first()?;
        claims.iter().all(|(_, other)| other == server).then_some(*first)
    }

    /// What the node shows was acknowledged, or will be: the primary, and standbys that follow their stream.
    fn counts(&self, seen: &Seen) -> bool {
        self.is_ours(seen)
            && match seen.role {
                Role::Primary => seen.timeline == self.top.load(Ordering::Acquire) && !self.is_contested(),
                Role::Standby => seen.streamed || self.is_turning(seen),
                Role::Unknown | Role::Down => false,
            }
    }

    /// A standby that follows a new primary has nothing of its stream at first. What it had replayed of the timeline before
    /// is what that primary had too, if it is not past where the primary left that timeline.
    fn is_turning(&self, standby: &Seen) -> bool {
        let primary = self.primary().map(|n| self.list[n].seen());
        standby.turning.zip(primary).is_some_and(|(followed, primary)| {
            primary.promoted
                && (followed..=followed.saturating_add(1)).contains(&primary.timeline)
                && standby.replayed <= primary.replayed
        })
    }

    /// Two servers are primaries on the same timeline.
    fn is_contested(&self) -> bool {
        let top = self.top.load(Ordering::Acquire);
        let claims = self.list.iter().map(|node| node.seen());
        let claims =
            claims.filter(|seen| seen.role == Role::Primary && seen.timeline == top && self.is_ours(seen));
        claims.filter_map(|seen| seen.server).collect::<HashSet<_>>().len() > 1
    }

    /// Asks all at once until there is enough; who is late goes on being asked, and says what it is to who asks next.
    async fn gather(&self, limit: Duration, mut enough: impl FnMut(&[Heard]) -> bool) -> Vec<Heard> {
        let (send, mut receive) = mpsc::channel(self.list.len());
        for node in &self.list {
            let (node, send) = (Arc::clone(node), send.clone());
            tokio::spawn(async move {
                let heard = node.ask(limit).await;
                let _ = send.send(heard).await;
            });
        }
        drop(send);
        let mut all = Vec::with_capacity(self.list.len());
        while let Some(answer) = receive.recv().await {
            all.extend(answer);
            self.agree(&all.iter().map(|heard| heard.seen).collect::<Vec<_>>());
            if enough(&all) {
                break;
            }
        }
        all
    }

    /// Settles which cluster this is, and how far its timelines have come.
    fn agree(&self, all: &[Seen]) {
        let mut clusters: HashMap<i64, HashSet<Server>> = HashMap::new();
        for server in all.iter().filter_map(|seen| seen.server) {
            clusters.entry(server.cluster).or_default().insert(server);
        }
        let mut enough = clusters.iter().filter(|(_, servers)| servers.len() >= self.needed);
        if let (Some((cluster, _)), None) = (enough.next(), enough.next()) {
            self.cluster.get_or_init(|| *cluster);
        }
        for seen in all.iter().filter(|seen| seen.role == Role::Primary && self.is_ours(seen)) {
            self.top.fetch_max(seen.timeline, Ordering::AcqRel);
        }
        if clusters.len() > 1 && !self.told.swap(true, Ordering::AcqRel) {
            tracing::error!("a node of the database belongs to another cluster: it counts for nothing");
        }
    }

    /// Those that count, each server once.
    fn counted<'h>(&self, all: &'h [Heard]) -> Vec<&'h Heard> {
        let mut servers = HashSet::new();
        all.iter().filter(|heard| self.adds(&heard.seen, &mut servers)).collect()
    }

    /// Whether it counts, and is none that was counted already.
    fn adds(&self, seen: &Seen, servers: &mut HashSet<Server>) -> bool {
        self.counts(seen) && seen.server.is_some_and(|server| servers.insert(server))
    }

    fn is_quorum(&self, all: &[Heard]) -> bool {
        self.counted(all).len() >= self.needed
    }

    fn too_few(&self, all: &[Heard]) -> Error {
        let (counted, of) = (self.counted(all).len(), self.list.len());
        let why = self.why_not();
        Error::Unavailable(format!(
            "{counted} of {of} nodes of the database count, {} are needed{why}",
            self.needed
        ))
    }

    /// Raises the floors by what a quorum has shown.
    fn learn(&self, all: &[Heard]) -> Result<(), Error> {
        if !self.is_quorum(all) {
            return Err(self.too_few(all));
        }
        for stand in self.counted(all).iter().flat_map(|heard| &heard.stands) {
            self.raise(stand.registry, stand.epoch);
        }
        Ok(())
    }

    /// Nothing that is older may be shown from here on.
    pub(crate) fn raise(&self, registry: RegistryId, epoch: i64) {
        let mut floors = self.floors.write().unwrap_or_else(PoisonError::into_inner);
        let floor = floors.entry(registry).or_insert(epoch);
        *floor = epoch.max(*floor);
    }

    fn known(&self, registry: RegistryId) -> Option<i64> {
        self.floors.read().unwrap_or_else(PoisonError::into_inner).get(&registry).copied()
    }

    /// A quorum is asked now: what was acknowledged before this call is known after it.
    pub(crate) async fn prove(&self) -> Result<(), Error> {
        self.whole()?;
        self.reach()?;
        let inquire = async {
            let heard = self.gather(INQUIRY, |all| self.is_quorum(all)).await;
            if !self.is_quorum(&heard) {
                self.nudge(&heard).await;
            }
            self.learn(&heard)
        };
        patiently(self.proving.run(inquire)).await
    }

    /// Polls are made, and find fewer nodes than are needed: whoever asks them once more only waits for the same.
    fn reach(&self) -> Result<(), Error> {
        let polled = lock(&self.polled).is_some_and(|at| at.elapsed() < POLLED);
        let up = self.list.iter().filter(|node| node.seen().role != Role::Down).count();
        if polled && up < self.needed { Err(self.too_few(&[])) } else { Ok(()) }
    }

    /// The epoch below which nothing may be read of a registry.
    pub(crate) async fn floor(&self, registry: RegistryId) -> Result<i64, Error> {
        self.whole()?;
        // First whether what is known holds, then what it is: it is only ever raised.
        let fresh = self.fresh.get().is_some_and(|fresh| fresh());
        if let Some(floor) = self.known(registry).filter(|_| fresh) {
            return Ok(floor);
        }
        self.prove().await?;
        self.floor_known(registry)
    }

    /// The same without asking.
    pub(crate) fn floor_known(&self, registry: RegistryId) -> Result<i64, Error> {
        self.known(registry).ok_or_else(|| Error::NotFound(format!("registry {registry}")))
    }

    /// The node that takes writes.
    pub(crate) async fn writer(&self) -> Result<usize, Error> {
        if self.alone() {
            return Ok(0);
        }
        self.whole()?;
        if let Some(primary) = self.primary() {
            return Ok(primary);
        }
        self.reach().map_err(|_| Error::NotPrimary)?;
        let find = async {
            self.gather(INQUIRY, |_| self.primary().is_some()).await;
            self.primary().map(drop).ok_or(Error::NotPrimary)
        };
        patiently(self.finding.run(find)).await.map_err(|_| Error::NotPrimary)?;
        self.primary().ok_or(Error::NotPrimary)
    }

    /// Nodes that count, those of a role first, else in the order in which the site names them.
    pub(crate) async fn readers(&self, first: Role) -> Result<Vec<usize>, Error> {
        self.whole()?;
        let found = self.listed(first);
        if !found.is_empty() {
            return Ok(found);
        }
        self.prove().await?;
        Ok(self.listed(first))
    }

    fn listed(&self, first: Role) -> Vec<usize> {
        let seen: Vec<Seen> = self.list.iter().map(|node| node.seen()).collect();
        let mut found: Vec<usize> = (0..seen.len()).filter(|n| self.counts(&seen[*n])).collect();
        found.sort_by_key(|n| seen[*n].role != first);
        found
    }

    /// A quiet primary writes something, so that standbys can show that they are being streamed to.
    async fn nudge(&self, all: &[Heard]) {
        let waits = all.iter().any(|heard| heard.seen.role == Role::Standby && !heard.seen.streamed);
        let primary = all.iter().find(|heard| heard.seen.role == Role::Primary && self.counts(&heard.seen));
        let Some(primary) = primary.filter(|_| waits) else { return };
        let due = {
            let mut nudged = lock(&self.nudged);
            let due = nudged.is_none_or(|at| at.elapsed() >= NUDGE_EVERY);
            if due {
                *nudged = Some(Instant::now());
            }
            due
        };
        if due {
            let _ =
                tokio::time::timeout(Duration::from_millis(200), primary.client.batch_execute(NUDGE)).await;
        }
    }
}

async fn patiently(inquiry: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let late = |_| Err(Error::Unavailable("too few nodes of the database answer in time".to_owned()));
    tokio::time::timeout(PATIENCE, inquiry).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests;
