//! Events are the truth: what the tables answer is what a replay of the events answers.

use std::{collections::BTreeMap, time::Duration};

use charter_domain::{
    AuthorityId, Context, Kind, Query, Timestamp, decide,
    event::{Change, CourtRuled, StatusChanged},
    procedure::Ruling,
    record::{RawAccreditation, RawAuthorization, RawRecord, Record},
    replay,
    status::{State, TargetKind},
    time::Clock,
};
use charter_store::Question;

use crate::{
    kept::{Dice, Kept, raw},
    replay::change::{ALIAS, Held},
};

mod change;

const HISTORIES: u64 = 200;
/// Instants that anything happens at: few, so that much happens at the same one.
const DAYS: u64 = 20;
const STATES: [State; 4] = [State::Active, State::Ended, State::Suspended, State::Revoked];

/// A history under way.
struct History {
    dice: Dice,
    start: Timestamp,
}

impl History {
    /// Around the present, past and future.
    fn day(&mut self) -> Timestamp {
        let days = self.dice.below(DAYS);
        self.start.plus(Duration::from_secs(days * 86_400))
    }
    /// An instant or, mostly, none: the ways in which an interval may be open.
    fn bounds(&mut self) -> (String, String) {
        let (a, b) = (self.day(), self.day());
        let (from, until) = (a.min(b), a.max(b).plus(Duration::from_secs(3_600)));
        match self.dice.below(4) {
            0 => (from.to_string(), until.to_string()),
            1 => (from.to_string(), String::new()),
            2 => (String::new(), until.to_string()),
            _ => (String::new(), String::new()),
        }
    }

    fn record(&mut self, name: &str) -> Record {
        let mut record = RawRecord { authorizations: vec![], ..raw(name) };
        if self.dice.below(2) == 0 {
            let (valid_from, valid_until) = self.bounds();
            let body = "Ministry".to_owned();
            record.accreditation =
                Some(RawAccreditation { body, valid_from, valid_until, ..RawAccreditation::default() });
        }
        for (kind, resource) in [("", "Degree"), ("", "Diploma"), ("recognition", "Degree")] {
            let (valid_from, valid_until) = self.bounds();
            let statement = RawAuthorization {
                kind: kind.to_owned(),
                action: "issue".to_owned(),
                resource: resource.to_owned(),
                valid_from,
                valid_until,
                ..RawAuthorization::default()
            };
            if self.dice.below(3) > 0 {
                record.authorizations.push(statement);
            }
        }
        Record::parse(record).expect("a record")
    }

    fn ruling(&mut self, decisions: &[(i64, StatusChanged)]) -> Change {
        let (decision, of) = self.dice.pick(decisions).clone();
        let ab_initio = self.dice.below(6) == 0;
        Change::CourtRuled(CourtRuled {
            decision,
            target: of.target,
            target_id: of.target_id,
            entity_id: None,
            ruling: *self.dice.pick(&Ruling::ALL),
            court: "Court".to_owned(),
            case_number: "1/26".to_owned(),
            from: if ab_initio { Timestamp::BEGINNING } else { self.day() },
        })
    }

    /// A state of something that exists; from the beginning of time, the past, or the future.
    fn status(&mut self, targets: &[(TargetKind, String)]) -> Change {
        let (target, target_id) = self.dice.pick(targets).clone();
        let ab_initio = self.dice.below(8) == 0;
        let state = *self.dice.pick(&STATES);
        let from = if ab_initio { Timestamp::BEGINNING } else { self.day() };
        let lapses = state != State::Active && self.dice.below(4) == 0;
        Change::StatusChanged(StatusChanged {
            // Left out, it is from when it is recorded on.
            effective_from: Some(from).filter(|_| lapses || self.dice.below(4) > 0),
            lapses_at: lapses.then(|| from.plus(Duration::from_secs(86_400 * (1 + self.dice.below(9))))),
            ..StatusChanged::plain(target, target_id, state, from, "AT_RANDOM".to_owned())
        })
    }
}

/// Changes of state, by the number of their event.
fn decisions(events: &[replay::Recorded]) -> Vec<(i64, StatusChanged)> {
    let decision = |e: &replay::Recorded| match &e.change {
        Change::StatusChanged(s) => Some((e.seq, s.clone())),
        _ => None,
    };
    events.iter().filter_map(decision).collect()
}

fn targets(events: &[replay::Recorded]) -> Vec<(TargetKind, String)> {
    let target = |e: &replay::Recorded| match &e.change {
        Change::EntityRegistered(c) => Some((TargetKind::Entity, c.entity_id.to_string())),
        Change::AccreditationGranted(c) => Some((TargetKind::Accreditation, c.accreditation_id.to_string())),
        Change::StatementMade(_) => Some((TargetKind::Statement, e.seq.to_string())),
        _ => None,
    };
    events.iter().filter_map(target).collect()
}

/// What kinds of change there were, and of which effect in time.
fn tally(events: &[replay::Recorded], seen: &mut BTreeMap<&'static str, u32>) {
    for event in events {
        let effect = match &event.change {
            Change::StatusChanged(s) if s.lapses_at.is_some() => "lapses",
            Change::StatusChanged(s) if s.starts(event.recorded_at) > event.recorded_at => "in the future",
            Change::StatusChanged(s) if s.starts(event.recorded_at) < event.recorded_at => "reaches back",
            Change::StatementMade(s) if s.begins_when_recorded => "begins when recorded",
            change => change.kind(),
        };
        *seen.entry(effect).or_default() += 1;
    }
}

