//! A registry that has registered nobody, as one that only delegates, knows the same of everybody: whether there is such
//! an action and such a resource. That is remembered until it changes, and PostgreSQL is not asked for each name.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use charter_domain::{Action, Kind, Query, Resource, fact::Facts};

/// Actions with resources that are remembered of one registry; whoever asks for more begins anew.
const MOST: usize = 1_000;

type Terms = (Kind, Action, Resource);

/// What one registry knows of whom it has not registered.
#[derive(Default)]
pub(super) struct Strangers(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Unknown,
    /// It has registered nobody up to this epoch.
    Nobody { epoch: i64, facts: HashMap<Terms, Facts> },
    /// Which it never forgets.
    Somebody,
}

impl Strangers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of anybody, where nobody is registered: in a registry that stands at `now`.
    pub fn facts(&self, query: &Query, now: i64) -> Option<Facts> {
        match &*self.state() {
            State::Nobody { epoch, facts } if *epoch == now => facts.get(&terms(query)).cloned(),
            _ => None,
        }
    }

    /// Whether it has to be asked if anybody is registered at all, for what was found of a stranger to be remembered.
    pub fn is_open(&self, now: i64) -> bool {
        match &*self.state() {
            State::Nobody { epoch, .. } => *epoch != now,
            State::Unknown => true,
            State::Somebody => false,
        }
    }

    /// At `epoch` nobody was registered, or somebody was.
    pub fn learn(&self, epoch: i64, nobody: bool) {
        let mut state = self.state();
        match &*state {
            State::Somebody => {}
            State::Nobody { epoch: known, .. } if nobody && *known >= epoch => {}
            _ if nobody => *state = State::Nobody { epoch, facts: HashMap::new() },
            _ => *state = State::Somebody,
        }
    }

    /// What was found of a stranger.
    pub fn put(&self, query: &Query, found: &Facts) {
        if let State::Nobody { epoch, facts } = &mut *self.state()
            && *epoch == found.epoch
        {
            if facts.len() >= MOST {
                facts.clear();
            }
            facts.insert(terms(query), found.clone());
        }
    }
}

fn terms(query: &Query) -> Terms {
    (query.kind, query.action.clone(), query.resource.clone())
}

#[cfg(test)]
mod tests {
    use charter_domain::Context;

    use super::*;

    fn query(entity: &str) -> Query {
        let terms = ("did:web:root.example", entity, "issue", "Degree");
        Query::parse(Kind::Authorization, terms, Context::default()).expect("a question")
    }

    fn stranger(epoch: i64) -> Facts {
        Facts { epoch, known_action: true, ..Facts::default() }
    }

    #[test]
    fn of_one_stranger_is_known_what_is_known_of_the_other_until_the_epoch_moves() {
        let (strangers, one, other) = (Strangers::default(), query("did:web:a"), query("did:web:b"));
        strangers.put(&one, &stranger(3));
        assert_eq!(strangers.facts(&one, 3), None, "nobody said that it has registered nobody");
        assert!(strangers.is_open(3));
        strangers.learn(3, true);
        strangers.put(&one, &stranger(3));
        assert_eq!(strangers.facts(&other, 3), Some(stranger(3)));
        assert!(!strangers.is_open(3));
        assert_eq!(strangers.facts(&other, 4), None);
        assert!(strangers.is_open(4));
        strangers.put(&one, &stranger(4));
        assert_eq!(strangers.facts(&one, 4), None, "somebody may have been registered by then");
        strangers.learn(4, true);
        strangers.put(&one, &stranger(3));
        strangers.learn(3, true);
        assert_eq!(strangers.facts(&one, 4), None, "found before");
        assert_eq!(strangers.facts(&one, 3), None);
    }

    #[test]
    fn who_has_registered_somebody_is_asked_for_everybody() {
        let (strangers, one) = (Strangers::default(), query("did:web:a"));
        strangers.learn(3, false);
        strangers.learn(3, true);
        strangers.put(&one, &stranger(3));
        assert_eq!(strangers.facts(&one, 3), None);
        assert!(!strangers.is_open(3));
    }
}
