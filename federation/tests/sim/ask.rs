//! One question, and what must hold of its answer whatever fails on the way.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use charter_cache::{DEP_LEASE, LONGEST_STALE};
use charter_domain::{Outcome, Query, Timestamp};
use charter_federation::{Answer, Basis, Budget, Mode, budget::DEFAULT_DEADLINE, resolver::Request};
use charter_proof::{Chain, verify::verify, verify_denial};
use charter_signing::jws;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    feed,
    memory::id,
    network::{COUNTS, Counts},
    oracle::{Claim, Follows, Window},
    paper::{LIFETIME, PLACE},
    question::Question,
    rest::{self, Rest},
    world::{World, lock},
};

/// What an attacker kept proves a yes until it expires, by clocks that differ by a minute.
const REPLAYED: Duration = Duration::from_secs(LIFETIME.unsigned_abs() + 60);

/// Within this time everybody hears of what somebody has recorded: a lease for each level of the deepest chain, and the
/// time of a question.
const HEARD: Duration = Duration::from_secs(20);
/// The same of recognitions: the peer's clock may be a minute ahead, and what it showed is kept for half a minute. Of what
/// is shown no more is known than when it was asked for.
const RECOGNISED: Duration = Duration::from_secs(95);
/// So long a statement in turn may be used, from when the peer was asked for it.
const IN_TURN: Duration = Duration::from_secs(31);

/// What did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A yes without a ground in the history of the asked registry.
    Unsupported,
    /// A yes that nobody could confirm: it does not say so, or is older than was accepted.
    Stale,
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
    /// A yes that was not confirmed now.
    pub stale: bool,
    /// A yes by a recognised peer, or one below it.
    pub recognised: bool,
    pub sent: u32,
    pub altered: u32,
}

/// What is known of a question when it is put.
struct Put {
    question: Question,
    query: Query,
    start: Instant,
    /// By the clock of the asked process.
    at: Timestamp,
    from: Timestamp,
    /// It is in force, and nothing overrides it, however many may be asked.
    stated: bool,
}

impl Put {
    fn new(world: &World, question: Question) -> Self {
        Self {
            question,
            query: question.query(world),
            start: Instant::now(),
            at: world.clock(world.nodes[question.asked].site),
            from: world.time(),
            stated: [rest::expected(world, question), rest::unbounded(world, question)]
                .iter()
                .all(|rest| matches!(rest, Rest::Yes(_))),
        }
    }
}

/// Asks a registry whose process runs.
pub async fn ask(world: &Arc<World>, question: Question) -> Result<Said, Failed> {
    let (put, asked) = (Put::new(world, question), question.asked);
    let counts = Arc::new(Mutex::new(Counts::of(question.follows)));
    let registry = id(asked);
    let budget = Budget::fresh(put.start);
    let request = Request { registry, query: put.query.clone(), budget, mode: Mode::Recurse };
    let resolver = world.resolver(world.nodes[asked].site);
    let answer = COUNTS.scope(Arc::clone(&counts), resolver.resolve(request)).await;
    let counts: &Counts = &lock(&counts);
    world.say(|| {
        let said =
            answer.as_ref().map_or_else(ToString::to_string, |a| format!("{} by {}", a.reason, a.decided_by));
        let stale = counts.stale.map(|age| format!(", confirmed {age:?} ago")).unwrap_or_default();
        format!("{question:?}: {said}{stale}, after {} calls", counts.sent)
    });
    let answer = answer.map_err(|e| Failed::new(Broken::Error, e.to_string()))?;
    if let Some(excess) = &counts.excess {
        return Err(Failed::new(Broken::Unbounded, excess.clone()));
    }
    if put.start.elapsed() > DEFAULT_DEADLINE {
        return Err(Failed::new(Broken::Unbounded, format!("answered after {:?}", put.start.elapsed())));
    }
    // What a resolver keeps of peers may be of those who took the name of one before.
    let misled = question.follows && world.memory(world.nodes[asked].site).was_misled();
    check(world, &put, &answer, (counts.altered + u32::from(misled), counts.stale))?;
    let decider = world.find(&answer.decided_by);
    let elsewhere = decider.is_some_and(|n| world.nodes[n].site != world.nodes[asked].site);
    Ok(Said {
        outcome: answer.outcome(),
        by: answer.decided_by.to_string(),
        links: answer.chain.len(),
        kept: elsewhere && counts.sent == 0,
        stale: counts.stale.is_some(),
        recognised: answer.outcome() == Outcome::Yes && answer.basis == Basis::Recognized,
        sent: counts.sent,
        altered: counts.altered,
    })
}