#[tokio::test]
async fn twelve_thousand_random_comparisons_of_tables_and_replay_agree() {
    let kept = Kept::new().await;
    let (mut compared, mut seen) = (0, BTreeMap::new());
    for seed in 0..HISTORIES {
        let (registry, permit) = kept.registry(&format!("h{seed}")).await;
        let start = kept.clock.now().minus(Duration::from_secs(DAYS / 2 * 86_400));
        let mut history = History { dice: Dice::new(seed), start };
        let records = vec![history.record("did:web:a.example"), history.record("did:web:b.example")];
        kept.load(&permit, records).await;
        let mut held = Held::of(&kept.events(registry.id).await);
        for _ in 0..history.dice.below(6) {
            // Several changes in one transaction are projected together; one by one must come to the same.
            let drawn = 0..=history.dice.below(4);
            let now = kept.clock.now();
            let run: Vec<Change> = drawn.flat_map(|_| history.drawn(&mut held, now)).collect();
            let permit = permit.clone();
            let written = kept.store.write("test.run", registry.id, move |tx| tx.record(&permit, &run));
            written.await.expect("recorded");
            kept.clock.advance(Duration::from_secs(3_600 * history.dice.below(30)));
        }
        for _ in 0..history.dice.below(4) {
            // What a court says is recorded alone.
            let decided = decisions(&kept.events(registry.id).await);
            if decided.is_empty() {
                break;
            }
            for change in [history.ruling(&decided), history.status(&held.targets())] {
                let (permit, change) = (permit.clone(), [change]);
                let written =
                    kept.store.write("test.ruling", registry.id, move |tx| tx.record(&permit, &change));
                written.await.expect("recorded");
            }
        }
        let events = kept.events(registry.id).await;
        tally(&events, &mut seen);
        for _ in 0..12 {
            let dice = &mut history.dice;
            let last = events.len() as u64;
            let known_at = (dice.below(2) == 0).then(|| i64::try_from(dice.below(last + 1)).expect("small"));
            let entity =
                *dice.pick(&["did:web:a.example", "did:web:b.example", ALIAS, "did:web:none.example"]);
            let kind = *dice.pick(&[Kind::Authorization, Kind::Authorization, Kind::Recognition]);
            let resource = *dice.pick(&["Degree", "Degree", "Diploma", "Licence"]);
            let terms = (registry.authority.as_str(), entity, "issue", resource);
            let query = Query::parse(kind, terms, Context { known_at, ..Context::default() });
            let query = query.expect("a question");
            let asked = Question { registry: registry.id, kind, entity, action: "issue", resource, known_at };
            let mut held = kept.store.facts(asked).await.expect("facts");
            held.statements.sort_by_key(|s| s.id);
            let replayed = replay::facts(&events, &query);
            assert_eq!(held, replayed, "history {seed}: {query:?}");
            for _ in 0..5 {
                let at = history.day().plus(Duration::from_secs(history.dice.below(2) * 1_800));
                let (held, replayed) = (decide(&query, &held, at), decide(&query, &replayed, at));
                assert_eq!(held.reason, replayed.reason, "history {seed} at {at}: {query:?}");
                compared += 1;
            }
        }
    }
    println!("{compared} comparisons; {seen:?}");
    assert_eq!(compared, 12_000);
    for kind in [
        "EntityCorrected",
        "AccreditationCorrected",
        "Renewed",
        "begins when recorded",
        "lapses",
        "in the future",
        "reaches back",
        "CourtRuled",
    ] {
        assert!(seen.get(kind).is_some_and(|n| *n >= 50), "{kind} in {seen:?}");
    }
}

/// Reinstated, an entity answers yes again; what was true between stays true of the time between.
#[tokio::test]
async fn a_reinstatement_ends_a_suspension_and_rewrites_nothing() {
    let kept = Kept::new().await;
    let (registry, permit) = kept.registry("one").await;
    kept.load(&permit, vec![crate::kept::record("did:web:a.example")]).await;
    let entity = targets(&kept.events(registry.id).await).remove(0);
    let now = kept.clock.now();
    let hour = Duration::from_secs(3_600);
    for (state, from) in [(State::Suspended, now), (State::Active, now.plus(hour))] {
        let plain = StatusChanged::plain(entity.0, entity.1.clone(), state, from, "R".to_owned());
        let changed = Change::StatusChanged(plain);
        let permit = permit.clone();
        let changes = [changed];
        let written = kept.store.write("test.status", registry.id, move |tx| tx.record(&permit, &changes));
        written.await.expect("recorded");
    }
    let authority: &AuthorityId = &registry.authority;
    let terms = (authority.as_str(), "did:web:a.example", "issue", "Degree");
    let query = Query::parse(Kind::Authorization, terms, Context::default()).expect("a question");
    let facts = kept.store.facts(crate::kept::question(registry.id, "did:web:a.example")).await;
    let facts = facts.expect("facts");
    let reason = |at| decide(&query, &facts, at).reason.code();
    let second = Duration::from_secs(1);
    let reasons = [now.minus(second), now, now.plus(hour).minus(second), now.plus(hour)].map(reason);
    assert_eq!(reasons, ["ACTIVE", "SUSPENDED", "SUSPENDED", "ACTIVE"]);
}
