//! Whatever the scopes on the way are: what verifies lies inside every one of them.

use std::sync::OnceLock;

use charter_domain::{
    Scope,
    scope::{Conditions, Grant, Jurisdiction, Pattern},
};
use charter_signing::Algorithm;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::testing::{NOW, Party, now, query, years};

const RESOURCES: [&str; 6] = ["*", "a:*", "a:b:*", "a:b:x", "a:y", "c:x"];
const ASKED: [&str; 4] = ["a:b:x", "a:b:z", "a:y", "c:x"];
const PLACES: [&str; 4] = ["FI", "FI-01", "SE", "EU"];

/// Keys are costly and do not matter here, so all cases share them. `EdDSA` signs fastest.
fn parties() -> &'static [Party; 4] {
    static PARTIES: OnceLock<[Party; 4]> = OnceLock::new();
    PARTIES.get_or_init(|| ["root", "one", "two", "three"].map(|n| Party::with(n, Algorithm::EdDsa)))
}

fn conditions() -> impl Strategy<Value = Conditions> {
    option::weighted(0.3, vec(select(vec!["6", "7", "8"]), 1..3)).prop_map(|levels| {
        let levels = levels.map(|l| ("eqf".to_owned(), l.into_iter().map(str::to_owned).collect()));
        levels.into_iter().collect()
    })
}

fn places() -> impl Strategy<Value = Vec<Jurisdiction>> {
    let place = select(PLACES.to_vec()).prop_map(|p| Jurisdiction::parse(p).expect("a code"));
    vec(place, 0..3)
}

fn grant() -> impl Strategy<Value = Grant> {
    let resource = select(RESOURCES.to_vec()).prop_map(|p| Pattern::parse(p).expect("a pattern"));
    let action = select(vec!["*", "issue", "verify"]).prop_map(|p| Pattern::parse(p).expect("a pattern"));
    let until = option::weighted(0.3, select(vec![2026, 2027, 2028]))
        .prop_map(|year| year.and_then(|y| years(y, None).from));
    (vec(action, 1..2), vec(resource, 1..3), places(), conditions(), prop::bool::weighted(0.9), until)
        .prop_map(|(actions, resources, jurisdictions, conditions, may_delegate, until)| Grant {
            actions,
            resources,
            jurisdictions,
            conditions,
            may_delegate,
            until,
        })
}

/// Three scopes: at random they seldom fit into each other, so mostly a lower one copies grants of the
/// one above and changes little.
fn scopes() -> impl Strategy<Value = Vec<Scope>> {
    (vec(vec(grant(), 1..4), 3), vec(prop::bool::weighted(0.75), 3)).prop_map(|(mut levels, copies)| {
        for n in 1..levels.len() {
            if copies[n] {
                levels[n] = levels[n - 1].clone();
                if copies[0] {
                    levels[n].truncate(1);
                }
            }
        }
        levels.into_iter().map(Scope).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_verifies_outside_any_scope_on_the_way(
        scopes in scopes(),
        resource in select(ASKED.to_vec()),
        action in select(vec!["issue", "verify"]),
        jurisdictions in places(),
        conditions in conditions(),
    ) {
        let parties = parties();
        let mut links = vec![parties[0].configuration().sign(&parties[0].signer).expect("signs")];
        for (pair, scope) in parties.windows(2).zip(&scopes) {
            links.push(pair[0].delegates(&pair[1], scope.clone()).sign(&pair[0].signer).expect("signs"));
        }
        let mut leaf = parties[3].states("did:web:uni.example", action, resource);
        leaf.jurisdictions = jurisdictions;
        leaf.conditions = conditions;
        links.push(leaf.sign(&parties[3].signer).expect("signs"));
        links.reverse();
        let chain = Chain::new(links).expect("a chain");
        let question = query(&parties[0], "did:web:uni.example", action, resource);
        let at = Timestamp::from_secs(NOW);
        let verified = verify(&chain, &question, &parties[0].anchors(), at, now(), None);
        let inside = scopes.iter().all(|s| s.admits(leaf.claim(), at).is_ok());
        let passed_on = scopes.windows(2).all(|pair| pair[0].may_delegate(&pair[1]));
        prop_assert_eq!(verified.is_ok(), inside && passed_on);
        // Containment alone must already imply cover by every scope above the last.
        if passed_on && scopes[2].admits(leaf.claim(), at).is_ok() {
            prop_assert!(inside);
        }
        if let Ok(v) = verified {
            let last = v.valid_until.unwrap_or(at).minus(Duration::from_micros(1));
            let held = scopes.iter().all(|s| s.admits(leaf.claim(), last).is_ok());
            prop_assert!(held, "said to be valid until {:?}, longer than a scope", v.valid_until);
        }
    }
}
