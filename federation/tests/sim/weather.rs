//! What the network and the machines do by themselves: cuts, crashes, slowness, replies to others' questions, and
//! endpoints that somebody else has taken over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rand::{Rng as _, rngs::StdRng};

use crate::{
    record::Nature,
    world::{World, lock},
};

#[derive(Debug, Default)]
pub struct Weather {
    /// Pairs of processes that do not reach each other; whether they are told so.
    cut: BTreeMap<(usize, usize), bool>,
    down: BTreeSet<usize>,
    /// Milliseconds that a process takes longer.
    slow: BTreeMap<usize, u64>,
    /// Who answers there has none of the keys.
    hijacked: BTreeSet<usize>,
    /// How often a reply is exchanged for another of the same process.
    mixing: f64,
    /// Nothing takes long.
    pub calm: bool,
}

/// What becomes of one call.
#[derive(Debug)]
pub struct Fate {
    pub reach: Reach,
    pub there: Duration,
    pub back: Duration,
    /// The reply is another one.
    pub mixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Through,
    Refused,
    Silent,
}

impl Weather {
    /// With a process that takes so many milliseconds longer.
    pub fn with_slow(slow: Option<(usize, u64)>) -> Self {
        Self { slow: slow.into_iter().collect(), ..Self::default() }
    }

    pub fn is_down(&self, site: usize) -> bool {
        self.down.contains(&site)
    }
    pub fn is_hijacked(&self, site: usize) -> bool {
        self.hijacked.contains(&site)
    }

    pub fn fate(&self, rng: &mut StdRng, from: usize, to: usize) -> Fate {
        let mut leg = || {
            let long = !self.calm && rng.random_bool(0.02);
            Duration::from_millis(if long { rng.random_range(200..3_000) } else { rng.random_range(1..40) })
        };
        let (there, back) = (leg(), leg() + Duration::from_millis(self.slow.get(&to).copied().unwrap_or(0)));
        let reach = match self.cut.get(&(from.min(to), from.max(to))) {
            Some(true) => Reach::Refused,
            Some(false) => Reach::Silent,
            None => Reach::Through,
        };
        Fate { reach, there, back, mixed: rng.random_bool(self.mixing) }
    }
}

/// Something happens to one process, or to a pair of them.
pub fn strikes(world: &Arc<World>) {
    let sites = world.sites.len();
    let (one, other) = world.draw(|rng| (rng.random_range(0..sites), rng.random_range(0..sites)));
    let (what, told, delay) =
        world.draw(|rng| (rng.random_range(0..10), rng.random_bool(0.5), rng.random_range(100..5_000)));
    match what {
        0..=2 if one != other => {
            lock(&world.weather).cut.insert((one.min(other), one.max(other)), told);
            world.say(|| format!("processes {one} and {other} are cut off, told so: {told}"));
        }
        3..=4 => {
            lock(&world.weather).down.insert(one);
            world.say(|| format!("process {one} crashes"));
        }
        5 => {
            lock(&world.weather).slow.insert(one, delay);
            world.say(|| format!("process {one} is slow by {delay} ms"));
        }
        6 => {
            lock(&world.weather).mixing = 0.05;
            world.say(|| "replies are mixed up".to_owned());
        }
        7..=8 if one != world.nodes[0].site => {
            lock(&world.weather).hijacked.insert(one);
            world.say(|| format!("somebody else answers for process {one}"));
        }
        _ => {}
    }
}

/// Some of it ends.
pub fn eases(world: &Arc<World>) {
    let again = world.draw(|rng| rng.random_range(0..3));
    let up: Vec<usize> = {
        let mut weather = lock(&world.weather);
        if again == 0 {
            weather.cut.pop_first();
            weather.hijacked.pop_first();
        } else if again == 1 {
            weather.slow.pop_first();
            weather.mixing = 0.0;
        }
        weather.down.pop_first().into_iter().collect()
    };
    restart(world, &up);
}

/// All of it ends.
pub fn clears(world: &Arc<World>) {
    let up: Vec<usize> = {
        let calm = Weather { calm: true, ..Weather::default() };
        std::mem::replace(&mut *lock(&world.weather), calm).down.into_iter().collect()
    };
    restart(world, &up);
    world.say(|| "the network is whole, all processes run, nobody is impersonated".to_owned());
}

fn restart(world: &Arc<World>, up: &[usize]) {
    for site in up {
        world.boot(*site);
        world.say(|| format!("process {site} starts again"));
    }
}

/// Registries whose staff can work and mean well.
pub fn at_work(world: &World) -> Vec<usize> {
    let weather = lock(&world.weather);
    let works =
        |n: &usize| world.nodes[*n].nature == Nature::Honest && !weather.is_down(world.nodes[*n].site);
    (0..world.nodes.len()).filter(works).collect()
}
