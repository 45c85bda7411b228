//! Time: the lease on the register, and the instants an answer carries.

use std::{sync::Arc, time::Duration};

use charter_cache::{BootInstant, Change, DEP_LEASE, Dependencies, Filled, Register};
use charter_domain::RegistryId;

use crate::support::{LEASE, REGISTRY, ask, change, filled, local, now};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn without_the_lease_nothing_is_served() {
    let (answers, register, ticks) = local();
    answers.put(&ask("e"), filled(10, "e"));
    assert_eq!(answers.get_local(&ask("e"), now()).unwrap().value, "e@10");
    ticks.advance(LEASE);
    assert!(!register.usable() && answers.get_local(&ask("e"), now()).is_none());
    register.polled(ticks.now());
    assert!(answers.get_local(&ask("e"), now()).is_some());
    register.drop_lease();
    assert!(answers.get_local(&ask("e"), now()).is_none());
}

#[test]
fn a_revocation_waits_longer_than_any_lease() {
    let register = Register::new(LEASE);
    assert_eq!(register.hold(), Duration::from_millis(1_010));
    assert!(!register.usable(), "never polled");
    register.polled(BootInstant::now());
    assert!(register.usable());
}

#[test]
fn next_change_and_expiry_are_respected() {
    let (answers, ..) = local();
    answers.put(&ask("e"), Filled { next_change: Some(now().plus(SECOND)), ..filled(10, "e") });
    answers.put(&ask("f"), Filled { expires_at: now().plus(SECOND), ..filled(10, "f") });
    for entity in ["e", "f"] {
        let just_before = now().plus(Duration::from_micros(999_999));
        assert!(answers.get_local(&ask(entity), just_before).is_some());
        assert!(answers.get_local(&ask(entity), now().plus(SECOND)).is_none());
    }
}

#[test]
fn an_answer_is_never_stated_for_before_it_was_found() {
    let (answers, ..) = local();
    let entry = answers.put(&ask("e"), filled(10, "e"));
    let earlier = now().minus(Duration::from_millis(5));
    assert!(answers.get_local(&ask("e"), earlier).is_some());
    assert_eq!(entry.time_at(earlier), now());
    assert_eq!(entry.time_at(now().plus(SECOND)), now().plus(SECOND));
    assert!(answers.get_local(&ask("e"), now().minus(SECOND * 2)).is_none(), "another clock is far ahead");
}

#[test]
fn only_watched_registries_count_and_ids_may_be_any() {
    let (answers, register, _) = local();
    for id in [i32::MIN, -1, 0, 7, 65_535, 65_536, i32::MAX] {
        let lookup = charter_cache::Lookup { registry: RegistryId(id), ..ask("e") };
        answers.put(&lookup, filled(10, "e"));
        assert!(answers.get_local(&lookup, now()).is_none(), "{id} is not watched");
        register.start(RegistryId(id), 10);
        assert_eq!(register.watched(RegistryId(id)).is_some(), (0..65_536).contains(&id));
        assert_eq!(answers.get_local(&lookup, now()).is_some(), (0..65_536).contains(&id));
    }
    register.advance(RegistryId(8), 20);
    assert_eq!(register.watched(RegistryId(8)), None);
    register.advance(REGISTRY, 20);
    register.advance(REGISTRY, 15);
    assert_eq!(register.watched(REGISTRY), Some(20));
}

#[test]
fn each_change_that_concerns_the_whole_registry_is_counted_whatever_its_number() {
    let register = Register::new(LEASE);
    assert_eq!(register.turns(REGISTRY), None, "not watched");
    register.start(REGISTRY, 10);
    let mut last = register.turns(REGISTRY).unwrap();
    // Of a change that was foreseen, and then of the event that has its number.
    for _ in 0..2 {
        register.note(REGISTRY, &[Change { seq: 11, identifiers: None }]);
        let turns = register.turns(REGISTRY).unwrap();
        assert_ne!(turns, last);
        last = turns;
    }
    register.note(REGISTRY, &[Change { seq: 12, identifiers: Some(vec!["e".to_owned()]) }]);
    assert_eq!(register.turns(REGISTRY), Some(last));
    register.start(REGISTRY, 20);
    assert_ne!(register.turns(REGISTRY), Some(last), "what was missed may have been anything");
}

