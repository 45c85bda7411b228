//! Points at which a step of the sequencer can be made to fail, before it is done or after: what a test sets on the logs
//! of its own process. Nothing outside a test sets any.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A step that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    TakeLock,
    LoadHead,
    ReadFile,
    ReadEdge,
    ReadLeaves,
    Advance,
    Sign,
    Cosign,
    Quorum,
    Push,
    WriteFile,
    PublishRow,
    Tell,
}

impl Point {
    pub const ALL: [Self; 13] = [
        Self::TakeLock,
        Self::LoadHead,
        Self::ReadFile,
        Self::ReadEdge,
        Self::ReadLeaves,
        Self::Advance,
        Self::Sign,
        Self::Cosign,
        Self::Quorum,
        Self::Push,
        Self::WriteFile,
        Self::PublishRow,
        Self::Tell,
    ];
}

/// When it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It is not done.
    Before,
    /// It is done, and reported as failed.
    After,
}

/// A failure that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} was made to fail")]
pub struct Injected(pub Point);

#[derive(Debug, Clone, Copy)]
struct Armed {
    when: When,
    /// Passes before it fails.
    skip: u32,
    /// Failures left.
    times: u32,
    /// Failures so far.
    failed: u32,
}

/// Which points fail.
#[derive(Debug, Default)]
pub struct Faults {
    any: AtomicBool,
    armed: Mutex<HashMap<Point, Armed>>,
}

impl Faults {
    /// Lets a point fail `times` times, after it was passed `skip` times.
    pub fn set(&self, point: Point, when: When, skip: u32, times: u32) {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.insert(point, Armed { when, skip, times, failed: 0 });
        self.any.store(true, Ordering::SeqCst);
    }

    /// Lets everything pass again.
    pub fn clear(&self) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.any.store(false, Ordering::SeqCst);
    }

    /// How often a point has failed since it was set.
    pub fn failed(&self, point: Point) -> u32 {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.get(&point).map_or(0, |armed| armed.failed)
    }

    /// Does a step, unless it is to fail.
    pub(crate) async fn at<T, E: From<Injected>>(
        &self,
        point: Point,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let fails = if self.any.load(Ordering::SeqCst) { self.passes(point) } else { None };
        match fails {
            None => step.await,
            Some(When::Before) => Err(Injected(point).into()),
            Some(When::After) => {
                step.await?;
                Err(Injected(point).into())
            }
        }
    }

    fn passes(&self, point: Point) -> Option<When> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let armed = armed.get_mut(&point)?;
        if armed.skip > 0 {
            armed.skip -= 1;
            return None;
        }
        if armed.times == 0 {
            return None;
        }
        armed.times -= 1;
        armed.failed += 1;
        Some(armed.when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_point_fails_when_it_was_asked_to_and_as_often() {
        let (faults, done) = (Faults::default(), std::cell::Cell::new(0));
        let step = || {
            faults.at(Point::Advance, async {
                done.set(done.get() + 1);
                Ok::<(), Injected>(())
            })
        };
        step().await.expect("nothing was asked for");
        faults.set(Point::Advance, When::After, 1, 1);
        step().await.expect("the first is let through");
        assert_eq!(step().await, Err(Injected(Point::Advance)));
        assert_eq!(done.get(), 3, "it was done all the same");
        assert_eq!(faults.failed(Point::Advance), 1);
        faults.set(Point::Advance, When::Before, 0, 1);
        assert_eq!(step().await, Err(Injected(Point::Advance)));
        assert_eq!(done.get(), 3);
        step().await.expect("as often as asked, and no more");
    }
}
