//! The life of a world: a time of faults, changes and questions, then rest, in which all must agree again.

use std::{sync::Arc, time::Duration};

use charter_domain::Outcome;
use futures::future::{join, join_all};
use rand::Rng as _;
use tokio::{runtime::Builder, time::sleep};

use crate::{
    ask::{Broken, Failed, Said, ask},
    change,
    plant::Plant,
    record::Tuple,
    rest::{self, Rest},
    weather,
    world::{World, lock},
};

const STEPS: usize = 12;
/// Questions after healing.
const RESTED: usize = 8;
/// How often a question may be put before its answer is that of the model.
const PULLS: usize = 3;
/// Seconds from the last change to those questions: until then clocks that are a minute apart may disagree about it.
const SETTLED: Duration = Duration::from_secs(62);

/// Whether what happens is taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Nothing,
    All,
}

/// How much of what has been tested.
#[derive(Debug, Default)]
pub struct Sum {
    pub yes: u64,
    pub no: u64,
    pub indeterminate: u64,
    pub sent: u64,
    /// Replies that were not what their registry says.
    pub altered: u64,
    /// Answers compared with the model.
    pub rested: u64,
}

impl Sum {
    pub fn add(&mut self, other: &Self) {
        self.yes += other.yes;
        self.no += other.no;
        self.indeterminate += other.indeterminate;
        self.sent += other.sent;
        self.altered += other.altered;
        self.rested += other.rested;
    }

    fn note(&mut self, said: &Said) {
        match said.outcome {
            Outcome::Yes => self.yes += 1,
            Outcome::No => self.no += 1,
            Outcome::Indeterminate => self.indeterminate += 1,
        }
        self.sent += u64::from(said.sent);
        self.altered += u64::from(said.altered);
    }
}

pub struct Report {
    pub result: Result<(), Failed>,
    pub sum: Sum,
    pub happened: Vec<String>,
}

/// Runs the world of a seed to its end, or to what must not be.
pub fn run(seed: u64, plant: Option<Plant>, told: Told) -> Report {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (world, mut sum) = (World::new(seed, plant, told), Sum::default());
        let result = live(&world, &mut sum).await;
        Report { result, sum, happened: world.happened() }
    })
}

async fn live(world: &Arc<World>, sum: &mut Sum) -> Result<(), Failed> {
    for _ in 0..STEPS {
        let (strikes, changes, questions) =
            world.draw(|rng| (rng.random_range(0..=2), rng.random_range(0..=3), rng.random_range(1..=3)));
        (0..strikes).for_each(|_| weather::strikes(world));
        if world.chance(0.6) {
            weather::eases(world);
        }
        (0..changes).for_each(|_| change::happens(world));
        let asked: Vec<(usize, Tuple)> = (0..questions).filter_map(|_| question(world)).collect();
        let answers = join_all(asked.into_iter().map(|(n, tuple)| ask(world, n, tuple)));
        let (answers, ()) = join(answers, meanwhile(world)).await;
        for said in answers {
            sum.note(&said?);
        }
        let pause = world.draw(|rng| rng.random_range(500..240_000));
        sleep(Duration::from_millis(pause)).await;
    }
    rest(world, sum).await
}

/// Something happens while questions are under way.
async fn meanwhile(world: &Arc<World>) {
    let (after, change) = world.draw(|rng| (rng.random_range(1..300), rng.random_bool(0.6)));
    sleep(Duration::from_millis(after)).await;
    if change { change::happens(world) } else { weather::strikes(world) }
}

/// Whom to ask what: mostly the anchor, mostly about something stated. None where nobody can be asked.
fn question(world: &World) -> Option<(usize, Tuple)> {
    let working = weather::at_work(world);
    let anchor = world.chance(0.7) && working.contains(&0);
    let place = world.draw(|rng| rng.random_range(0..working.len().max(1)));
    let asked = if anchor { 0 } else { *working.get(place)? };
    let about = world.draw(|rng| rng.random_range(0..world.nodes.len()));
    let stated: Vec<Tuple> = lock(&world.nodes[about].records).statements.keys().copied().collect();
    let any = world.any_tuple();
    let one = world.draw(|rng| stated.get(rng.random_range(0..4_usize)).copied());
    Some((asked, one.unwrap_or(any)))
}

async fn rest(world: &Arc<World>, sum: &mut Sum) -> Result<(), Failed> {
    weather::clears(world);
    sleep(SETTLED).await;
    for _ in 0..RESTED {
        let Some((asked, tuple)) = question(world) else { continue };
        let expected = rest::expected(world, asked, tuple);
        let mut said = None;
        for _ in 0..PULLS {
            let answer = ask(world, asked, tuple).await?;
            sum.note(&answer);
            said = Some(answer.outcome);
            if expected.agrees(answer.outcome) {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        if !said.is_some_and(|outcome| expected.agrees(outcome)) {
            let text = format!("{asked} says {said:?} to {tuple:?}, the model {expected:?}");
            return Err(Failed::new(Broken::NotConverged, text));
        }
        sum.rested += u64::from(expected != Rest::Unsure);
    }
    Ok(())
}
