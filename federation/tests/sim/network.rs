//! The network: carries a question to the process of a registry and its reply back, late, altered or not at all, and
//! counts what is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use async_trait::async_trait;
use charter_domain::{AuthorityId, Query, RegistryId, delegation::MAX_DEPTH};
use charter_federation::{
    Answer, Budget, LogEvidence, Mode, PeerEndpoint, Polled, Protocol, budget::MAX_QUERIES,
    protocol::Failure, resolver::Request, walk::FAN_OUT,
};
use futures::{FutureExt as _, future::BoxFuture};
use rand::Rng as _;

use crate::{
    liar,
    plant::Plant,
    poll,
    process::upgraded,
    recognition,
    record::{Nature, Tuple},
    weather::{Fate, Reach},
    world::{World, lock},
};

/// Nothing is carried beyond so many: a resolver without a budget would go on for ever.
const STOP: u32 = 2 * MAX_QUERIES + 1;

/// What was sent on behalf of one question.
#[derive(Debug, Default)]
pub struct Counts {
    /// Recognised peers may be asked too: as many questions as may be sent down.
    follows: bool,
    pub sent: u32,
    /// How often a peer was asked what it recognises.
    shown: usize,
    /// How long ago the yes was confirmed last, where the answer says that it could not be confirmed.
    pub stale: Option<Duration>,
    /// Replies that were not what the asked registry says now.
    pub altered: u32,
    /// How often a liar has sent the question back up.
    backs: u32,
    /// What was too much.
    pub excess: Option<String>,
    /// Questions sent at one stop of a walk, by depth left and the way there.
    stops: BTreeMap<(u8, Vec<String>), usize>,
}

impl Counts {
    /// Of a question that has not been put yet.
    pub fn of(follows: bool) -> Self {
        Self { follows, ..Self::default() }
    }
}

tokio::task_local! {
    pub static COUNTS: Arc<Mutex<Counts>>;
}

/// A question on its way.
#[derive(Clone)]
pub struct Call {
    /// Processes.
    pub from: usize,
    pub to: usize,
    pub node: usize,
    pub query: Query,
    pub budget: Budget,
}

/// The network as one process sees it.
pub struct Wire {
    pub world: Weak<World>,
    pub site: usize,
}

fn count(budget: &Budget) -> Result<(), Failure> {
    let counted = COUNTS.try_with(|counts| {
        let mut counts = lock(counts);
        counts.sent += 1;
        let way: Vec<String> = budget.visited.iter().map(ToString::to_string).collect();
        let depth = way.len();
        let stop = counts.stops.entry((budget.depth_left, way)).or_default();
        *stop += 1;
        let (wide, ways) = (*stop, 1 + u8::from(counts.follows));
        let bounds = [
            (counts.sent > MAX_QUERIES * u32::from(ways), format!("{} questions", counts.sent)),
            (depth > usize::from(MAX_DEPTH), format!("{depth} registries deep")),
            (wide > FAN_OUT * usize::from(ways), format!("{wide} registries at once")),
        ];
        let excess = bounds.into_iter().find(|(over, _)| *over).map(|(_, what)| what);
        counts.excess = counts.excess.take().or(excess);
        counts.sent <= STOP
    });
    match counted {
        Ok(true) => Ok(()),
        _ => Err(Failure::Refused("too many questions".to_owned())),
    }
}

/// A peer is asked what it recognises.
fn count_shown() {
    let _ = COUNTS.try_with(|counts| {
        let mut counts = lock(counts);
        counts.shown += 1;
        if counts.shown > FAN_OUT {
            counts.excess = Some(format!("{} peers asked what they recognise", counts.shown));
        }
    });
}

/// The answer says that it was confirmed so long ago.
pub fn stale(age: Duration) {
    let _ = COUNTS.try_with(|counts| lock(counts).stale = Some(age));
}

/// How often that has happened on behalf of this question.
pub fn so_far_altered() -> u32 {
    COUNTS.try_with(|counts| lock(counts).altered).unwrap_or_default()
}

pub fn altered() {
    // Outside of a question nobody counts.
    let _ = COUNTS.try_with(|counts| lock(counts).altered += 1);
}

/// A name that is in no question's past yet.
pub fn nobody() -> AuthorityId {
    let number = COUNTS.try_with(|counts| {
        let mut counts = lock(counts);
        counts.backs += 1;
        counts.backs
    });
    AuthorityId::parse(&format!("did:web:nobody{}.example", number.unwrap_or_default())).expect("a DID")
}

impl Wire {
    /// What an endpoint is tried by after its rest.
    fn trial(&self, node: usize) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (world, from) = (Weak::clone(&self.world), self.site);
        async move {
            let world = upgraded(&world);
            poll::told(&world, (from, node), &[Vec::new()]).await.map(drop)
        }
    }

    /// As who follows its feed comes upon a registry: one whose rest is over is tried.
    pub fn looks_for(&self, node: usize) {
        let world = upgraded(&self.world);
        let endpoint = world.nodes[node].endpoint();
        // Whether it rests is seen by whoever asks.
        let _rests = world.memory(self.site).breakers.admit(&endpoint, || self.trial(node));
    }
}

