//! A change ends the answers about its subject, and nobody else's.

use charter_cache::Change;
use charter_domain::RegistryId;

use crate::support::{REGISTRY, ask, change, filled, local, now};

#[test]
fn an_entry_older_than_the_last_change_of_its_subject_is_not_served() {
    let (answers, register, _) = local();
    answers.put(&ask("e"), filled(10, "e"));
    register.note(REGISTRY, &[change(11, "e")]);
    register.advance(REGISTRY, 11);
    assert!(answers.get_local(&ask("e"), now()).is_none());

    // A filler that read before the change and comes late.
    answers.put(&ask("e"), filled(10, "e"));
    assert!(answers.get_local(&ask("e"), now()).is_none());
    answers.put(&ask("e"), filled(11, "e"));
    assert_eq!(answers.get_local(&ask("e"), now()).unwrap().value, "e@11");
}

#[test]
fn a_change_of_one_entity_leaves_the_others() {
    let (answers, register, _) = local();
    let names: Vec<_> = (0..1_000).map(|i| format!("did:web:university-{i}.example")).collect();
    for name in &names {
        answers.put(&ask(name), filled(10, name));
    }
    register.note(REGISTRY, &[change(11, &names[417])]);
    register.advance(REGISTRY, 11);

    // Whoever shares the slot of the changed one (one of 4,096, by a random key) may miss; nobody else.
    let shares: Vec<_> = names.iter().filter(|n| !register.accepts(REGISTRY, n, 10)).collect();
    assert!(shares.contains(&&names[417]) && shares.len() <= 6, "{shares:?}");
    let hits = names.iter().filter(|n| answers.get_local(&ask(n), now()).is_some()).count();
    assert_eq!(hits, 1_000 - shares.len());
}

#[test]
fn in_a_busy_registry_a_change_costs_its_own_subject_only() {
    let (answers, register, _) = local();
    // 3,000 changes of others: the table of stamps has its full size.
    for i in 0..3_000 {
        register.note(REGISTRY, &[change(11 + i, &format!("other-{i}"))]);
    }
    let names: Vec<_> = (0..1_000).map(|i| format!("did:web:university-{i}.example")).collect();
    for name in &names {
        answers.put(&ask(name), filled(4_000, name));
    }
    register.note(REGISTRY, &[change(4_001, &names[0])]);
    let hits = names.iter().filter(|n| answers.get_local(&ask(n), now()).is_some()).count();
    // One pair in 262,144 shares a slot: two companions among 1,000 would be one run in 100,000.
    assert!(answers.get_local(&ask(&names[0]), now()).is_none() && hits >= 998, "{hits}");
}

#[test]
fn a_wide_change_ends_the_registry_and_not_its_neighbour() {
    let (answers, register, _) = local();
    let neighbour = charter_cache::Lookup { registry: RegistryId(2), ..ask("e") };
    register.start(RegistryId(2), 3);
    answers.put(&neighbour, filled(3, "e"));
    answers.put(&ask("e"), filled(10, "e"));
    register.note(REGISTRY, &[Change { seq: 1_000_000, identifiers: None }]);
    register.note(REGISTRY, &[change(1_000_001, "e")]);
    assert!(answers.get_local(&ask("e"), now()).is_none());
    // Each registry counts for itself: a neighbour with a short history is not shut out by a long one.
    assert!(answers.get_local(&neighbour, now()).is_some());
}

#[test]
fn entries_from_before_watching_began_do_not_count() {
    let (answers, register, _) = local();
    answers.put(&ask("e"), filled(9, "e"));
    assert!(answers.get_local(&ask("e"), now()).is_none());
    answers.put(&ask("e"), filled(10, "e"));
    assert!(answers.get_local(&ask("e"), now()).is_some());
    register.start(REGISTRY, 12);
    assert!(answers.get_local(&ask("e"), now()).is_none(), "watching began anew");
}

#[test]
fn a_change_noted_before_watching_is_kept() {
    let (_, register, _) = local();
    register.note(RegistryId(5), &[change(8, "e")]);
    register.start(RegistryId(5), 7);
    assert!(!register.accepts(RegistryId(5), "e", 7) && register.accepts(RegistryId(5), "e", 8));
}
