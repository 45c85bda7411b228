//! The world of one seed: registries in up to four levels below an anchor, the processes that serve them, their clocks.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use charter_cache::Ticks;
use charter_domain::{AuthorityId, Timestamp};
use charter_federation::{Protocol, Resolve, Resolver};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    feed,
    heard::Heard,
    memory::{Front, Memory},
    network::Wire,
    oracle::History,
    paper::Party,
    plant::{self, Plant},
    process::Process,
    recognition,
    record::{Edge, Nature, Node, Records, Tuple},
    run::Told,
    weather::Weather,
};

pub const NODES: usize = 20;
/// The first ones: each has a federation of its own, that of the first is the largest.
pub const ANCHORS: usize = 3;
/// Kinds of resources; a delegation is for some of them.
pub const FAMILIES: usize = 4;
pub const ENTITIES: usize = 8;
/// Delegations below the anchor.
const LEVELS: usize = 4;
/// Subordinates of one superior when the world begins.
const BREADTH: usize = 4;
/// Seconds that a clock is wrong by: any two differ by 60 at most.
const SKEW: i64 = 30;
/// How long before questions feeds and polls are at work; in longer pauses nobody asks, and they rest.
const LIVELY: Duration = Duration::from_secs(2);
/// What the clock of leases shows when a world begins, in nanoseconds: 0 is never there.
const BOOTED: u64 = 3_600_000_000_000;
/// When every world begins, 2026-11-20T12:00:00Z.
pub const BEGINNING: i64 = 1_795_176_000;

/// A process: it has a clock, and what it has seen is gone when it crashes.
pub struct Site {
    /// Seconds ahead of the true time.
    pub skew: i64,
    running: Mutex<Option<Running>>,
}

/// What runs there, from its start to its crash.
struct Running {
    memory: Arc<Memory>,
    resolver: Arc<dyn Resolve>,
}

pub struct World {
    pub nodes: Vec<Node>,
    pub sites: Vec<Site>,
    pub history: Mutex<History>,
    pub weather: Mutex<Weather>,
    pub heard: Mutex<Heard>,
    rng: Mutex<StdRng>,
    plant: Option<Plant>,
    start: Instant,
    ticks: Ticks,
    /// Feeds and polls are at work.
    lively: AtomicBool,
    woken: Arc<Notify>,
    happened: Option<Mutex<Vec<String>>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread of this world has panicked")
}