#[async_trait]
impl Protocol for Wire {
    async fn resolve(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        query: &Query,
        budget: &Budget,
    ) -> Result<Answer, Failure> {
        let world = upgraded(&self.world);
        let memory = world.memory(self.site);
        if lock(&memory.given_up).contains(&endpoint.url) {
            return Err(Failure::Unreachable("it could not be reached once".to_owned()));
        }
        let (to, node) = place(&world, endpoint, authority)?;
        let call = Call { from: self.site, to, node, query: query.clone(), budget: budget.clone() };
        let sent = async {
            count(budget)?;
            carry(&world, call).await
        };
        let reply = memory.breakers.ask(endpoint, budget.time_left(), sent, || self.trial(node)).await;
        let failed = matches!(reply, Err(Failure::Unreachable(_) | Failure::Late));
        if reply.is_ok() {
            memory.hears_of(to);
        }
        if failed && world.planted(Plant::NeverAsksAgain) {
            lock(&memory.given_up).insert(endpoint.url.clone());
        }
        reply
    }

    async fn epochs(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        paths: &[Vec<AuthorityId>],
    ) -> Result<Vec<Polled>, Failure> {
        let world = upgraded(&self.world);
        let (to, node) = place(&world, endpoint, authority)?;
        let memory = world.memory(self.site);
        let told = poll::told(&world, (self.site, node), paths);
        let reply = memory.breakers.ask(endpoint, poll::PATIENCE, told, || self.trial(node)).await;
        if reply.is_ok() {
            memory.hears_of(to);
        }
        reply
    }

    async fn recognitions(
        &self,
        endpoint: &PeerEndpoint,
        authority: &AuthorityId,
        peer: &AuthorityId,
        within: Duration,
    ) -> Result<Vec<String>, Failure> {
        let world = upgraded(&self.world);
        let (_, node) = place(&world, endpoint, authority)?;
        let memory = world.memory(self.site);
        let sent = async {
            count_shown();
            recognition::shown(&world, (self.site, node), peer).await
        };
        memory.breakers.ask(endpoint, within, sent, || self.trial(node)).await
    }

    async fn log_evidence(
        &self,
        _: &PeerEndpoint,
        _: &AuthorityId,
        _: &[AuthorityId],
        _: i64,
    ) -> Result<LogEvidence, Failure> {
        Err(Failure::Refused("the registries of the simulation keep no logs".to_owned()))
    }
}

/// The process and the registry that are meant.
fn place(world: &World, endpoint: &PeerEndpoint, authority: &AuthorityId) -> Result<(usize, usize), Failure> {
    let to = endpoint.url.strip_prefix("sim://").and_then(|n| n.parse().ok());
    let nobody = || Failure::Refused(format!("nobody is at {}", endpoint.url));
    to.zip(world.find(authority)).ok_or_else(nobody)
}

/// The way there.
pub async fn arrives(world: &World, from: usize, to: usize) -> Result<Fate, Failure> {
    let fate = world.draw(|rng| lock(&world.weather).fate(rng, from, to));
    match fate.reach {
        Reach::Refused => return Err(Failure::Unreachable("connection refused".to_owned())),
        Reach::Silent => return silence().await,
        Reach::Through => tokio::time::sleep(fate.there).await,
    }
    up(world, to)?;
    Ok(fate)
}

/// There, and back again.
pub fn carry(world: &Arc<World>, call: Call) -> BoxFuture<'_, Result<Answer, Failure>> {
    async move {
        let fate = arrives(world, call.from, call.to).await?;
        let reply = said(world, &call).await;
        tokio::time::sleep(fate.back).await;
        up(world, call.to)?;
        let reply = reply?;
        Ok(if fate.mixed { another(world, &call, reply) } else { reply })
    }
    .boxed()
}

/// Longer than anybody waits.
pub async fn silence<T>() -> Result<T, Failure> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    Err(Failure::Late)
}

pub fn up(world: &World, site: usize) -> Result<(), Failure> {
    let down = lock(&world.weather).is_down(site);
    if down { Err(Failure::Unreachable("connection reset".to_owned())) } else { Ok(()) }
}

async fn said(world: &Arc<World>, call: &Call) -> Result<Answer, Failure> {
    let hijacked = lock(&world.weather).is_hijacked(call.to);
    if hijacked {
        altered();
        return liar::impersonates(world, call).await;
    }
    match world.nodes[call.node].nature {
        Nature::Honest => served(world, call).await,
        Nature::Liar => liar::lies(world, call).await,
        Nature::Equivocator => Ok(liar::equivocates(world, call)),
    }
}

/// As a server does it: within the deadline, and with no more than it grants anybody.
async fn served(world: &Arc<World>, call: &Call) -> Result<Answer, Failure> {
    if call.budget.visited.len() > usize::from(MAX_DEPTH) + 1 {
        return Err(Failure::Refused("`visited` must have at most 9 members".to_owned()));
    }
    let budget = Budget {
        depth_left: call.budget.depth_left.min(MAX_DEPTH),
        queries_left: call.budget.queries_left.min(MAX_QUERIES),
        ..call.budget.clone()
    };
    let registry = RegistryId(i32::try_from(call.node).unwrap_or_default());
    let request = Request { registry, query: call.query.clone(), budget, mode: Mode::Recurse };
    let resolver = world.resolver(call.to);
    let answer = tokio::time::timeout_at(call.budget.deadline, resolver.resolve(request));
    let answer = answer.await.map_err(|_| Failure::Late)?.map_err(|e| Failure::Refused(e.to_string()))?;
    lock(&world.heard).keep(call.node, Tuple::of(&call.query), &answer);
    Ok(answer)
}

/// A reply of the same registry to whoever asked before, to another question or to this one, once more.
fn another(world: &World, call: &Call, reply: Answer) -> Answer {
    let others = lock(&world.heard).matching(|r| r.node == call.node);
    if others.is_empty() {
        return reply;
    }
    altered();
    let chosen = world.draw(|rng| rng.random_range(0..others.len()));
    others.into_iter().nth(chosen).unwrap_or(reply)
}
