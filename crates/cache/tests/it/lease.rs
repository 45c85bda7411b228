//! Time: the lease on the register, and the instants an answer carries.

use std::{sync::Arc, time::Duration};

use charter_cache::{BootInstant, Dependencies, Filled, Register};
use charter_domain::RegistryId;

use crate::support::{LEASE, REGISTRY, ask, filled, local, now};

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
