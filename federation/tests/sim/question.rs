//! What is asked of whom, and how.

use std::time::Duration;

use charter_domain::{Context, EvidenceLevel, Kind, Query};
use rand::Rng as _;

use crate::{
    record::Tuple,
    weather::at_work,
    world::{World, lock},
};

/// How long ago a yes may have been confirmed, in seconds, for those who say so.
const ACCEPTED: [u64; 3] = [20, 300, 7_200];

#[derive(Debug, Clone, Copy)]
pub struct Question {
    pub asked: usize,
    pub tuple: Tuple,
    /// Recognised peers may be asked.
    pub follows: bool,
    /// How long ago a yes may have been confirmed that cannot be confirmed now.
    pub accepted: Option<Duration>,
}

impl Question {
    pub fn query(&self, world: &World) -> Query {
        let authority = &world.nodes[self.asked].party.id;
        let (entity, resource) = (self.tuple.entity_id(), self.tuple.resource());
        let context = Context {
            evidence: EvidenceLevel::Chain,
            follow_recognition: self.follows,
            max_staleness: self.accepted,
            ..Context::default()
        };
        let terms = (authority.as_str(), entity.as_str(), "issue", resource.as_str());
        Query::parse(Kind::Authorization, terms, context).expect("a question")
    }
}

/// Whom to ask what: often as before, mostly the anchor, mostly about something stated. None where nobody can be asked.
pub fn any(world: &World, past: &[Question]) -> Option<Question> {
    let working = at_work(world);
    let (again, which) = world.draw(|rng| (rng.random_bool(0.5), rng.random_range(0..past.len().max(1))));
    let (follows, age) = world.draw(|rng| (rng.random_bool(0.15), rng.random_range(0..4_usize)));
    let accepted = ACCEPTED.get(age).copied().map(Duration::from_secs);
    let before = past.get(which).filter(|before| again && working.contains(&before.asked));
    if let Some(before) = before {
        return Some(Question { accepted, ..*before });
    }
    if let Some(question) = world.chance(0.2).then(|| beyond(world, &working)).flatten() {
        return Some(question);
    }
    let anchor = world.chance(0.7) && working.contains(&0);
    let place = world.draw(|rng| rng.random_range(0..working.len().max(1)));
    let asked = if anchor { 0 } else { *working.get(place)? };
    let about = world.draw(|rng| rng.random_range(0..world.nodes.len()));
    let tuple = stated(world, about, |_| true).unwrap_or_else(|| world.any_tuple());
    Some(Question { asked, tuple, follows, accepted })
}

/// One that a recognition may lead beyond the own federation.
fn beyond(world: &World, working: &[usize]) -> Option<Question> {
    let recognises = |n: &usize| !lock(&world.nodes[*n].records).recognitions.is_empty();
    let who: Vec<usize> = working.iter().copied().filter(recognises).collect();
    let asked = *who.get(world.draw(|rng| rng.random_range(0..who.len().max(1))))?;
    let all = lock(&world.nodes[asked].records).recognitions.clone();
    let recognised = all.get(world.draw(|rng| rng.random_range(0..all.len().max(1))))?;
    let tuple = stated(world, recognised.to, |tuple| recognised.families.contains(&tuple.family))?;
    Some(Question { asked, tuple, follows: true, accepted: None })
}

/// Something that a registry states, if it states as much.
fn stated(world: &World, n: usize, fits: impl Fn(&Tuple) -> bool) -> Option<Tuple> {
    let all: Vec<Tuple> = lock(&world.nodes[n].records).statements.keys().copied().filter(fits).collect();
    all.get(world.draw(|rng| rng.random_range(0..4_usize))).copied()
}