#[test]
fn of_another_history_goes_on_what_was_seen_to_be_the_same() {
    let (answers, register, _) = local();
    let served = |name: &str| answers.get_local(&ask(name), now()).is_some();
    register.advance(REGISTRY, 12);
    for (name, epoch) in [("old", 10), ("new", 12)] {
        answers.put(&ask(name), filled(epoch, name));
    }
    let turns = register.turns(REGISTRY);
    answers.begin_history(2, &[(REGISTRY, 11)].into());
    assert!(served("old") && !served("new"), "event 12 may be another one now");
    assert_ne!(register.turns(REGISTRY), turns, "what was made of all of it is made again");
    answers.put(&ask("new"), filled(12, "new"));
    assert!(served("new"), "read in the present history");
    register.note(REGISTRY, &[change(13, "old")]);
    assert!(!served("old"), "a change counts as ever");

    answers.put(&ask("old"), filled(13, "old"));
    answers.begin_history(3, &[(REGISTRY, 13)].into());
    assert!(served("old") && served("new"));
    answers.begin_history(4, &[(REGISTRY, 13)].into());
    assert!(!served("old"), "two histories ago is too long ago to know");
    answers.put(&ask("old"), filled(13, "old"));
    answers.begin_history(5, &[(RegistryId(99), 13)].into());
    assert!(!served("old"), "of this registry nothing was seen");
}

#[test]
fn a_federated_answer_ends_with_its_dependency() {
    let (answers, register, ticks) = local();
    let deps = Dependencies::with_ticks(ticks.clone());
    let dep = deps.get_or_track(&["did:web:remote.example".to_owned()], 5);
    dep.polled(5, ticks.now());
    answers.put(&ask("e"), Filled { deps: vec![(Arc::clone(&dep), 5)], ..filled(10, "e") });
    assert!(answers.get_local(&ask("e"), now()).is_some());
    dep.polled(6, ticks.now());
    assert!(answers.get_local(&ask("e"), now()).is_none(), "something changed there");

    answers.put(&ask("e"), Filled { deps: vec![(dep, 6)], ..filled(10, "e") });
    assert!(answers.get_local(&ask("e"), now()).is_some());
    ticks.advance(charter_cache::DEP_LEASE);
    register.polled(ticks.now());
    assert!(answers.get_local(&ask("e"), now()).is_none(), "nobody asked it for two seconds");
}

#[test]
fn an_answer_confirms_itself_and_nothing_else_that_rests_on_the_same_registry() {
    let (answers, register, ticks) = local();
    let dep = Dependencies::with_ticks(ticks.clone()).get_or_track(&["did:web:a.example".to_owned()], 7);
    let resting = |entity, asked| Filled { deps: vec![(Arc::clone(&dep), 7)], asked, ..filled(10, entity) };
    let start = ticks.now();
    answers.put(&ask("e"), resting("e", Some(start)));
    answers.put(&ask("f"), resting("f", None));
    assert!(answers.get_local(&ask("e"), now()).is_some());
    assert!(answers.get_local(&ask("f"), now()).is_none(), "nobody said anything of it");
    ticks.advance(DEP_LEASE);
    register.polled(ticks.now());
    answers.put(&ask("g"), resting("g", Some(ticks.now())));
    assert!(answers.get_local(&ask("g"), now()).is_some());
    assert!(answers.get_local(&ask("e"), now()).is_none(), "what was said of another is not said of it");
    assert_eq!(answers.past(&ask("e"), now()).map(|past| past.confirmed), Some(start));
    dep.polled(8, ticks.now());
    assert!(answers.get_local(&ask("g"), now()).is_none() && answers.past(&ask("e"), now()).is_none());
}