impl World {
    /// Lays out the world of a seed. Within a runtime: its clock is the runtime's.
    pub fn new(seed: u64, plant: Option<Plant>, told: Told) -> Arc<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = layout(&mut rng);
        let count = nodes.iter().map(|n| n.site).max().unwrap_or_default() + 1;
        let site = |_| Site { skew: rng.random_range(-SKEW..=SKEW), running: Mutex::new(None) };
        let sites = (0..count).map(site).collect();
        let slow = (count > 1).then(|| (rng.random_range(1..count), rng.random_range(100..5_000)));
        let world = Arc::new(Self {
            history: Mutex::new(History::default()),
            weather: Mutex::new(Weather::with_slow(slow)),
            heard: Mutex::default(),
            rng: Mutex::new(rng),
            nodes,
            sites,
            plant,
            start: Instant::now(),
            ticks: Ticks::hand(),
            lively: AtomicBool::new(true),
            woken: Arc::default(),
            happened: (told == Told::All).then(Mutex::default),
        });
        for site in 0..world.sites.len() {
            world.boot(site);
        }
        for (n, node) in world.nodes.iter().enumerate() {
            world.say(|| told_of(n, node));
            lock(&world.history).note(world.time(), n, &lock(&node.records));
        }
        tokio::spawn(feed::keeps_time(Arc::downgrade(&world), Arc::clone(&world.woken)));
        world
    }

    /// A process begins with an empty memory; its records are where they were.
    pub fn boot(self: &Arc<Self>, site: usize) {
        let memory = Arc::new(Memory::new(self, site));
        let process = Process { world: Arc::downgrade(self), site };
        let wire = Arc::new(Wire { world: Arc::downgrade(self), site });
        let protocol: Arc<dyn Protocol> = Arc::<Wire>::clone(&wire);
        let resolver: Arc<dyn Resolve> = Arc::new(Resolver::new(Arc::new(process), protocol));
        let resolver: Arc<dyn Resolve> = match self.plant {
            Some(plant) if !self.keeps_answers() => plant::within(plant, self, wire, resolver),
            _ => {
                let (world, memory) = (Arc::downgrade(self), Arc::clone(&memory));
                Arc::new(Front { world, site, memory, inner: resolver })
            }
        };
        *lock(&self.sites[site].running) = Some(Running { memory, resolver });
    }

    pub fn resolver(&self, site: usize) -> Arc<dyn Resolve> {
        let running = lock(&self.sites[site].running);
        running.as_ref().map(|it| Arc::clone(&it.resolver)).expect("every process was booted")
    }

    pub fn memory(&self, site: usize) -> Arc<Memory> {
        let running = lock(&self.sites[site].running);
        running.as_ref().map(|it| Arc::clone(&it.memory)).expect("every process was booted")
    }

    /// Not in front of a fault of the resolver: what is kept would cover it up.
    pub fn keeps_answers(&self) -> bool {
        !self.plant.is_some_and(Plant::is_of_resolver)
    }

    pub fn planted(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// The clock that leases are measured with, brought to this instant.
    pub fn ticks(&self) -> &Ticks {
        if let Ticks::Hand(nanos) = &self.ticks {
            let elapsed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            nanos.store(BOOTED.saturating_add(elapsed), Ordering::Release);
        }
        &self.ticks
    }

    pub fn is_lively(&self) -> bool {
        self.lively.load(Ordering::Acquire)
    }

    /// Somebody leaves an honest process alone, since it could not be reached.
    pub fn rests_somewhere(&self) -> bool {
        let honest: Vec<_> = self.nodes.iter().filter(|n| n.nature == Nature::Honest).collect();
        (0..self.sites.len()).any(|site| {
            let memory = self.memory(site);
            honest.iter().any(|n| memory.breakers.look(&n.endpoint(), Instant::now()).is_some())
        })
    }

    /// Lets time pass in which nobody asks.
    pub async fn pass(&self, time: Duration) {
        if let Some(quiet) = time.checked_sub(LIVELY) {
            self.lively.store(false, Ordering::Release);
            sleep(quiet).await;
            self.lively.store(true, Ordering::Release);
            self.woken.notify_one();
        }
        sleep(time.min(LIVELY)).await;
    }

    /// The true time.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_secs(BEGINNING).plus(self.start.elapsed())
    }

    /// What the clock of a process shows.
    pub fn clock(&self, site: usize) -> Timestamp {
        let skew = Duration::from_secs(self.sites[site].skew.unsigned_abs());
        if self.sites[site].skew < 0 { self.time().minus(skew) } else { self.time().plus(skew) }
    }

    pub fn draw<T>(&self, from: impl FnOnce(&mut StdRng) -> T) -> T {
        from(&mut lock(&self.rng))
    }

    pub fn chance(&self, of: f64) -> bool {
        self.draw(|rng| rng.random_bool(of))
    }

    pub fn find(&self, id: &AuthorityId) -> Option<usize> {
        self.nodes.iter().position(|n| n.party.id == *id)
    }

    /// The same by the text of its name.
    pub fn named(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|n| n.party.id.as_str() == id)
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if let Some(happened) = &self.happened {
            lock(happened).push(format!("{:9.3} {}", self.start.elapsed().as_secs_f64(), what()));
        }
    }

    pub fn happened(&self) -> Vec<String> {
        self.happened.as_ref().map(|h| lock(h).clone()).unwrap_or_default()
    }

    pub fn any_tuple(&self) -> Tuple {
        self.draw(|rng| Tuple {
            entity: rng.random_range(0..ENTITIES),
            family: rng.random_range(0..FAMILIES),
        })
    }
}

