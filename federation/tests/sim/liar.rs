//! What liars say: those with keys of their own, and those who answer in the name of others without theirs.

use std::{sync::Arc, time::Duration};

use charter_domain::{AuthorityId, Interval, Query, Reason};
use charter_federation::{Answer, Budget, protocol::Failure};
use rand::Rng as _;

use crate::{
    network::{Call, altered, carry, nobody, silence},
    paper::{PLACE, Party, STRANGE, boundless, scope},
    recognition::{self, Recognition},
    record::{Node, Tuple},
    world::{FAMILIES, World, lock},
};

/// A place where nothing is delegated.
pub const ELSEWHERE: &str = "SE";

fn reply(world: &World, call: &Call, reason: Reason) -> Answer {
    let (party, now) = (&world.nodes[call.node].party, world.clock(call.to));
    Answer::of(&party.id, 1, reason, now, now.plus(Duration::from_secs(60)))
}

/// A no, truly signed or not.
fn no(world: &World, call: &Call, by: &Party, reason: Reason) -> Answer {
    let answer = reply(world, call, reason);
    let denial = by.denial(&call.query, reason, answer.as_of);
    Answer { chain: vec![by.denies(&denial)], ..answer }
}

fn yes(world: &World, call: &Call, by: &Party, chain: Vec<String>) -> Answer {
    Answer { chain, decided_by: by.id.clone(), ..reply(world, call, Reason::Active) }
}

/// A statement under the number that an honest registry has for its own about the same, if there is one.
fn states(world: &World, call: &Call, by: &Party, place: &str) -> String {
    let tuple = Tuple::of(&call.query);
    let number = |node: &Node| lock(&node.records).statements.get(&tuple).map(|s| s.seq);
    let same = world.nodes.iter().find(|node| node.party.id == by.id).and_then(number);
    by.states(&call.query, same.unwrap_or(1_000), vec![Interval::ALWAYS], place, world.clock(call.to))
}

/// Says so itself, truly signed.
fn own(world: &World, call: &Call, place: &str) -> Answer {
    let party = &world.nodes[call.node].party;
    yes(world, call, party, vec![states(world, call, party, place)])
}

/// Delegates to somebody who then says so.
fn through(world: &World, call: &Call, to: &Party, wide: bool) -> Answer {
    let (party, now) = (&world.nodes[call.node].party, world.clock(call.to));
    let granted = if wide { boundless() } else { scope([Tuple::of(&call.query).family], false) };
    let statement = party.delegates(to, granted, None, vec![Interval::ALWAYS], now);
    yes(world, call, to, vec![states(world, call, to, PLACE), statement])
}

/// Leads to a peer of its own, which nobody has asked to be led to.
fn beside(world: &World, call: &Call) -> Answer {
    let (party, ghost) = (&world.nodes[call.node].party, accomplice("ghost"));
    let recognition = Recognition { one_sided: true, ..recognition::boundless(world, call.node) };
    let endpoint = world.nodes[call.node].endpoint().url;
    let statement = party.recognises(&ghost, endpoint, &recognition, world.clock(call.to));
    yes(world, call, &ghost, vec![states(world, call, &ghost, PLACE), statement])
}

/// What is shown of recognitions of `peer` in the name of the registry `n`: by itself, or by somebody who has none of its
/// keys. None, one of somebody else, one for everything, or what it showed earlier.
pub async fn shows(
    world: &Arc<World>,
    n: usize,
    peer: &AuthorityId,
    hijacked: bool,
) -> Result<Vec<String>, Failure> {
    let (which, node) = (world.draw(|rng| rng.random_range(0..6)), &world.nodes[n]);
    world.say(|| format!("  of {peer} is shown in the name of {n} ({which})"));
    let (true_key, now) = (node.party.clone(), world.clock(node.site));
    let party = if hijacked { Party { key: STRANGE, ..true_key } } else { true_key };
    let of = |to| vec![recognition::signed(world, &party, &recognition::boundless(world, to), now)];
    Ok(match which {
        0 => Vec::new(),
        1 => of((n + 1) % world.nodes.len()),
        2 => lock(&world.heard).first_shown(n, peer),
        3 => return silence().await,
        _ => world.find(peer).map(of).unwrap_or_default(),
    })
}

/// One who is nobody's subordinate, or one who takes the name of a registry without its key.
fn accomplice(name: &str) -> Party {
    Party::new(name, STRANGE)
}

/// Who truly states it, by its short name; the anchor where nobody does.
fn victim(world: &World, call: &Call) -> String {
    let tuple = Tuple::of(&call.query);
    let states = |n: &usize| lock(&world.nodes[*n].records).statements.contains_key(&tuple);
    let n = (0..world.nodes.len()).find(|n| *n != call.node && states(n)).unwrap_or_default();
    format!("n{n}")
}

