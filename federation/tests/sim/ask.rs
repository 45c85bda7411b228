//! One question, and what must hold of its answer whatever fails on the way.

use std::{fmt, sync::Arc, time::Duration};

use charter_cache::DEP_LEASE;
use charter_domain::{Outcome, Query, Timestamp};
use charter_federation::{Answer, Budget, Mode, budget::DEFAULT_DEADLINE, resolver::Request};
use charter_proof::{Chain, verify::verify, verify_denial};
use charter_signing::jws;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    memory::id,
    network::{COUNTS, Counts},
    oracle::Window,
    paper::{LIFETIME, PLACE},
    record::Tuple,
    rest::{self, Rest},
    world::{World, lock},
};

/// What an attacker kept proves a yes until it expires, by clocks that differ by a minute.
const REPLAYED: Duration = Duration::from_secs(LIFETIME.unsigned_abs() + 60);

/// Within this time everybody hears of what somebody has recorded: a lease for each level of the deepest chain, and the
/// time of a question.
const HEARD: Duration = Duration::from_secs(20);

/// What did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A yes without a ground in the history of the asked registry.
    Unsupported,
    /// A yes or a no whose chain does not verify offline.
    Unproven,
    /// More questions, deeper or wider than a budget allows, or later than its deadline.
    Unbounded,
    /// A no to what was in force for as long as news take: silence became a no.
    WrongNo,
    /// Not the answer of the model after the network was whole for three pulls.
    NotConverged,
    /// An error of the resolver.
    Error,
}

#[derive(Debug)]
pub struct Failed {
    pub broken: Broken,
    detail: String,
}

impl Failed {
    pub fn new(broken: Broken, detail: impl Into<String>) -> Self {
        Self { broken, detail: detail.into() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.broken, self.detail)
    }
}

#[derive(Debug)]
pub struct Said {
    pub outcome: Outcome,
    /// Who decided.
    pub by: String,
    /// Of the chain.
    pub links: usize,
    /// Another process decided, and was not asked now.
    pub kept: bool,
    pub sent: u32,
    pub altered: u32,
}

/// What is known of a question when it is put.
struct Put {
    asked: usize,
    tuple: Tuple,
    query: Query,
    /// By the clock of the asked process.
    at: Timestamp,
    from: Timestamp,
    /// It is in force, and nothing overrides it, however many may be asked.
    stated: bool,
}

impl Put {
    fn new(world: &World, asked: usize, tuple: Tuple) -> Self {
        let node = &world.nodes[asked];
        Self {
            asked,
            tuple,
            query: tuple.query(&node.party),
            at: world.clock(node.site),
            from: world.time(),
            stated: [rest::expected(world, asked, tuple), rest::unbounded(world, asked, tuple)]
                .iter()
                .all(|rest| matches!(rest, Rest::Yes(_))),
        }
    }
}

/// Asks a registry whose process runs.
pub async fn ask(world: &Arc<World>, asked: usize, tuple: Tuple) -> Result<Said, Failed> {
    let (put, start) = (Put::new(world, asked, tuple), Instant::now());
    let counts = Arc::default();
    let registry = id(asked);
    let budget = Budget::fresh(start);
    let request = Request { registry, query: put.query.clone(), budget, mode: Mode::Recurse };
    let resolver = world.resolver(world.nodes[asked].site);
    let answer = COUNTS.scope(Arc::clone(&counts), resolver.resolve(request)).await;
    let counts: &Counts = &lock(&counts);
    world.say(|| {
        let said =
            answer.as_ref().map_or_else(ToString::to_string, |a| format!("{} by {}", a.reason, a.decided_by));
        format!("{asked} is asked {tuple:?} and says {said}, after {} calls", counts.sent)
    });
    let answer = answer.map_err(|e| Failed::new(Broken::Error, e.to_string()))?;
    if let Some(excess) = &counts.excess {
        return Err(Failed::new(Broken::Unbounded, excess.clone()));
    }
    if start.elapsed() > DEFAULT_DEADLINE {
        return Err(Failed::new(Broken::Unbounded, format!("answered after {:?}", start.elapsed())));
    }
    check(world, &put, &answer, counts.altered)?;
    let decider = world.find(&answer.decided_by);
    let elsewhere = decider.is_some_and(|n| world.nodes[n].site != world.nodes[asked].site);
    Ok(Said {
        outcome: answer.outcome(),
        by: answer.decided_by.to_string(),
        links: answer.chain.len(),
        kept: elsewhere && counts.sent == 0,
        sent: counts.sent,
        altered: counts.altered,
    })
}

