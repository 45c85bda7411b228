//! What a registry must answer when nothing fails: a model of the rules, written without the resolver's code.

use std::time::Duration;

use charter_domain::{Outcome, Scope, Timestamp, delegation::MAX_DEPTH, status::State};
use charter_federation::budget::MAX_QUERIES;

use crate::{
    ask::Said,
    question::Question,
    recognition::Recognition,
    record::{Edge, Nature, Records, Tuple, open},
    world::{World, lock},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    Yes(Ground),
    /// How much it says, and who is shown to have said it.
    No(Weight, Ground),
    /// It cannot be told: a loop, the budget, or a delegation of more than may be passed on.
    Cannot,
    /// A liar is asked: anything.
    Unsure,
}

/// How much a no says: of several the one that says most. From `Suspended` on it overrides a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Who does not know says it for everybody below.
    Unknown,
    NotListed,
    AncestorExpired,
    AncestorSuspended,
    AncestorRevoked,
    Ended,
    Suspended,
    Revoked,
}

/// What an answer rests on: links of its chain, who decided, and the scope of the delegation at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    links: usize,
    by: String,
    top: Option<Scope>,
}

impl Rest {
    /// The same outcome by the same registry, a yes over the shortest chain. Of a no, more than one way may be the first.
    pub fn is(&self, said: &Said) -> bool {
        match self {
            Self::Yes(ground) => {
                said.outcome == Outcome::Yes && (ground.links, &ground.by) == (said.links, &said.by)
            }
            Self::No(_, ground) => said.outcome == Outcome::No && ground.by == said.by,
            Self::Cannot => said.outcome == Outcome::Indeterminate,
            Self::Unsure => true,
        }
    }
}

/// Asked with a fresh budget.
pub fn expected(world: &World, question: Question) -> Rest {
    answered(world, question, MAX_QUERIES)
}

/// The same with as many questions as it takes.
pub fn unbounded(world: &World, question: Question) -> Rest {
    answered(world, question, u32::MAX)
}

/// Whether nothing hangs on how a question comes to a registry: what one has kept, it was asked in another way.
pub fn is_plain(world: &World, question: Question) -> bool {
    let Question { asked, tuple, .. } = question;
    !circles(world, asked, tuple, &[]) && expected(world, question) == unbounded(world, question)
}

/// A way that begins with a recognition comes back. To others who ask the peer it does not, and what they were told is kept.
pub fn comes_back(world: &World, question: Question) -> bool {
    let Question { asked, tuple, .. } = question;
    beside(world, question).iter().any(|peer| circles(world, peer.to, tuple, &[asked]))
}

/// A recognition that may bear on the question ends before it is put for the last time.
pub fn is_turning(world: &World, question: Question) -> bool {
    let Question { asked, tuple, .. } = question;
    let now = world.clock(world.nodes[asked].site);
    let soon = |r: &Recognition| now < r.until && r.until <= now.plus(Duration::from_secs(60));
    let of = |n: usize| lock(&world.nodes[n].records).recognitions.clone();
    let mut own = of(asked).into_iter().filter(|r| r.families.contains(&tuple.family));
    own.any(|r| soon(&r) || of(r.to).iter().any(|back| back.to == asked && soon(back)))
}

fn answered(world: &World, question: Question, queries: u32) -> Rest {
    let Question { asked, tuple, .. } = question;
    let own = walk(world, asked, tuple, (queries, MAX_DEPTH), &[]);
    let peers = beside(world, question);
    if peers.is_empty() || !matches!(own, Rest::No(Weight::Unknown | Weight::NotListed, _)) {
        return own;
    }
    let share = u32::try_from(peers.len()).ok().and_then(|many| (queries / many).checked_sub(1));
    let Some(share) = share else { return Rest::Cannot };
    let mut all = vec![own];
    for peer in peers {
        let Some(links) = peer.links else { continue };
        all.push(match walk(world, peer.to, tuple, (share, MAX_DEPTH - 1), &[asked]) {
            Rest::Yes(ground) => Rest::Yes(Ground { links: ground.links + links, ..ground }),
            other => other,
        });
    }
    let here = Ground { links: 1, by: world.nodes[asked].party.id.to_string(), top: None };
    match composed(all) {
        Rest::No(Weight::Unknown, _) => Rest::No(Weight::Unknown, here),
        other => other,
    }
}

/// A peer whose recognition may be followed, and how many links lead there; none where it does not recognise in turn.
struct Beside {
    to: usize,
    links: Option<usize>,
}

fn beside(world: &World, question: Question) -> Vec<Beside> {
    let Question { asked, tuple, follows, .. } = question;
    let at = world.clock(world.nodes[asked].site);
    let all = lock(&world.nodes[asked].records).recognitions.clone();
    let may =
        |r: &Recognition| follows && r.may_follow && r.families.contains(&tuple.family) && r.is_in_force(at);
    let peer = |r: Recognition| Beside { to: r.to, links: links(world, asked, &r, at) };
    all.into_iter().filter(may).map(peer).collect()
}

fn links(world: &World, asked: usize, own: &Recognition, at: Timestamp) -> Option<usize> {
    let peer = &world.nodes[own.to];
    if own.one_sided {
        return Some(1);
    }
    let in_turn =
        |r: &Recognition| r.to == asked && r.families.is_superset(&own.families) && r.is_in_force(at);
    // Who lies shows whatever it likes; what follows is not known in any case.
    let shows = peer.nature != Nature::Honest || lock(&peer.records).recognitions.iter().any(in_turn);
    shows.then_some(2)
}

