//! Containment is a partial order (up to what the scopes admit), and cover never exceeds it.

use proptest::prelude::*;

use super::*;

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof!["[ab](:[ab]){0,2}", "[ab]:([ab]:){0,2}\\*", Just("*".to_owned())]
        .prop_map(|s| Pattern::parse(&s).expect("generated patterns are valid"))
}
fn jurisdiction() -> impl Strategy<Value = Jurisdiction> {
    "(FI|SE)(-0[12])?".prop_map(|s| Jurisdiction::parse(&s).expect("valid"))
}
fn conditions() -> impl Strategy<Value = Conditions> {
    prop::collection::btree_map("[xy]", prop::collection::btree_set("[123]", 1..3), 0..2)
}
fn grant() -> impl Strategy<Value = Grant> {
    (
        prop::collection::vec(pattern(), 1..3),
        prop::collection::vec(pattern(), 1..3),
        prop::collection::vec(jurisdiction(), 0..3),
        conditions(),
        any::<bool>(),
        prop::option::of((1i64..4).prop_map(Timestamp::from_secs)),
    )
        .prop_map(|(actions, resources, jurisdictions, conditions, may_delegate, until)| Grant {
            actions,
            resources,
            jurisdictions,
            conditions,
            may_delegate,
            until,
        })
}
fn scope() -> impl Strategy<Value = Scope> {
    prop::collection::vec(grant(), 1..3).prop_map(Scope)
}
fn exact() -> impl Strategy<Value = String> {
    "[ab](:[ab]){0,3}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn containment_is_reflexive(a in scope()) {
        prop_assert!(a.contains(&a));
    }

    #[test]
    fn containment_is_transitive(a in scope(), b in scope(), c in scope()) {
        if a.contains(&b) && b.contains(&c) {
            prop_assert!(a.contains(&c));
        }
    }

    #[test]
    fn what_the_inner_admits_the_outer_admits(
        outer in grant(), inner in grant(), action in exact(), resource in exact(),
        js in prop::collection::vec(jurisdiction(), 0..2), conditions in conditions(), at in 0i64..5,
    ) {
        let (a, b) = (Scope(vec![outer]), Scope(vec![inner]));
        let (action, resource) = (Action::parse(&action).unwrap(), Resource::parse(&resource).unwrap());
        let claim = Claim { action: &action, resource: &resource, jurisdictions: &js, conditions: &conditions };
        let at = Timestamp::from_secs(at);
        if a.contains(&b) && b.admits(claim, at).is_ok() {
            prop_assert!(a.admits(claim, at).is_ok());
        }
        // Antisymmetry up to meaning: each inside the other admits the same claims.
        if a.contains(&b) && b.contains(&a) {
            prop_assert_eq!(a.admits(claim, at).is_ok(), b.admits(claim, at).is_ok());
        }
    }
}

#[test]
fn a_star_stands_only_after_a_separator() {
    for good in ["*", "urn:x:*", "https://a.example/*", "a#*", "exact"] {
        assert!(Pattern::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "abc*", "a*b", "**"] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_parent_condition_that_the_child_does_not_state_denies() {
    let grant = |conditions: &[(&str, &str)]| Grant {
        actions: vec![Pattern::parse("issue").unwrap()],
        resources: vec![Pattern::parse("*").unwrap()],
        jurisdictions: vec![],
        conditions: conditions.iter().map(|(k, v)| ((*k).to_owned(), [(*v).to_owned()].into())).collect(),
        may_delegate: true,
        until: None,
    };
    assert!(!grant(&[("eqf_level", "7")]).contains(&grant(&[])));
    assert!(grant(&[]).contains(&grant(&[("eqf_level", "7")])));
}