fn check(world: &World, put: &Put, answer: &Answer, altered: u32) -> Result<(), Failed> {
    match answer.outcome() {
        Outcome::Yes => {
            grounded(world, put, answer, altered)?;
            proven(world, put, answer)
        }
        Outcome::No if altered == 0 => {
            let news = if world.keeps_answers() { HEARD } else { Duration::ZERO };
            let before = put.from.minus(news);
            let still = lock(&world.history).changed.is_none_or(|at| at <= before);
            if still && put.stated {
                let text = format!("{:?} was in force, and {} says {}", put.tuple, put.asked, answer.reason);
                return Err(Failed::new(Broken::WrongNo, text));
            }
            denied(world, put, answer)
        }
        Outcome::No => denied(world, put, answer),
        Outcome::Indeterminate => Ok(()),
    }
}

/// A verifier that pins the asked registry is shown that somebody denied it who may.
fn denied(world: &World, put: &Put, answer: &Answer) -> Result<(), Failed> {
    let (chain, now) = (whole(world, put, answer)?, world.clock(world.nodes[put.asked].site));
    let anchors = world.nodes[put.asked].party.anchors();
    match verify_denial(&chain, &put.query, &anchors, now, now, None) {
        Ok(denied) if (&denied.decided_by, denied.reason) == (&answer.decided_by, answer.reason) => Ok(()),
        Ok(denied) => {
            let text = format!("{} by {} is proven", denied.reason, denied.decided_by);
            Err(Failed::new(Broken::Unproven, text))
        }
        Err(fault) => Err(Failed::new(Broken::Unproven, fault.to_string())),
    }
}

/// The chain of an answer, with what the asked registry says of itself.
fn whole(world: &World, put: &Put, answer: &Answer) -> Result<Chain, Failed> {
    let mut links = answer.chain.clone();
    links.push(world.nodes[put.asked].party.configuration(put.at));
    Chain::new(links).map_err(|e| Failed::new(Broken::Unproven, e.to_string()))
}

fn grounded(world: &World, put: &Put, answer: &Answer, altered: u32) -> Result<(), Failed> {
    let fails = |text: String| Err(Failed::new(Broken::Unsupported, text));
    // What each registry on the way has kept was confirmed within a lease.
    let delegations = u32::try_from(answer.chain.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let kept = DEP_LEASE.saturating_mul(delegations);
    let from = put.from.minus(if altered > 0 { REPLAYED.max(kept) } else { kept });
    let window = Window { from, to: world.time() };
    let history = lock(&world.history);
    if !history.supports(&world.nodes, put.asked, &answer.decided_by, put.tuple, window) {
        return fails(format!("{} says yes to {:?} by {}", put.asked, put.tuple, answer.decided_by));
    }
    // What is delegated here is delegated in one place.
    let leaf = answer.chain.first().and_then(|token| jws::peek(token).ok()).unwrap_or_default();
    let leaf: Value = serde_json::from_slice(&leaf).unwrap_or_default();
    if leaf["jurisdictions"] != json!([PLACE]) || leaf["sub"] != put.query.entity.as_str() {
        return fails(format!("{} says yes to {:?} by a statement of something else", put.asked, put.tuple));
    }
    Ok(())
}

/// A verifier that pins the asked registry comes to the same.
fn proven(world: &World, put: &Put, answer: &Answer) -> Result<(), Failed> {
    let party = &world.nodes[put.asked].party;
    let fails = |text: String| Err(Failed::new(Broken::Unproven, text));
    let chain = whole(world, put, answer)?;
    match verify(&chain, &put.query, &party.anchors(), put.at, put.at, None) {
        Ok(verified) if verified.decided_by == answer.decided_by => Ok(()),
        Ok(verified) => fails(format!("{} is named, {} is proven", answer.decided_by, verified.decided_by)),
        Err(fault) => fails(fault.to_string()),
    }
}
