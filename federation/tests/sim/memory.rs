//! What a process keeps until it crashes: answers, how far other registries are, which endpoints rest; and its resolver
//! behind the kept answers, as the server puts it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use async_trait::async_trait;
use charter_cache::{
    Answers, BootInstant, Change, DEP_LEASE, Dependencies, Entry, Filled, LONGEST_STALE, Lookup, Register,
};
use charter_domain::{Outcome, Query, RegistryId, Timestamp};
use charter_federation::{
    Answer, Error, Resolve,
    answer::UNHEARD,
    breaker::Breakers,
    resolver::{Request, are_good},
};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    feed::Feed,
    network::{altered, so_far_altered, stale},
    plant::Plant,
    process::upgraded,
    record::Tuple,
    world::{World, lock},
};

/// How long a process may trust the epochs of its own registries.
const LEASE: Duration = Duration::from_secs(1);
/// How long a resolver may keep what a peer showed in turn, and the time of two questions.
const SHOWN: Duration = Duration::from_secs(34);
/// More answers than a world has questions.
const CAPACITY: u64 = 10_000;
/// How long others may keep what rests on one registry; and on several, a yes and all else.
const ALONE: Duration = Duration::from_secs(300);
const YES_OUTSIDE: Duration = Duration::from_secs(30);
const OUTSIDE: Duration = Duration::from_secs(10);

/// An answer as it is kept. It never leaves the process, so nothing of it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    #[serde(skip)]
    answer: Option<Answer>,
    /// Replies that were not what their registry says bore on it.
    #[serde(skip)]
    altered: bool,
}

pub struct Memory {
    pub dependencies: Dependencies,
    pub breakers: Arc<Breakers>,
    /// By superior and subordinate.
    pub feeds: Mutex<BTreeMap<(usize, usize), Feed>>,
    /// Endpoints that failed: for the plant that asks them no more.
    pub given_up: Mutex<BTreeSet<String>>,
    /// When each process was heard of last.
    contacts: Mutex<BTreeMap<usize, Instant>>,
    /// When somebody else showed recognitions in the name of a peer.
    misled: Mutex<Option<Instant>>,
    answers: Answers<Kept>,
}

impl Memory {
    /// Of a process that begins: it watches its registries from where they are.
    pub fn new(world: &World, site: usize) -> Self {
        let (slots, rests) = world.draw(|rng| (rng.random(), rng.random()));
        let register = Arc::new(Register::seeded(LEASE, world.ticks().clone(), slots));
        for (n, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.site == site) {
            register.start(id(n), lock(&node.records).epoch);
        }
        Self {
            dependencies: Dependencies::with_ticks(world.ticks().clone()),
            breakers: Arc::new(Breakers::seeded(rests)),
            feeds: Mutex::default(),
            given_up: Mutex::default(),
            contacts: Mutex::default(),
            misled: Mutex::default(),
            answers: Answers::new(register, CAPACITY, None),
        }
    }

    /// Another process has said something.
    pub fn hears_of(&self, site: usize) {
        lock(&self.contacts).insert(site, Instant::now());
    }

    /// It has done so within a lease before `then`, or since.
    pub fn has_heard_of(&self, site: usize, then: Instant) -> bool {
        lock(&self.contacts).get(&site).is_some_and(|heard| *heard + DEP_LEASE >= then)
    }

    pub fn mislead(&self) {
        *lock(&self.misled) = Some(Instant::now());
    }

    /// What it keeps of a peer's recognitions may be somebody else's word.
    pub fn was_misled(&self) -> bool {
        lock(&self.misled).is_some_and(|then| then.elapsed() <= SHOWN)
    }

    /// A registry of this process has recorded a change: of one entity, or of more.
    pub fn changed(&self, n: usize, seq: i64, tuple: Option<Tuple>) {
        let identifiers = tuple.map(|tuple| vec![tuple.entity_id()]);
        self.answers.register().note(id(n), &[Change { seq, identifiers }]);
        self.answers.register().advance(id(n), seq);
    }
}

pub fn id(n: usize) -> RegistryId {
    RegistryId(i32::try_from(n).unwrap_or_default())
}

/// The registries from the asked one down, as dependencies are named.
pub fn path(world: &World, asked: usize, way: &[usize]) -> Vec<String> {
    std::iter::once(&asked).chain(way).map(|n| world.nodes[*n].party.id.as_str().to_owned()).collect()
}

/// The resolver of a process behind what it keeps.
pub struct Front {
    pub world: Weak<World>,
    pub site: usize,
    pub memory: Arc<Memory>,
    pub inner: Arc<dyn Resolve>,
}