/// `stale`: how long ago the answer says that it was confirmed.
fn check(
    world: &World,
    put: &Put,
    answer: &Answer,
    (altered, stale): (u32, Option<Duration>),
) -> Result<(), Failed> {
    match answer.outcome() {
        Outcome::Yes => {
            if let Some(age) = stale {
                accepted(put, age)?;
            }
            grounded(world, put, answer, (altered, stale))?;
            proven(world, put, answer)?;
            if stale.is_some() { Ok(()) } else { confirmed(world, put, answer) }
        }
        _ if stale.is_some() => Err(Failed::new(Broken::Stale, "no yes, and stale")),
        Outcome::No if altered == 0 => {
            let news = match (world.keeps_answers(), put.question.follows) {
                (_, true) => RECOGNISED,
                (true, false) => HEARD,
                (false, false) => Duration::ZERO,
            };
            let before = put.from.minus(news);
            let still = lock(&world.history).changed.is_none_or(|at| at <= before);
            if still && put.stated {
                let text = format!("{:?} was in force, and the answer is {}", put.question, answer.reason);
                return Err(Failed::new(Broken::WrongNo, text));
            }
            denied(world, put, answer)
        }
        Outcome::No => denied(world, put, answer),
        Outcome::Indeterminate => Ok(()),
    }
}

/// The question accepts a yes of that age.
fn accepted(put: &Put, age: Duration) -> Result<(), Failed> {
    let most = put.question.accepted.unwrap_or_default().min(LONGEST_STALE);
    if age <= most {
        return Ok(());
    }
    Err(Failed::new(Broken::Stale, format!("confirmed {age:?} ago, accepted was {most:?}")))
}

/// Whoever a yes rests on was heard of within a lease, itself or by those on the way to it.
fn confirmed(world: &World, put: &Put, answer: &Answer) -> Result<(), Failed> {
    // In front of a fault of the resolver nothing is kept.
    if !world.keeps_answers() {
        return Ok(());
    }
    let here = world.nodes[put.question.asked].site;
    let memory = world.memory(here);
    let rests_on = answer.path.iter().filter(|step| step.epoch > 0);
    let mut first = rests_on.filter_map(|step| world.find(step.via.first()?));
    let silent = first.find(|n| {
        let there = world.nodes[*n].site;
        there != here && !memory.has_heard_of(there, put.start)
    });
    match silent {
        Some(n) => Err(Failed::new(Broken::Stale, format!("it rests on {n}, which was not heard of"))),
        None => Ok(()),
    }
}

/// A verifier that pins the asked registry is shown that somebody denied it who may.
fn denied(world: &World, put: &Put, answer: &Answer) -> Result<(), Failed> {
    let node = &world.nodes[put.question.asked];
    let (chain, now, anchors) = (whole(world, put, answer)?, world.clock(node.site), node.party.anchors());
    // As of when the question was put: a recognition may have ended since.
    let shown = |at| verify_denial(&chain, &put.query, &anchors, at, at, None);
    match shown(put.at).or_else(|_| shown(now)) {
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
    links.push(world.nodes[put.question.asked].party.configuration(put.at));
    Chain::new(links).map_err(|e| Failed::new(Broken::Unproven, e.to_string()))
}

fn grounded(
    world: &World,
    put: &Put,
    answer: &Answer,
    (altered, stale): (u32, Option<Duration>),
) -> Result<(), Failed> {
    let fails = |text: String| Err(Failed::new(Broken::Unsupported, text));
    let Question { asked, tuple, follows, .. } = put.question;
    // What each registry on the way has kept was confirmed within a lease.
    let delegations = u32::try_from(answer.chain.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let kept = DEP_LEASE.saturating_mul(delegations) + stale.unwrap_or_default();
    let window = |old: Duration| {
        let from = put.from.minus(if altered > 0 { REPLAYED.max(old) } else { old });
        Window { from, to: world.time() }
    };
    // Proofs that were kept by an attacker may be older than the news.
    let heard = if stale.is_some() && altered == 0 { feed::heard(world, asked) } else { BTreeMap::new() };
    let claim = Claim {
        asked,
        by: &answer.decided_by,
        tuple,
        put: put.from,
        window: window(kept),
        heard,
        follows: follows.then(|| Follows { at: put.at, in_turn: window(IN_TURN) }),
    };
    if !lock(&world.history).supports(&world.nodes, &claim) {
        return fails(format!("{asked} says yes to {tuple:?} by {}", answer.decided_by));
    }
    // What is delegated here is delegated in one place.
    let leaf = answer.chain.first().and_then(|token| jws::peek(token).ok()).unwrap_or_default();
    let leaf: Value = serde_json::from_slice(&leaf).unwrap_or_default();
    if leaf["jurisdictions"] != json!([PLACE]) || leaf["sub"] != put.query.entity.as_str() {
        return fails(format!("{asked} says yes to {tuple:?} by a statement of something else"));
    }
    Ok(())
}

/// A verifier that pins the asked registry comes to the same.
fn proven(world: &World, put: &Put, answer: &Answer) -> Result<(), Failed> {
    let party = &world.nodes[put.question.asked].party;
    let fails = |text: String| Err(Failed::new(Broken::Unproven, text));
    let chain = whole(world, put, answer)?;
    match verify(&chain, &put.query, &party.anchors(), put.at, put.at, None) {
        Ok(verified) if verified.decided_by == answer.decided_by => Ok(()),
        Ok(verified) => fails(format!("{} is named, {} is proven", answer.decided_by, verified.decided_by)),
        Err(fault) => fails(fault.to_string()),
    }
}
