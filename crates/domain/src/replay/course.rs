//! The states of one target as points in time: from each instant on, until the next.

use crate::{
    Interval, Timestamp,
    event::{CourtRuled, StatusChanged},
    procedure::Ruling,
    status::{State, Status},
};

/// What was said of one target, in the order in which it was said; `ACTIVE` before the first.
#[derive(Debug, Default)]
pub(super) struct Course(Vec<Word>);

/// One change of state: all of the time that it was for, and the part that courts left of it.
#[derive(Debug)]
struct Word {
    seq: i64,
    state: State,
    span: Interval,
    left: Vec<Interval>,
}

/// Instants and the state from each of them on, in order of time.
type Points = Vec<(Timestamp, State)>;

impl Course {
    /// What was decided last holds from its instant on, whatever was recorded for later instants before. When it
    /// lapses, the course goes on as it was.
    pub(super) fn turn(&mut self, seq: i64, change: &StatusChanged, recorded_at: Timestamp) {
        let from = change.starts(recorded_at);
        if change.lapses_at.is_some_and(|lapse| lapse <= from) {
            return;
        }
        let span = Interval { from: Some(from), until: change.lapses_at };
        self.0.push(Word { seq, state: change.state, span, left: vec![span] });
    }

    /// What a court says takes effect from its instant on, and leaves the rest of the course as if the decision had
    /// not been made for that time.
    pub(super) fn rule(&mut self, ruled: &CourtRuled) {
        let Some(word) = self.0.iter_mut().find(|w| w.seq == ruled.decision) else { return };
        let onwards = Interval { from: Some(ruled.from), until: None };
        word.left = word.left.iter().flat_map(|part| part.without(&onwards)).collect();
        if ruled.ruling == Ruling::StayLifted {
            match (word.left.last_mut(), word.span.intersect(&onwards)) {
                (Some(last), Some(again)) if last.until == again.from => last.until = again.until,
                (_, again) => word.left.extend(again),
            }
        }
    }

    pub(super) fn statuses(&self) -> Vec<Status> {
        let parts = self.0.iter().flat_map(|w| w.left.iter().map(|part| (*part, w.state)));
        let points = parts.fold(Vec::new(), |points, (part, state)| turned(points, part, state));
        let ends = points.iter().skip(1).map(|(t, _)| Some(*t)).chain([None]);
        let spans = points.iter().zip(ends).filter(|((_, state), _)| *state != State::Active);
        spans
            .map(|((from, state), until)| Status {
                state: *state,
                effective: Interval { from: Some(*from), until },
            })
            .collect()
    }
}

fn turned(mut points: Points, part: Interval, state: State) -> Points {
    let from = part.from.unwrap_or(Timestamp::BEGINNING);
    let resumed = part.until.map_or_else(Vec::new, |until| after(&points, until));
    points.retain(|(t, _)| *t < from);
    points.push((from, state));
    points.extend(resumed);
    points
}

/// The course from `at` on.
fn after(points: &Points, at: Timestamp) -> Points {
    let state = points.iter().rfind(|(t, _)| *t <= at).map_or(State::Active, |(_, state)| *state);
    let later = points.iter().filter(|(t, _)| *t > at).copied();
    std::iter::once((at, state)).chain(later).collect()
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
            course.turn(1, &change, Timestamp::from_secs(0));
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

    #[test]
    fn what_a_court_sets_aside_leaves_the_course_as_it_was_without() {
        use State::{Revoked, Suspended};
        let word = |from, state| {
            let from = Timestamp::from_secs(from);
            StatusChanged::plain(TargetKind::Entity, "1".to_owned(), state, from, "R".to_owned())
        };
        let ruled = |ruling, from| CourtRuled {
            decision: 2,
            target: TargetKind::Entity,
            target_id: "1".to_owned(),
            entity_id: None,
            ruling,
            court: "Court".to_owned(),
            case_number: "1/26".to_owned(),
            from: Timestamp::from_secs(from),
        };
        let said = |rulings: &[(Ruling, i64)]| {
            let mut course = Course::default();
            course.turn(1, &word(5, Suspended), Timestamp::from_secs(0));
            course.turn(2, &word(10, Revoked), Timestamp::from_secs(0));
            rulings.iter().for_each(|(ruling, from)| course.rule(&ruled(*ruling, *from)));
            let from = |s: &Status| (s.state, s.effective.from.map(Timestamp::secs));
            course.statuses().iter().map(from).collect::<Vec<_>>()
        };
        let (five, ten) = ((Suspended, Some(5)), (Revoked, Some(10)));
        assert_eq!(said(&[]), [five, ten]);
        assert_eq!(said(&[(Ruling::Overturned, 0)]), [five]);
        assert_eq!(said(&[(Ruling::Stayed, 20)]), [five, ten, (Suspended, Some(20))]);
        let lifted = [(Ruling::Stayed, 20), (Ruling::StayLifted, 30)];
        assert_eq!(said(&lifted), [five, ten, (Suspended, Some(20)), (Revoked, Some(30))]);
        assert_eq!(said(&[(Ruling::Stayed, 8), (Ruling::StayLifted, 9)]), [five, ten]);
    }
}
