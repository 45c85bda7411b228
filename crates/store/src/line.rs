//! Who waits for which registry, and the one who leads there: takes the next few, carries them out, until nobody waits.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use charter_domain::RegistryId;

use crate::Error;

/// Those that wait for one registry.
const MOST: usize = 1_024;

type Waiting<W> = HashMap<RegistryId, VecDeque<W>>;

/// Those that wait, by registry. INVARIANT: a registry that is here has somebody who leads.
pub struct Lines<W>(Arc<Mutex<Waiting<W>>>);

/// What becomes of the next in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It goes with those taken before it.
    Comes,
    /// Nobody waits for it any more.
    Left,
    /// It leads those of the next turn.
    Waits,
}

/// Whoever leads a line, to its end. Where this ends before (the program stops), who waits is let go.
pub struct Lead<W> {
    lines: Lines<W>,
    registry: RegistryId,
    over: bool,
}

impl<W> Default for Lines<W> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> Lines<W> {
    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one at the end. Whoever is given the lead has to take it until the line ends.
    ///
    /// # Errors
    /// `Unavailable` when too many wait.
    pub fn push(&self, registry: RegistryId, waiting: W) -> Result<Option<Lead<W>>, Error> {
        let mut lines = self.lock();
        let leads = !lines.contains_key(&registry);
        let line = lines.entry(registry).or_default();
        if line.len() >= MOST {
            return Err(Error::Unavailable(format!("{MOST} changes wait for this registry")));
        }
        line.push_back(waiting);
        Ok(leads.then(|| Lead { lines: self.clone(), registry, over: false }))
    }
}

impl<W> Lead<W> {
    /// The next that go together, as `turn` says of one after the other. Without one the line ends.
    pub fn next(&mut self, mut turn: impl FnMut(&W) -> Turn) -> Option<Vec<W>> {
        let mut lines = self.lines.lock();
        let line = lines.get_mut(&self.registry)?;
        let mut taken = Vec::new();
        while let Some(next) = line.pop_front() {
            match turn(&next) {
                Turn::Comes => taken.push(next),
                Turn::Left => {}
                Turn::Waits => {
                    line.push_front(next);
                    break;
                }
            }
        }
        if taken.is_empty() {
            lines.remove(&self.registry);
            self.over = true;
            return None;
        }
        Some(taken)
    }

    /// Puts those whose turn did not come before all others, in their order.
    pub fn back(&self, rest: impl DoubleEndedIterator<Item = W>) {
        if let Some(line) = self.lines.lock().get_mut(&self.registry) {
            rest.rev().for_each(|waiting| line.push_front(waiting));
        }
    }
}

impl<W> Drop for Lead<W> {
    fn drop(&mut self) {
        if !self.over {
            self.lines.lock().remove(&self.registry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: RegistryId = RegistryId(1);

    /// Three at a time; odd ones have left.
    fn three(lead: &mut Lead<usize>) -> Option<Vec<usize>> {
        let mut room = 3;
        lead.next(|n| match (room, n % 2) {
            (0, _) => Turn::Waits,
            (_, 1) => Turn::Left,
            _ => {
                room -= 1;
                Turn::Comes
            }
        })
    }

    #[test]
    fn a_line_is_bounded_leaves_out_who_left_and_ends_with_the_last() {
        let lines = Lines::default();
        let mut lead = lines.push(HERE, 0).expect("room").expect("the first leads");
        for n in 1..MOST {
            assert!(lines.push(HERE, n).expect("room").is_none());
        }
        assert!(matches!(lines.push(HERE, 0), Err(Error::Unavailable(_))));
        assert!(lines.push(RegistryId(2), 0).expect("room").is_some(), "another registry has its own");
        assert_eq!(three(&mut lead), Some(vec![0, 2, 4]));
        lead.back([2, 4].into_iter());
        let mut all = Vec::new();
        while let Some(taken) = three(&mut lead) {
            all.extend(taken);
        }
        assert_eq!(all, (2..MOST).step_by(2).collect::<Vec<_>>());
        assert!(lines.push(HERE, 0).expect("room").is_some(), "and somebody leads anew");
    }

    #[test]
    fn who_stops_leading_lets_go_of_all_who_wait() {
        let lines = Lines::default();
        let lead = lines.push(HERE, Arc::new(())).expect("room");
        let waiting = Arc::new(());
        assert!(lines.push(HERE, Arc::clone(&waiting)).expect("room").is_none());
        drop(lead);
        assert_eq!(Arc::strong_count(&waiting), 1);
        assert!(lines.push(HERE, waiting).expect("room").is_some());
    }
}