fn layout(rng: &mut StdRng) -> Vec<Node> {
    let liars = rng.random_range(0..=3);
    // One of each in every world.
    let (liar, equivocator) = (rng.random_range(1..NODES / 2), rng.random_range(NODES / 2..NODES));
    let anchor = |n| node(n, n, 0, if n == liar { Nature::Liar } else { Nature::Honest });
    let mut nodes: Vec<Node> = (0..ANCHORS).map(anchor).collect();
    let mut held: Vec<BTreeSet<usize>> = vec![(0..FAMILIES).collect(); ANCHORS];
    let mut anchors: Vec<usize> = (0..ANCHORS).collect();
    while nodes.len() < NODES {
        let n = nodes.len();
        let open = |p: &usize| nodes[*p].level < LEVELS && lock(&nodes[*p].records).edges.len() < BREADTH;
        let first = rng.random_bool(0.8);
        let candidates: Vec<usize> = (0..n).filter(|p| (anchors[*p] == 0) == first).filter(open).collect();
        let superior = candidates[rng.random_range(0..candidates.len())];
        let nature = match rng.random_range(0..NODES) {
            _ if n == liar => Nature::Liar,
            _ if n == equivocator => Nature::Equivocator,
            x if x < liars => Nature::Liar,
            x if x == NODES - 1 => Nature::Equivocator,
            _ => Nature::Honest,
        };
        let hosted =
            nature == Nature::Honest && nodes[superior].nature == Nature::Honest && rng.random_bool(0.2);
        let site = nodes.iter().map(|n| n.site).max().unwrap_or_default() + 1;
        let site = if hosted { nodes[superior].site } else { site };
        let families = some_of(rng, &held[superior]);
        nodes.push(node(n, site, nodes[superior].level + 1, nature));
        delegate(rng, &nodes[superior], n, families.clone());
        held.push(families);
        anchors.push(anchors[superior]);
    }
    across(rng, &nodes, &mut held);
    around(rng, &nodes, &held);
    recognition::lay_out(rng, &nodes);
    for (n, node) in nodes.iter().enumerate() {
        for seq in 1..=rng.random_range(1..=3) {
            let family = some_of(rng, &held[n]).first().copied().unwrap_or_default();
            let tuple = Tuple { entity: rng.random_range(0..ENTITIES), family };
            lock(&node.records).statements.entry(tuple).or_default().seq = seq;
        }
    }
    nodes
}

fn node(n: usize, site: usize, level: usize, nature: Nature) -> Node {
    Node {
        party: Party::new(&format!("n{n}"), n),
        site,
        level,
        nature,
        records: Mutex::new(Records::begun()),
    }
}

fn told_of(n: usize, node: &Node) -> String {
    let records = lock(&node.records);
    let edges: Vec<_> = records.edges.iter().map(|e| e.to).collect();
    let (nature, site, recognitions) = (node.nature, node.site, &records.recognitions);
    format!("{n} is {nature:?}, process {site}, delegates to {edges:?}, recognises {recognitions:?}")
}

/// One or two of them.
pub fn some_of(rng: &mut StdRng, families: &BTreeSet<usize>) -> BTreeSet<usize> {
    let list: Vec<usize> = families.iter().copied().collect();
    (0..2).map(|_| list[rng.random_range(0..list.len())]).collect()
}

fn delegate(rng: &mut StdRng, superior: &Node, to: usize, families: BTreeSet<usize>) {
    let mut records = lock(&superior.records);
    let may_delegate = rng.random_bool(0.85);
    let path = rng.random_bool(0.5).then_some(4);
    records.edges.push(Edge { to, families, may_delegate, path, statuses: Vec::new(), doubted: false });
}

/// A loop: somebody delegates back to the anchor.
fn around(rng: &mut StdRng, nodes: &[Node], held: &[BTreeSet<usize>]) {
    let may = |n: &usize| {
        let to_anchor = lock(&nodes[*n].records).edges.iter().any(|e| e.to == 0);
        nodes[*n].nature == Nature::Honest && nodes[*n].site != nodes[0].site && !to_anchor
    };
    let candidates: Vec<usize> = (ANCHORS..NODES).filter(may).collect();
    if candidates.is_empty() {
        return;
    }
    let from = candidates[rng.random_range(0..candidates.len())];
    let families = some_of(rng, &held[from]).into_iter().take(1).collect();
    delegate(rng, &nodes[from], 0, families);
}

/// Second superiors, and delegations that lead back up: nobody but the two sees that.
fn across(rng: &mut StdRng, nodes: &[Node], held: &mut [BTreeSet<usize>]) {
    for _ in 0..rng.random_range(0..4) {
        let (from, to) = (rng.random_range(0..NODES), rng.random_range(0..NODES));
        let back = nodes[to].level < nodes[from].level;
        let twice = lock(&nodes[from].records).edges.iter().any(|e| e.to == to);
        if from == to || twice || nodes[from].site == nodes[to].site || (nodes[from].level == nodes[to].level)
        {
            continue;
        }
        let families = some_of(rng, &held[from]);
        if !back {
            held[to].extend(families.iter().copied());
        }
        delegate(rng, &nodes[from], to, families);
    }
}
