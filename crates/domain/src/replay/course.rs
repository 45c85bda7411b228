//! The states of one target as points in time: from each instant on, until the next.

use crate::{
    Interval, Timestamp,
    event::StatusChanged,
    status::{State, Status},
};

/// In order of time; `ACTIVE` before the first.
#[derive(Debug, Default)]
pub(super) struct Course(Vec<(Timestamp, State)>);

impl Course {
    /// What was decided last holds from its instant on, whatever was recorded for later instants before. When it
    /// lapses, the course goes on as it was.
    pub(super) fn turn(&mut self, change: &StatusChanged, recorded_at: Timestamp) {
        let from = change.starts(recorded_at);
        let resumed = match change.lapses_at {
            Some(lapse) if lapse <= from => return,
            Some(lapse) => self.after(lapse),
            None => Vec::new(),
        };
        self.0.retain(|(t, _)| *t < from);
        self.0.push((from, change.state));
        self.0.extend(resumed);
    }

    /// The course from `at` on.
    fn after(&self, at: Timestamp) -> Vec<(Timestamp, State)> {
        let state = self.0.iter().rfind(|(t, _)| *t <= at).map_or(State::Active, |(_, state)| *state);
        let later = self.0.iter().filter(|(t, _)| *t > at).copied();
        std::iter::once((at, state)).chain(later).collect()
    }

    pub(super) fn statuses(&self) -> Vec<Status> {
        let ends = self.0.iter().skip(1).map(|(t, _)| Some(*t)).chain([None]);
        let spans = self.0.iter().zip(ends).filter(|((_, state), _)| *state != State::Active);
        spans
            .map(|((from, state), until)| Status {
                state: *state,
                effective: Interval { from: Some(*from), until },
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::TargetKind;

    /// Turns a course by (from, until, state) and renders it as (state, from, until).
    fn turned(changes: &[(i64, Option<i64>, State)]) -> Vec<(State, i64, Option<i64>)> {
        let mut course = Course::default();
        for (from, until, state) in changes {
            let (id, reason, from) = ("1".to_owned(), "R".to_owned(), Timestamp::from_secs(*from));
            let plain = StatusChanged::plain(TargetKind::Entity, id, *state, from, reason);
            let change = StatusChanged { lapses_at: until.map(Timestamp::from_secs), ..plain };
            course.turn(&change, Timestamp::from_secs(0));
        }
        let secs = |t: Timestamp| t.secs();
        let span = |s: &Status| {
            (s.state, s.effective.from.map(secs).expect("a course begins"), s.effective.until.map(secs))
        };
        course.statuses().iter().map(span).collect()
    }

    #[test]
    fn a_lapse_lets_the_course_go_on_as_it_was() {
        use State::{Active, Ended, Revoked, Suspended};
        assert_eq!(turned(&[(10, Some(20), Suspended)]), [(Suspended, 10, Some(20))]);
        assert_eq!(
            turned(&[(5, None, Ended), (10, Some(20), Suspended)]),
            [(Ended, 5, Some(10)), (Suspended, 10, Some(20)), (Ended, 20, None)]
        );
        assert_eq!(
            turned(&[(15, None, Ended), (30, None, Revoked), (10, Some(20), Suspended)]),
            [(Suspended, 10, Some(20)), (Ended, 20, Some(30)), (Revoked, 30, None)]
        );
        assert_eq!(
            turned(&[(20, None, Ended), (10, Some(20), Suspended)]),
            [(Suspended, 10, Some(20)), (Ended, 20, None)]
        );
        assert_eq!(
            turned(&[(5, None, Suspended), (10, Some(20), Active)]),
            [(Suspended, 5, Some(10)), (Suspended, 20, None)]
        );
        assert_eq!(
            turned(&[(10, Some(20), Suspended), (15, None, Suspended)]),
            [(Suspended, 10, Some(15)), (Suspended, 15, None)]
        );
        assert_eq!(turned(&[(10, Some(10), Suspended)]), []);
    }
}