/// A registry that lies under its own keys.
pub async fn lies(world: &Arc<World>, call: &Call) -> Result<Answer, Failure> {
    let (which, named) = world.draw(|rng| (rng.random_range(0..17), rng.random_range(0..world.nodes.len())));
    world.say(|| format!("  {} lies ({which})", call.node));
    Ok(match which {
        0..=2 => own(world, call, PLACE),
        3 => own(world, call, ELSEWHERE),
        4 => through(world, call, &accomplice("ghost"), true),
        5 => through(world, call, &accomplice("ghost"), false),
        6 => through(world, call, &accomplice("n0"), false),
        11 => through(world, call, &accomplice(&victim(world, call)), false),
        7 => Answer { decided_by: world.nodes[named].party.id.clone(), ..own(world, call, PLACE) },
        8 => no(world, call, &world.nodes[call.node].party, Reason::Revoked),
        12 => reply(world, call, Reason::Revoked),
        13 => another_denies(world, call),
        9 => return back(world, call).await,
        10 => return silence().await,
        14 => beside(world, call),
        _ => borrowed(world, call),
    })
}

/// Delegates to somebody whom the question is none of the business of, and who denies it.
fn another_denies(world: &World, call: &Call) -> Answer {
    let (party, ghost) = (&world.nodes[call.node].party, accomplice("ghost"));
    let strange = scope([Tuple::of(&call.query).family + FAMILIES], false);
    let statement = party.delegates(&ghost, strange, None, vec![Interval::ALWAYS], world.clock(call.to));
    let mut answer = no(world, call, &ghost, Reason::Revoked);
    answer.chain.push(statement);
    Answer { decided_by: ghost.id, ..answer }
}

/// Asks the anchor again, and says that the question has been elsewhere.
async fn back(world: &Arc<World>, call: &Call) -> Result<Answer, Failure> {
    let spent = || Failure::Refused("the budget is used up".to_owned());
    let budget = Budget {
        depth_left: call.budget.depth_left.checked_sub(1).ok_or_else(spent)?,
        queries_left: call.budget.queries_left.checked_sub(1).ok_or_else(spent)?,
        visited: vec![nobody()],
        deadline: call.budget.deadline,
    };
    let anchor = &world.nodes[0];
    let query = Query { authority: anchor.party.id.clone(), ..call.query.clone() };
    carry(world, Call { from: call.to, to: anchor.site, node: 0, query, budget }).await
}

/// Yes to processes with an even number, no to the others.
pub fn equivocates(world: &World, call: &Call) -> Answer {
    let one = call.from.is_multiple_of(2);
    world.say(|| format!("  {} says {} to process {}", call.node, if one { "yes" } else { "no" }, call.from));
    let party = &world.nodes[call.node].party;
    if one { own(world, call, PLACE) } else { no(world, call, party, Reason::NotListed) }
}

/// Somebody who has taken over the endpoint and none of the keys.
pub async fn impersonates(world: &Arc<World>, call: &Call) -> Result<Answer, Failure> {
    let which = world.draw(|rng| rng.random_range(0..8));
    world.say(|| format!("  somebody answers for {} ({which})", call.node));
    let named = Party { key: STRANGE, ..world.nodes[call.node].party.clone() };
    Ok(match which {
        0..=1 => yes(world, call, &named, vec![states(world, call, &named, PLACE)]),
        2 => reply(world, call, Reason::Revoked),
        3 => no(world, call, &named, Reason::NotListed),
        4 => return silence().await,
        _ => borrowed(world, call),
    })
}

/// What somebody truly said: earlier, about something else, elsewhere, or with a letter changed.
fn borrowed(world: &World, call: &Call) -> Answer {
    altered();
    let tuple = Tuple::of(&call.query);
    let (which, letter) = world.draw(|rng| (rng.random_range(0..4), rng.random_range(0..10_000)));
    let found = lock(&world.heard).matching(|r| match which {
        0 | 3 => r.node == call.node && r.tuple == tuple,
        1 => r.node == call.node && r.tuple != tuple,
        _ => r.node != call.node && r.tuple == tuple,
    });
    // The oldest: it has most to hide.
    let Some(mut answer) = found.into_iter().next() else {
        return own_or_forged(world, call);
    };
    if let Some(first) = answer.chain.first_mut().filter(|_| which == 3) {
        *first = flipped(first, letter);
    }
    answer
}

fn own_or_forged(world: &World, call: &Call) -> Answer {
    let forged = Party { key: STRANGE, ..world.nodes[call.node].party.clone() };
    yes(world, call, &forged, vec![states(world, call, &forged, PLACE)])
}

fn flipped(token: &str, letter: usize) -> String {
    let place = letter % token.len().max(1);
    let change = |(n, c)| match (n == place, c) {
        (false, c) | (true, c @ '.') => c,
        (true, 'A') => 'B',
        (true, _) => 'A',
    };
    token.chars().enumerate().map(change).collect()
}
