//! Feeds: a registry tells its superiors of each change, and twice a second how far it and those below it are.
//!
//! The lines are the simulation's; which events count, and for how long, is the code of `charter-cache`. All that was heard
//! is taken as proven with the next sign of life: the registries of the simulation keep no logs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use charter_cache::{BootInstant, Counted, Dep, Touched, entity_tag};
use tokio::{sync::Notify, time::sleep};

use crate::{
    memory::{Memory, path},
    network::Wire,
    plant::Plant,
    poll,
    record::{Event, Nature},
    weather::Reach,
    world::{World, lock},
};

/// Between two signs of life.
const BEAT: Duration = Duration::from_millis(500);
/// Registries on a way that is passed on.
const LONGEST: usize = 6;

/// What a superior has heard of one subordinate.
#[derive(Default)]
pub struct Feed {
    counted: Counted,
    /// Number of the last event that was heard.
    heard: i64,
    /// When the last sign of life was given.
    before: Option<BootInstant>,
    /// How far those below it are, by the way there, and when that was so.
    further: Further,
}

type Further = BTreeMap<Vec<usize>, (i64, BootInstant)>;

/// Signs of life and polls of all processes, while somebody asks.
pub async fn keeps_time(world: Weak<World>, woken: Arc<Notify>) {
    let mut turn = 0_u64;
    loop {
        let Some(it) = world.upgrade() else { return };
        if it.is_lively() {
            beats(&it);
            // Once a second.
            if turn.is_multiple_of(2) {
                (0..it.sites.len()).for_each(|site| drop(tokio::spawn(poll::run(Arc::clone(&it), site))));
            }
            turn += 1;
            drop(it);
            sleep(BEAT).await;
        } else {
            drop(it);
            woken.notified().await;
        }
    }
}

fn beats(world: &Arc<World>) {
    for p in 0..world.nodes.len() {
        let wire = Wire { world: Arc::downgrade(world), site: world.nodes[p].site };
        let works = !lock(&world.weather).is_down(wire.site);
        for n in followed(world, p) {
            if works {
                wire.looks_for(n);
            }
            drop(tokio::spawn(beat(Arc::clone(world), p, n)));
        }
    }
}

/// Whose feeds a registry follows: those of other processes whose delegation stands. Who lies gives none.
fn followed(world: &World, p: usize) -> Vec<usize> {
    let node = &world.nodes[p];
    if node.nature != Nature::Honest {
        return Vec::new();
    }
    let records = lock(&node.records);
    let standing = records.edges.iter().filter(|e| e.stands()).map(|e| e.to);
    standing.filter(|n| world.nodes[*n].site != node.site && is_honest(world, *n)).collect()
}

fn is_honest(world: &World, n: usize) -> bool {
    world.nodes[n].nature == Nature::Honest
}

/// Something has changed at a registry: its own process knows at once, its superiors by their feeds.
pub fn tells(world: &Arc<World>, n: usize) {
    let last = lock(&world.nodes[n].records).events.last().cloned();
    let Some(event) = last else { return };
    world.memory(world.nodes[n].site).changed(n, event.seq, event.tuple);
    for p in (0..world.nodes.len()).filter(|p| followed(world, *p).contains(&n)) {
        drop(tokio::spawn(news(Arc::clone(world), p, n)));
    }
}

/// How long something takes from the subordinate to its superior; none where it does not arrive.
fn way(world: &World, p: usize, n: usize) -> Option<Duration> {
    let (to, from) = (world.nodes[p].site, world.nodes[n].site);
    let fate = world.draw(|rng| lock(&world.weather).fate(rng, to, from));
    let weather = lock(&world.weather);
    // Who has taken over an endpoint has not the key of its TLS.
    let speaks = !weather.is_down(from) && !weather.is_hijacked(from);
    (speaks && fate.reach == Reach::Through).then_some(fate.back)
}

async fn news(world: Arc<World>, p: usize, n: usize) {
    let Some(delay) = way(&world, p, n) else { return };
    sleep(delay).await;
    let site = world.nodes[p].site;
    if lock(&world.weather).is_down(site) {
        return;
    }
    world.ticks();
    let memory = world.memory(site);
    let dep = memory.dependencies.find(&path(&world, p, &[n]));
    // Before its first sign of life a feed has not begun.
    if let Some(feed) = lock(&memory.feeds).get_mut(&(p, n)) {
        hears(&world, n, feed, dep.as_ref());
    }
}

