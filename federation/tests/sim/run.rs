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
    question::{self, Question},
    rest::{self, Rest},
    weather::{self, at_work},
    world::World,
};

const STEPS: usize = 8;
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
    /// Yeses that were not confirmed.
    pub stale: u64,
    /// Yeses by recognised peers.
    pub recognised: u64,
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
        self.stale += other.stale;
        self.recognised += other.recognised;
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
        self.stale += u64::from(said.stale);
        self.recognised += u64::from(said.recognised);
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
        let asked: Vec<Question> = (0..questions).filter_map(|_| question::any(world, &past)).collect();
        past.extend_from_slice(&asked);
        let answers = join_all(asked.iter().map(|question| ask(world, *question)));
        let (answers, ()) = join(answers, meanwhile(world)).await;
        let mut granted = None;
        for (question, said) in asked.into_iter().zip(answers) {
            let said = said?;
            sum.note(&said);
            if said.outcome == Outcome::Yes {
                granted = Some((question, said.by));
            }
        }
        if let Some((question, by)) = granted {
            taken_back(world, sum, question, &by).await?;
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

/// What was just granted is asked again while it may be kept, after whoever granted it has taken it back.
async fn taken_back(world: &Arc<World>, sum: &mut Sum, question: Question, by: &str) -> Result<(), Failed> {
    let (whether, after) = world.draw(|rng| (rng.random_bool(0.5), rng.random_range(500..6_000)));
    if whether && change::takes_back(world, by, question.tuple) {
        sleep(Duration::from_millis(after)).await;
        if at_work(world).contains(&question.asked) {
            sum.note(&ask(world, question).await?);
        }
    }
    Ok(())
}

/// Something happens while questions are under way.
async fn meanwhile(world: &Arc<World>) {
    let (after, change) = world.draw(|rng| (rng.random_range(1..300), rng.random_bool(0.6)));
    sleep(Duration::from_millis(after)).await;
    if change { change::happens(world) } else { weather::strikes(world) }
}

/// All agree with the model.
async fn rest(world: &Arc<World>, sum: &mut Sum, past: &[Question]) -> Result<(), Failed> {
    for _ in 0..RESTED {
        // What can be confirmed need not be old.
        let question = question::any(world, past).map(|q| Question { accepted: None, ..q });
        let still = |q: &Question| !rest::is_turning(world, *q) && !rest::comes_back(world, *q);
        let Some(question) = question.filter(still) else { continue };
        let expected = rest::expected(world, question);
        let (plain, whole) = (rest::is_plain(world, question), rest::unbounded(world, question));
        // Where it hangs on who asked before, it may be either, or that nobody can tell.
        let agrees = |said: &Said| {
            let other = said.outcome == Outcome::Indeterminate || whole.is(said);
            expected.is(said) || (!plain && other)
        };
        let mut last = None;
        for pull in 1..=PULLS {
            let said = ask(world, question).await?;
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
            let text = format!("{question:?}: {said:?}, the model {expected:?}");
            return Err(Failed::new(Broken::NotConverged, text));
        }
        sum.rested += u64::from(expected != Rest::Unsure);
    }
    Ok(())
}