/// A way down comes back to where it was.
fn circles(world: &World, n: usize, tuple: Tuple, visited: &[usize]) -> bool {
    if visited.contains(&n) {
        return true;
    }
    let covers = |e: &&Edge| e.families.contains(&tuple.family) && e.stands();
    let below: Vec<usize> = lock(&world.nodes[n].records).edges.iter().filter(covers).map(|e| e.to).collect();
    let visited = [visited, &[n]].concat();
    below.into_iter().any(|to| circles(world, to, tuple, &visited))
}

fn walk(world: &World, n: usize, tuple: Tuple, (queries, depth): (u32, u8), visited: &[usize]) -> Rest {
    if world.nodes[n].nature != Nature::Honest {
        return Rest::Unsure;
    }
    if visited.contains(&n) {
        return Rest::Cannot;
    }
    let here = Ground { links: 1, by: world.nodes[n].party.id.to_string(), top: None };
    let (own, edges) = {
        let records = lock(&world.nodes[n].records);
        let covering = records.edges.iter().filter(|e| e.families.contains(&tuple.family));
        (stated(&records, tuple), covering.cloned().collect::<Vec<_>>())
    };
    let own = own.map_or_else(|| Rest::Yes(here.clone()), |weight| Rest::No(weight, here.clone()));
    if edges.is_empty() {
        return own;
    }
    let count = u32::try_from(edges.iter().filter(|e| e.stands()).count()).unwrap_or(u32::MAX);
    let budget = (queries / count.max(1)).checked_sub(1).zip(depth.checked_sub(1));
    // Whoever asks nobody needs none.
    let Some((share, depth)) = budget.or_else(|| (count == 0).then_some((0, 0))) else {
        return Rest::Cannot;
    };
    let visited = [visited, &[n]].concat();
    let mut all = vec![own];
    for edge in edges {
        all.push(match walk(world, edge.to, tuple, (share, depth), &visited) {
            _ if !edge.stands() => Rest::No(fallen(&edge), here.clone()),
            Rest::Yes(ground) if !edge.doubted => under(&edge, ground).map_or(Rest::Cannot, Rest::Yes),
            Rest::Yes(_) => Rest::Cannot,
            Rest::No(weight, ground) => {
                under(&edge, ground).map_or(Rest::Cannot, |ground| Rest::No(weight, ground))
            }
            other => other,
        });
    }
    match composed(all) {
        Rest::No(Weight::Unknown, _) => Rest::No(Weight::Unknown, here),
        other => other,
    }
}

/// Why a registry's own records say no; none where they say yes.
fn stated(records: &Records, tuple: Tuple) -> Option<Weight> {
    let known = records.statements.keys().any(|t| t.entity == tuple.entity)
        && records.statements.keys().any(|t| t.family == tuple.family);
    match records.statements.get(&tuple).map(|s| open(&s.statuses)) {
        Some(State::Active) => None,
        Some(State::Suspended) => Some(Weight::Suspended),
        Some(State::Revoked) => Some(Weight::Revoked),
        Some(State::Ended) => Some(Weight::Ended),
        None => Some(if known { Weight::NotListed } else { Weight::Unknown }),
    }
}

/// Why a delegation does not stand.
fn fallen(edge: &Edge) -> Weight {
    match open(&edge.statuses) {
        State::Revoked => Weight::AncestorRevoked,
        State::Suspended => Weight::AncestorSuspended,
        State::Active | State::Ended => Weight::AncestorExpired,
    }
}

/// The same seen from above a delegation, if its chain may pass there.
fn under(edge: &Edge, ground: Ground) -> Option<Ground> {
    let inside = ground.top.as_ref().is_none_or(|top| edge.scope().may_delegate(top));
    let short = edge.path.is_none_or(|most| ground.links <= usize::from(most) + 1);
    (inside && short).then(|| Ground { links: ground.links + 1, top: Some(edge.scope()), ..ground })
}

/// The heaviest no; of several the first by name.
fn heaviest(all: &[Rest]) -> Option<(Weight, Ground)> {
    let mut weighed: Vec<(Weight, Ground)> = Vec::new();
    for one in all {
        if let Rest::No(weight, ground) = one {
            weighed.push((*weight, ground.clone()));
        }
    }
    weighed.into_iter().min_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.by.cmp(&other.by)))
}

fn composed(all: Vec<Rest>) -> Rest {
    if all.contains(&Rest::Unsure) {
        return Rest::Unsure;
    }
    let no = heaviest(&all);
    if let Some((weight, ground)) = no.clone().filter(|(weight, _)| *weight >= Weight::Suspended) {
        return Rest::No(weight, ground);
    }
    let cannot = all.contains(&Rest::Cannot);
    let grounds =
        all.into_iter().filter_map(|one| if let Rest::Yes(ground) = one { Some(ground) } else { None });
    let shortest = grounds.min_by(|a, b| (a.links, &a.by).cmp(&(b.links, &b.by)));
    match (shortest, no) {
        (Some(ground), _) => Rest::Yes(ground),
        (None, Some((weight, ground))) if !cannot => Rest::No(weight, ground),
        (None, _) => Rest::Cannot,
    }
}
