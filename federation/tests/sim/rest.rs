//! What a registry must answer when nothing fails: a model of the rules, written without the resolver's code.

use charter_domain::{Outcome, Scope, delegation::MAX_DEPTH, status::State};
use charter_federation::budget::MAX_QUERIES;

use crate::{
    record::{Nature, Tuple, open},
    world::{World, lock},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    Yes(Ground),
    /// Suspended or revoked by somebody: it overrides a yes.
    Denied,
    No,
    /// It cannot be told: a loop, the budget, or a delegation of more than may be passed on.
    Cannot,
    /// A liar is asked: anything.
    Unsure,
}

/// What a yes rests on: links of its chain, who decided, and the scope of the delegation at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    links: usize,
    by: String,
    top: Option<Scope>,
}

impl Rest {
    pub fn agrees(&self, outcome: Outcome) -> bool {
        match self {
            Self::Yes(_) => outcome == Outcome::Yes,
            Self::Denied | Self::No => outcome == Outcome::No,
            Self::Cannot => outcome == Outcome::Indeterminate,
            Self::Unsure => true,
        }
    }
}

/// Asked of the registry `n` with a fresh budget.
pub fn expected(world: &World, n: usize, tuple: Tuple) -> Rest {
    walk(world, n, tuple, (MAX_QUERIES, MAX_DEPTH), &[])
}

fn walk(world: &World, n: usize, tuple: Tuple, (queries, depth): (u32, u8), visited: &[usize]) -> Rest {
    if world.nodes[n].nature != Nature::Honest {
        return Rest::Unsure;
    }
    if visited.contains(&n) {
        return Rest::Cannot;
    }
    let (own, edges) = {
        let records = lock(&world.nodes[n].records);
        let state = records.statements.get(&tuple).map(|s| open(&s.statuses));
        let covering = records.edges.iter().filter(|e| e.families.contains(&tuple.family));
        (state, covering.cloned().collect::<Vec<_>>())
    };
    let own = match own {
        Some(State::Active) => {
            Rest::Yes(Ground { links: 1, by: world.nodes[n].party.id.to_string(), top: None })
        }
        Some(State::Suspended | State::Revoked) => Rest::Denied,
        Some(State::Ended) | None => Rest::No,
    };
    if edges.is_empty() {
        return own;
    }
    let count = u32::try_from(edges.len()).unwrap_or(u32::MAX);
    let (Some(share), Some(depth)) = ((queries / count).checked_sub(1), depth.checked_sub(1)) else {
        return Rest::Cannot;
    };
    let visited = [visited, &[n]].concat();
    let mut all = vec![own];
    for edge in edges {
        all.push(match walk(world, edge.to, tuple, (share, depth), &visited) {
            _ if !edge.stands() => Rest::No,
            Rest::Yes(ground) => {
                let inside = ground.top.as_ref().is_none_or(|top| edge.scope().may_delegate(top));
                let short = edge.path.is_none_or(|most| ground.links <= usize::from(most) + 1);
                let proven = inside && short && !edge.doubted;
                let ground = Ground { links: ground.links + 1, top: Some(edge.scope()), ..ground };
                if proven { Rest::Yes(ground) } else { Rest::Cannot }
            }
            other => other,
        });
    }
    composed(all)
}

fn composed(all: Vec<Rest>) -> Rest {
    for weighty in [Rest::Unsure, Rest::Denied] {
        if all.contains(&weighty) {
            return weighty;
        }
    }
    let cannot = all.contains(&Rest::Cannot);
    let grounds =
        all.into_iter().filter_map(|one| if let Rest::Yes(ground) = one { Some(ground) } else { None });
    let shortest = grounds.min_by(|a, b| (a.links, &a.by).cmp(&(b.links, &b.by)));
    match shortest {
        Some(ground) => Rest::Yes(ground),
        None if cannot => Rest::Cannot,
        None => Rest::No,
    }
}
