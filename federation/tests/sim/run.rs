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
/// Questions after healing, twice.
const RESTED: usize = 5;
/// How often a question may be put before its answer is that of the model.
pub const PULLS: u64 = 3;
/// From the last change to those questions: until then clocks that are a minute apart may disagree about it.
const SETTLED: Duration = Duration::from_secs(65);
/// Until everybody is asked again who could not be reached, and all that was kept has ended: the longest rest of an
/// endpoint, and a minute of a no at each of five levels.
const AWAKE: Duration = Duration::from_secs(302);

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
    /// Answers of other processes that were kept.
    pub kept: u64,
    /// Answers compared with the model.
    pub rested: u64,
    /// Most questions after healing until the answer was that of the model.
    pub pulls: u64,
}

impl Sum {
    pub fn add(&mut self, other: &Self) {
        self.yes += other.yes;
        self.no += other.no;
        self.indeterminate += other.indeterminate;
        self.sent += other.sent;
        self.altered += other.altered;
        self.kept += other.kept;
        self.rested += other.rested;
        self.pulls = self.pulls.max(other.pulls);
    }

    fn note(&mut self, said: &Said) {
        match said.outcome {
            Outcome::Yes => self.yes += 1,
            Outcome::No => self.no += 1,
            Outcome::Indeterminate => self.indeterminate += 1,
        }
        self.kept += u64::from(said.kept);
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
    let mut past = Vec::new();
    for _ in 0..STEPS {
        let (strikes, changes, questions) =
            world.draw(|rng| (rng.random_range(0..=2), rng.random_range(0..=3), rng.random_range(1..=3)));
        (0..strikes).for_each(|_| weather::strikes(world));
        if world.chance(0.6) {
            weather::eases(world);
        }
        (0..changes).for_each(|_| change::happens(world));
        let asked: Vec<(usize, Tuple)> = (0..questions).filter_map(|_| question(world, &past)).collect();
        past.extend_from_slice(&asked);
        let answers = join_all(asked.into_iter().map(|(n, tuple)| ask(world, n, tuple)));
        let (answers, ()) = join(answers, meanwhile(world)).await;
        for said in answers {
            sum.note(&said?);
        }
        let pause = world.draw(|rng| {
            let long = rng.random_bool(0.5);
            rng.random_range(500..if long { 240_000 } else { 8_000 })
        });
        world.pass(Duration::from_millis(pause)).await;
    }
    weather::clears(world);
    world.pass(SETTLED).await;
    // Who still rests cannot say what would count before another's word.
    if !world.rests_somewhere() {
        rest(world, sum, &past).await?;
    }
    world.pass(AWAKE).await;
    rest(world, sum, &past).await
}

/// Something happens while questions are under way.
async fn meanwhile(world: &Arc<World>) {
    let (after, change) = world.draw(|rng| (rng.random_range(1..300), rng.random_bool(0.6)));
    sleep(Duration::from_millis(after)).await;
    if change { change::happens(world) } else { weather::strikes(world) }
}

/// Whom to ask what: often as before, mostly the anchor, mostly about something stated. None where nobody can be asked.
fn question(world: &World, past: &[(usize, Tuple)]) -> Option<(usize, Tuple)> {
    let working = weather::at_work(world);
    let (again, which) = world.draw(|rng| (rng.random_bool(0.5), rng.random_range(0..past.len().max(1))));
    let before = past.get(which).filter(|(asked, _)| again && working.contains(asked));
    if let Some(before) = before {
        return Some(*before);
    }
    let anchor = world.chance(0.7) && working.contains(&0);
    let place = world.draw(|rng| rng.random_range(0..working.len().max(1)));
    let asked = if anchor { 0 } else { *working.get(place)? };
    let about = world.draw(|rng| rng.random_range(0..world.nodes.len()));
    let stated: Vec<Tuple> = lock(&world.nodes[about].records).statements.keys().copied().collect();
    let any = world.any_tuple();
    let one = world.draw(|rng| stated.get(rng.random_range(0..4_usize)).copied());
    Some((asked, one.unwrap_or(any)))
}

/// All agree with the model.
async fn rest(world: &Arc<World>, sum: &mut Sum, past: &[(usize, Tuple)]) -> Result<(), Failed> {
    for _ in 0..RESTED {
        let Some((asked, tuple)) = question(world, past) else { continue };
        let expected = rest::expected(world, asked, tuple);
        let (plain, whole) = (rest::is_plain(world, asked, tuple), rest::unbounded(world, asked, tuple));
        // Where it hangs on who asked before, it may be either, or that nobody can tell.
        let agrees = |said: &Said| {
            let other = said.outcome == Outcome::Indeterminate || whole.is(said);
            expected.is(said) || (!plain && other)
        };
        let mut last = None;
        for pull in 1..=PULLS {
            let said = ask(world, asked, tuple).await?;
            sum.note(&said);
            if agrees(&said) {
                sum.pulls = sum.pulls.max(pull);
                last = None;
                break;
            }
            last = Some(said);
            sleep(Duration::from_secs(1)).await;
        }
        if let Some(said) = last {
            let text = format!("{asked} is asked {tuple:?} and says {said:?}, the model {expected:?}");
            return Err(Failed::new(Broken::NotConverged, text));
        }
        sum.rested += u64::from(expected != Rest::Unsure);
    }
    Ok(())
}