/// Takes what has happened since.
fn hears(world: &World, n: usize, feed: &mut Feed, dep: Option<&Arc<Dep>>) {
    feed.counted.tells(dep, feed.heard);
    let records = lock(&world.nodes[n].records);
    for event in records.events.iter().filter(|event| event.seq > feed.heard) {
        let touched =
            if world.planted(Plant::DeafFeed) { Touched::Entities(Vec::new()) } else { touched(event) };
        feed.counted.heard(event.seq, event.negative, touched, dep.map(Arc::as_ref));
    }
    feed.heard = records.epoch;
}

fn touched(event: &Event) -> Touched {
    event.tuple.map_or(Touched::Everybody, |tuple| Touched::Entities(vec![entity_tag(&tuple.entity_id())]))
}

/// A sign of life of a subordinate, from when it is given until its superior has taken it.
async fn beat(world: Arc<World>, p: usize, n: usize) {
    let Some(delay) = way(&world, p, n) else { return };
    let before = world.ticks().now();
    let further = below(&world, &world.memory(world.nodes[n].site), n, before);
    sleep(delay).await;
    let site = world.nodes[p].site;
    if lock(&world.weather).is_down(site) {
        return;
    }
    world.ticks();
    let memory = world.memory(site);
    memory.hears_of(world.nodes[n].site);
    let dep = memory.dependencies.find(&path(&world, p, &[n]));
    let mut feeds = lock(&memory.feeds);
    let feed = feeds.entry((p, n)).or_default();
    hears(&world, n, feed, dep.as_ref());
    feed.counted.confirmed(feed.heard, feed.heard, dep.as_ref());
    if let Some(dep) = dep {
        dep.fed(feed.counted.last(), before);
    }
    feed.before = feed.before.max(Some(before));
    confirm(&world, &memory, (p, n), &further);
    for (way, (epoch, before)) in further {
        let known = feed.further.entry(way).or_insert((epoch, before));
        if known.1 < before {
            *known = (epoch, before);
        }
    }
}

/// What rests on registries further below is confirmed by what the subordinate has heard of them.
fn confirm(world: &World, memory: &Memory, (p, n): (usize, usize), further: &Further) {
    let top = path(world, p, &[n]);
    for dep in memory.dependencies.in_use() {
        let Some(rest) = dep.path().strip_prefix(top.as_slice()) else { continue };
        let way: Option<Vec<usize>> = rest.iter().map(|id| world.named(id)).collect();
        if let Some((epoch, before)) = way.and_then(|way| further.get(&way)) {
            dep.fed(*epoch, *before);
        }
    }
}

/// Up to which event each subordinate of a registry has told it.
pub fn heard(world: &World, p: usize) -> BTreeMap<usize, i64> {
    let memory = world.memory(world.nodes[p].site);
    let feeds = lock(&memory.feeds);
    feeds.iter().filter(|((by, _), _)| *by == p).map(|((_, n), feed)| (*n, feed.heard)).collect()
}

/// What a registry has heard of those below it, by the ways from it.
fn below(world: &World, memory: &Memory, n: usize, now: BootInstant) -> Further {
    let node = &world.nodes[n];
    let subordinates: Vec<usize> =
        lock(&node.records).edges.iter().filter(|e| e.stands()).map(|e| e.to).collect();
    let mut all = Further::new();
    for to in subordinates {
        let (at, beyond) = if world.nodes[to].site == node.site && is_honest(world, to) {
            (Some((poll::epoch(world, to), now)), below(world, memory, to, now))
        } else {
            let feeds = lock(&memory.feeds);
            let Some(feed) = feeds.get(&(n, to)) else { continue };
            (feed.before.map(|before| (feed.counted.last(), before)), feed.further.clone())
        };
        all.extend(at.map(|at| (vec![to], at)));
        // No way twice through the same registry.
        let simple = |way: &[usize]| way.len() < LONGEST && !way.contains(&to) && !way.contains(&n);
        let longer = beyond.into_iter().filter(|(way, _)| simple(way));
        all.extend(longer.map(|(way, at)| ([vec![to], way].concat(), at)));
    }
    all
}
