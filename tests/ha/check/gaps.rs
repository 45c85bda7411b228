//! How long clients went without what they wanted.

use crate::history::{Entry, Micros};

/// The longest time between two completions, and before the first and after the last, within a span.
pub fn longest(completed: impl Iterator<Item = Micros>, (from, until): (Micros, Micros)) -> Micros {
    let mut times: Vec<Micros> = completed.filter(|at| (from..=until).contains(at)).collect();
    times.extend([from, until]);
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// When the entries that were acknowledged or answered, and that `which` takes, were.
pub fn done<'a>(
    history: &'a [Entry],
    which: impl Fn(&Entry) -> bool + 'a,
) -> impl Iterator<Item = Micros> + 'a {
    history.iter().filter(move |entry| entry.is_done() && which(entry)).map(|entry| entry.completed)
}

/// The latency that so many of a thousand questions within a span did not exceed, from when they were due; 0 of none.
pub fn latency(history: &[Entry], per_mille: usize, (from, until): (Micros, Micros)) -> Micros {
    let asked = history.iter().filter(|e| e.is_done() && !e.op.is_write() && (from..=until).contains(&e.due));
    let mut all: Vec<Micros> = asked.map(|entry| entry.completed.saturating_sub(entry.due)).collect();
    all.sort_unstable();
    let at = (all.len() * per_mille / 1_000).min(all.len().saturating_sub(1));
    all.get(at).copied().unwrap_or(0)
}