#[test]
fn what_others_cannot_confirm_is_found_until_a_change_is_known() {
    let (answers, register, ticks) = local();
    let dep = Dependencies::with_ticks(ticks.clone()).get_or_track(&["did:web:a.example".to_owned()], 7);
    let resting = |entity| Filled { deps: vec![(Arc::clone(&dep), 7)], ..filled(10, entity) };
    for entity in ["e", "f", "g"] {
        answers.put(&ask(entity), resting(entity));
    }
    answers.put(&ask("g"), Filled { next_change: Some(now().plus(SECOND)), ..resting("g") });
    answers.put(&ask("own"), filled(10, "own"));
    let past = |entity: &str, at| answers.past(&ask(entity), at).map(|past| past.confirmed);
    assert!(past("e", now()).is_none(), "nobody has confirmed it yet");
    let polled = ticks.now();
    dep.polled(7, polled);
    ticks.advance(DEP_LEASE);
    let unproven = |entity: &str| answers.past(&ask(entity), now()).and_then(|past| past.unproven);
    assert_eq!(unproven("e"), Some(DEP_LEASE), "without our own lease");
    register.polled(ticks.now());
    assert!(answers.get_local(&ask("e"), now()).is_none());
    let later = now().plus(SECOND * 3_000);
    assert_eq!((past("e", now()), past("e", later)), (Some(polled), Some(polled)));
    assert!(past("own", now()).is_none(), "it rests on nobody else");
    assert_eq!(unproven("e"), None);
    assert_eq!((past("g", now()), past("g", later)), (Some(polled), None), "a date is no matter of waiting");
    // An answer for want of one is kept for no time, and takes nothing away.
    let none = answers.put(&ask("e"), Filled { expires_at: now(), ..filled(10, "none") });
    assert_eq!(none.value, "none@10");
    assert_eq!(answers.past(&ask("e"), now()).map(|past| past.entry.value.clone()), Some("e@10".to_owned()));
    register.note(REGISTRY, &[crate::support::change(11, "e")]);
    assert!(past("e", now()).is_none(), "changed here");
    answers.put(&ask("f"), Filled { epoch: 11, ..resting("f") });
    assert!(past("f", now()).is_some());
    dep.polled(8, ticks.now());
    assert!(past("f", now()).is_none(), "changed there");
}

#[test]
fn own_records_are_found_for_a_minute_after_they_were_proven_until_a_change_is_known() {
    let (answers, register, ticks) = local();
    let hour = SECOND * 3_600;
    answers.put(&ask("e"), filled(10, "e"));
    answers.put(&ask("f"), filled(10, "f"));
    answers.put(&ask("dated"), Filled { next_change: Some(now().plus(SECOND)), ..filled(10, "dated") });
    let proven = ticks.now();
    assert!(answers.past(&ask("e"), now()).is_none(), "the lease holds: it is served");
    ticks.advance(LEASE);
    let past = answers.past(&ask("e"), now()).expect("found");
    assert_eq!((past.confirmed, past.age, past.unproven), (proven, LEASE, Some(LEASE)));
    assert!(past.is_within(LEASE) && !past.is_within(LEASE - Duration::from_millis(1)));
    ticks.advance(SECOND * 60 - LEASE);
    assert!(answers.past(&ask("e"), now()).is_some_and(|past| past.is_within(hour)));
    ticks.advance(Duration::from_millis(1));
    assert!(!answers.past(&ask("e"), now()).expect("found").is_within(hour), "whatever is accepted");
    let later = now().plus(SECOND * 301);
    assert!(answers.past(&ask("e"), later).is_some(), "when it would be looked up again is no change");
    assert!(answers.past(&ask("dated"), now().plus(SECOND)).is_none(), "a date ends it");
    // A change is known here before anything is proven again.
    register.note(REGISTRY, &[crate::support::change(11, "e")]);
    assert!(answers.past(&ask("e"), now()).is_none());
    assert!(answers.past(&ask("f"), now()).is_some());
    register.drop_lease();
    assert!(answers.past(&ask("f"), now()).is_none(), "an epoch went back: nothing is known any more");
}

#[tokio::test]
async fn what_rests_on_others_and_is_in_use_is_looked_up_before_its_end() {
    let (answers, _register, ticks) = local();
    let dep = Dependencies::with_ticks(ticks.clone()).get_or_track(&["did:web:a.example".to_owned()], 7);
    dep.polled(7, ticks.now());
    answers.put(&ask("e"), Filled { deps: vec![(Arc::clone(&dep), 7)], ..filled(10, "e") });
    answers.put(&ask("own"), filled(10, "own"));
    let at = |percent| now().plus(SECOND * 3 * percent);
    for (percent, due) in [(0, 0), (84, 0), (95, 1), (96, 0)] {
        assert!(answers.get_local(&ask("e"), at(percent)).is_some());
        assert!(answers.get_local(&ask("own"), at(percent)).is_some());
        let found = answers.due();
        assert_eq!(found.len(), due, "{percent} %");
        for entry in found {
            assert_eq!(entry.question(), ask("e"));
            let again = Filled { evaluated_at: at(95), expires_at: at(195), ..filled(10, "again") };
            answers.refresh(&entry.question(), || async { Ok::<_, std::io::Error>(again) }).await;
        }
    }
    assert_eq!(answers.get_local(&ask("e"), at(150)).expect("kept").value, "again@10");
    let none = || async { Err(std::io::Error::other("nobody there")) };
    answers.refresh(&ask("e"), none).await;
    assert!(answers.get_local(&ask("e"), at(150)).is_some(), "it stays to its end");
}