#[async_trait]
impl Resolve for Front {
    async fn resolve(&self, request: Request) -> Result<Answer, Error> {
        let world = upgraded(&self.world);
        // The process has its own records at hand: the lease on them holds.
        self.memory.answers.register().polled(world.ticks().now());
        let n = usize::try_from(request.registry.0).unwrap_or(usize::MAX);
        let here = world.nodes.get(n).map(|node| node.party.id.clone());
        let been_here = here.is_some_and(|here| request.budget.visited.contains(&here));
        if been_here || !request.query.context.is_plain() {
            return self.inner.resolve(request).await;
        }
        let query = request.query.clone();
        let accepted = query.context.max_staleness.unwrap_or_default();
        let (lookup, now) = (lookup(request.registry, &query), world.clock(self.site));
        let fill = || self.find(&world, request);
        match self.memory.answers.get_or_fill(&lookup, now, fill).await {
            Ok(entry) => match self.past(&world, &entry, (&lookup, accepted), now) {
                Some(past) => Ok(past),
                None => said(&entry, world.clock(self.site)),
            },
            Err(charter_cache::Error::Overloaded) => Err(Error::Unavailable("too many questions".to_owned())),
            Err(charter_cache::Error::Fill(source)) => Err(Error::Internal(source.to_string())),
        }
    }
}

impl Front {
    /// In place of an answer for want of one: what was a yes, for those who accept it.
    fn past(
        &self,
        world: &World,
        found: &Entry<Kept>,
        (lookup, accepted): (&Lookup<'_>, Duration),
        now: Timestamp,
    ) -> Option<Answer> {
        let has =
            |entry: &Entry<Kept>, outcome| entry.value.answer.as_ref().map(Answer::outcome) == Some(outcome);
        if accepted.is_zero() || !has(found, Outcome::Indeterminate) {
            return None;
        }
        let accepted = if world.planted(Plant::ServesTooOld) { LONGEST_STALE } else { accepted };
        self.memory.answers.register().polled(world.ticks().now());
        let past = self.memory.answers.past(lookup, now).filter(|past| past.is_within(accepted))?;
        let kept = past.entry.value.answer.clone().filter(|_| has(&past.entry, Outcome::Yes))?;
        if !are_good(&kept.chain, now) {
            return None;
        }
        if past.entry.value.altered {
            altered();
        }
        if !world.planted(Plant::HidesStale) {
            stale(past.age);
        }
        Some(Answer { as_of: now.minus(past.age), expires_at: now, ..kept })
    }

    /// Resolves, and says what the answer rests on.
    async fn find(&self, world: &World, request: Request) -> Result<Filled<Kept>, Error> {
        let (before, untouched) = (world.ticks().now(), so_far_altered());
        let answer = self.inner.resolve(request).await?;
        let now = world.clock(self.site);
        // The clock of leases goes on before what was found is judged by it.
        self.memory.answers.register().polled(world.ticks().now());
        let altered = so_far_altered() > untouched;
        Ok(self.filled(world, answer, (before, now), altered))
    }

    fn filled(
        &self,
        world: &World,
        answer: Answer,
        (before, now): (BootInstant, Timestamp),
        altered: bool,
    ) -> Filled<Kept> {
        let own = answer.path.first();
        let (epoch, asked) = (own.map_or(0, |s| s.epoch), own.map(|s| s.authority.clone()));
        let mut deps = Vec::new();
        for step in answer.path.iter().filter(|s| !s.via.is_empty() && s.epoch > 0) {
            let path: Vec<String> = asked.iter().chain(&step.via).map(ToString::to_string).collect();
            deps.push((self.memory.dependencies.get_or_track(&path, step.epoch), step.epoch));
        }
        if world.planted(Plant::IgnoresEpochs) {
            deps.clear();
        }
        let expires_at = match answer.outcome() {
            Outcome::Indeterminate => now,
            _ if answer.path.iter().any(|s| s.epoch == UNHEARD) => answer.expires_at.min(now.plus(DEP_LEASE)),
            _ => answer.expires_at,
        };
        Filled {
            epoch,
            evaluated_at: now,
            next_change: answer.next_change,
            expires_at,
            deps,
            asked: Some(before),
            value: Kept { answer: Some(answer), altered },
        }
    }
}

/// What a door says of an entry.
fn said(entry: &Entry<Kept>, now: Timestamp) -> Result<Answer, Error> {
    if entry.value.altered {
        altered();
    }
    let kept = entry.value.answer.clone();
    let mut answer = kept.ok_or_else(|| Error::Internal("an entry without an answer".to_owned()))?;
    answer.as_of = entry.time_at(now);
    let alone = answer.path.iter().all(|s| s.via.is_empty());
    let longest = match answer.outcome() {
        _ if alone => ALONE,
        Outcome::Yes => YES_OUTSIDE,
        Outcome::No | Outcome::Indeterminate => OUTSIDE,
    };
    answer.expires_at = entry.ends().min(answer.as_of.plus(longest));
    Ok(answer)
}

fn lookup(registry: RegistryId, query: &Query) -> Lookup<'_> {
    Lookup {
        registry,
        kind: query.kind,
        authority: query.authority.as_str(),
        entity: query.entity.as_str(),
        action: query.action.as_str(),
        resource: query.resource.as_str(),
    }
}
