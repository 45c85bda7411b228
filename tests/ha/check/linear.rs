//! Whether the answers about an entity are those of one register that is set and read at instants (Wing and Gong): a
//! search over the orders that the times allow, which remembers what it has tried.
//!
//! An operation takes effect between its first sending and its acknowledgement; one whose outcome is unknown any time
//! later, or never. An answer may be as old as a lease (`LEASE`): it begins so much earlier, a yes not before a suspension
//! that was acknowledged.

use std::collections::{BTreeMap, HashSet};

use super::{Found, LEASE, Violation};
use crate::{
    history::{Entry, Micros, Op, Outcome},
    load::DENIED,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Set(bool),
    Saw(bool),
}

#[derive(Debug, Clone, Copy)]
struct Step {
    from: Micros,
    until: Micros,
    act: Act,
}

/// The steps of one register.
#[derive(Debug, Default)]
struct Steps {
    /// Those that have happened.
    certain: Vec<Step>,
    /// Changes of unknown outcome.
    open: Vec<Step>,
}

/// Words of the steps that the search tells apart: a change that is under way for half a minute lies across all answers of
/// that time.
const WORDS: usize = 32;

/// Which of the next steps are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Taken([u64; WORDS]);

impl Taken {
    const MOST: usize = WORDS * u64::BITS as usize;

    const fn has(&self, place: usize) -> bool {
        (self.0[place / 64] >> (place % 64)) & 1 == 1
    }

    const fn with(mut self, place: usize) -> Self {
        self.0[place / 64] |= 1 << (place % 64);
        self
    }

    /// Forgets the first.
    fn shift(&mut self) {
        for n in 0..WORDS {
            let next = self.0.get(n + 1).copied().unwrap_or_default();
            self.0[n] = (self.0[n] >> 1) | (next << 63);
        }
    }
}

/// What the search goes on from: all certain steps before `base` are taken, of those from there on the ones in `ahead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    base: usize,
    ahead: Taken,
    open: u64,
    value: bool,
}

/// There were more operations at once than the search can tell apart.
#[derive(Debug, PartialEq, Eq)]
struct Tangled;

pub fn check(history: &[Entry], found: &Found) -> Vec<Violation> {
    let mut all = Vec::new();
    for (entity, mut steps) in registers(history, found) {
        steps.certain.sort_by_key(|step| step.from);
        match is_register(&steps) {
            Ok(true) => {}
            Ok(false) => all.push(Violation::NotLinear(entity)),
            Err(Tangled) => all.push(Violation::Undecided(entity)),
        }
    }
    all
}

/// All entities that were asked about or changed, with all that was done to them.
fn registers(history: &[Entry], found: &Found) -> BTreeMap<u32, Steps> {
    let mut all: BTreeMap<u32, Steps> = BTreeMap::new();
    for entry in history {
        if let Op::Set { entity, active } = entry.op {
            let step = Step { from: entry.invoked, until: entry.completed, act: Act::Set(active) };
            let steps = all.entry(entity).or_default();
            match entry.outcome {
                Outcome::Done => steps.certain.push(step),
                // It is not there: it never took effect.
                Outcome::Unknown if !found.events.contains_key(&entry.number) => {}
                Outcome::Unknown => steps.open.push(step),
                Outcome::Refused => {}
            }
        }
    }
    let suspended = suspended(history);
    for entry in history {
        let (Op::Ask { entity }, Outcome::Done, Some(said)) = (entry.op, entry.outcome, entry.said) else {
            continue;
        };
        // What officers deny (R31) is no matter of its status.
        if said.stale || entity == DENIED {
            continue;
        }
        // Of one whose status nobody changes every answer is a yes.
        let steps = all.entry(entity).or_default();
        let mut from = entry.invoked.saturating_sub(LEASE);
        if said.yes {
            let told =
                suspended.get(&entity).into_iter().flatten().filter(|told| **told < entry.invoked).max();
            from = told.map_or(from, |told| from.max(told + 1));
        }
        steps.certain.push(Step { from, until: entry.completed, act: Act::Saw(said.yes) });
    }
    all
}

/// When suspensions were acknowledged, by entity.
fn suspended(history: &[Entry]) -> BTreeMap<u32, Vec<Micros>> {
    let mut all: BTreeMap<u32, Vec<Micros>> = BTreeMap::new();
    for entry in history.iter().filter(|entry| entry.is_done()) {
        if let Op::Set { entity, active: false } = entry.op {
            all.entry(entity).or_default().push(entry.completed);
        }
    }
    all
}

/// Whether some order of the steps explains what was seen, of a register that begins with `true`.
fn is_register(steps: &Steps) -> Result<bool, Tangled> {
    if steps.open.len() > u64::BITS as usize {
        return Err(Tangled);
    }
    let mut tried = HashSet::new();
    let mut ahead = vec![State { base: 0, ahead: Taken::default(), open: 0, value: true }];
    while let Some(state) = ahead.pop() {
        let Some(state) = settled(steps, state)? else { return Ok(true) };
        if tried.insert(state) {
            ahead.extend(branches(steps, &state));
        }
    }
    Ok(false)
}

/// Takes every read that fits now, since it changes nothing; none when nothing certain is left.
fn settled(steps: &Steps, mut state: State) -> Result<Option<State>, Tangled> {
    loop {
        while state.ahead.has(0) {
            state.base += 1;
            state.ahead.shift();
        }
        if state.base >= steps.certain.len() {
            return Ok(None);
        }
        let (_, next) = candidates(steps, &state)?;
        let fits = next.into_iter().find(|n| steps.certain[state.base + n].act == Act::Saw(state.value));
        let Some(fits) = fits else { return Ok(Some(state)) };
        state.ahead = state.ahead.with(fits);
    }
}

/// Places, from `base` on, of the steps that may be next: they began before any other ended. And when the first ends.
fn candidates(steps: &Steps, state: &State) -> Result<(Micros, Vec<usize>), Tangled> {
    let (mut first_end, mut open) = (Micros::MAX, Vec::new());
    for (place, step) in steps.certain[state.base..].iter().enumerate() {
        if step.from > first_end {
            break;
        }
        if place >= Taken::MOST {
            return Err(Tangled);
        }
        if !state.ahead.has(place) {
            first_end = first_end.min(step.until);
            open.push(place);
        }
    }
    open.retain(|place| steps.certain[state.base + place].from <= first_end);
    Ok((first_end, open))
}

/// What each change that may be next leads to.
fn branches(steps: &Steps, state: &State) -> Vec<State> {
    let Ok((first_end, next)) = candidates(steps, state) else { return Vec::new() };
    let certain = next.into_iter().filter_map(|place| match steps.certain[state.base + place].act {
        Act::Set(value) => Some(State { ahead: state.ahead.with(place), value, ..*state }),
        Act::Saw(_) => None,
    });
    let open = steps.open.iter().enumerate().filter_map(|(place, step)| match step.act {
        // One that changes nothing now may as well not have happened.
        Act::Set(value)
            if value != state.value && step.from <= first_end && (state.open >> place) & 1 == 0 =>
        {
            Some(State { open: state.open | (1 << place), value, ..*state })
        }
        _ => None,
    });
    certain.chain(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn set(from: Micros, until: Micros, value: bool) -> Step {
        Step { from, until, act: Act::Set(value) }
    }
    const fn saw(from: Micros, until: Micros, value: bool) -> Step {
        Step { from, until, act: Act::Saw(value) }
    }
    fn holds(certain: &[Step], open: &[Step]) -> Result<bool, Tangled> {
        let mut certain = certain.to_vec();
        certain.sort_by_key(|step| step.from);
        is_register(&Steps { certain, open: open.to_vec() })
    }

    #[test]
    fn what_a_register_may_show_is_taken() {
        assert_eq!(holds(&[], &[]), Ok(true));
        assert_eq!(holds(&[saw(0, 1, true)], &[]), Ok(true));
        // During a change either is seen, and both one after the other.
        let change = set(10, 20, false);
        assert_eq!(
            holds(&[change, saw(11, 12, true), saw(13, 14, false), saw(21, 22, false)], &[]),
            Ok(true)
        );
        // Two changes at once, in the order that the reads need.
        let both = [set(0, 10, false), set(0, 10, true), saw(11, 12, false)];
        assert_eq!(holds(&both, &[]), Ok(true));
    }

    #[test]
    fn what_no_register_can_show_is_refused() {
        assert_eq!(holds(&[saw(0, 1, false)], &[]), Ok(false), "never set");
        assert_eq!(holds(&[set(0, 10, false), saw(11, 12, true)], &[]), Ok(false), "stale");
        let back = [set(0, 100, false), saw(10, 20, false), saw(30, 40, true)];
        assert_eq!(holds(&back, &[]), Ok(false), "the old value after the new one");
        let both = [set(0, 10, false), set(0, 10, true), saw(11, 12, false), saw(13, 14, true)];
        assert_eq!(holds(&both, &[]), Ok(false), "one of two changes won");
    }

    #[test]
    fn an_open_change_may_happen_late_or_never_but_once() {
        let open = [set(0, 10, false)];
        assert_eq!(holds(&[saw(11, 12, true), saw(20, 21, false)], &open), Ok(true), "late");
        assert_eq!(holds(&[saw(11, 12, true), saw(20, 21, true)], &open), Ok(true), "never");
        assert_eq!(holds(&[saw(11, 12, false), saw(20, 21, true)], &open), Ok(false), "not undone by itself");
        let twice = [saw(1, 2, false), set(3, 4, true), saw(5, 6, false)];
        assert_eq!(holds(&twice, &open), Ok(false), "once");
        assert_eq!(holds(&[saw(1, 2, false)], &[set(3, 4, false)]), Ok(false), "not before it was sent");
    }

    #[test]
    fn a_long_history_is_decided_and_one_fault_in_it_found() {
        let mut steps = Vec::new();
        for n in 0..2_000_u64 {
            let value = n % 2 == 1;
            steps.push(set(n * 100, n * 100 + 30, value));
            steps.extend((0..5).map(|r| saw(n * 100 + 31 + r, n * 100 + 60 + r, value)));
        }
        assert_eq!(holds(&steps, &[]), Ok(true));
        steps.push(saw(150_070, 150_080, false));
        steps.push(saw(150_090, 150_095, true));
        assert_eq!(holds(&steps, &[]), Ok(false));
    }

    #[test]
    fn a_change_that_lasts_across_many_answers_is_decided() {
        let answers =
            |value, from: Micros| (0..1_000).map(move |n| saw(from + n * 2, from + n * 2 + 1, value));
        let mut steps: Vec<Step> = answers(true, 10).chain(answers(false, 2_010)).collect();
        steps.push(set(5, 4_500, false));
        assert_eq!(holds(&steps, &[]), Ok(true));
        steps.push(saw(4_100, 4_101, true));
        assert_eq!(holds(&steps, &[]), Ok(false), "the old value after the new one");
    }

    #[test]
    fn more_at_once_than_can_be_told_apart_is_not_called_good() {
        let many: Vec<Step> = (0..3_000).map(|n| set(n, 10_000, n % 2 == 0)).collect();
        assert_eq!(holds(&many, &[]), Err(Tangled));
        assert_eq!(holds(&[], &many), Err(Tangled));
    }
}
