//! What an intermediate must not be able to do.

use super::*;
use charter_domain::NamingConstraints;

#[test]
fn a_scope_widened_on_the_way_is_refused() {
    let wider = [
        grant("issue", "https://other.example/*", "FI", false),
        grant("issue", "*", "FI", false),
        grant("issue", "https://schemas.example/diploma/*", "SE", false),
    ];
    for grant in wider {
        let f = with(|f| f.to_agency.metadata.trust_registry.scope.0.push(grant));
        assert_eq!(fault(&f), (1, FaultCode::OutOfScope));
    }
    let f = with(|f| f.to_agency.metadata.trust_registry.scope.0[0].jurisdictions = Vec::new());
    assert_eq!(fault(&f), (1, FaultCode::OutOfScope));
}

#[test]
fn what_may_not_be_passed_on_is_not() {
    let f = with(|f| f.to_ministry.metadata.trust_registry.scope.0[0].may_delegate = false);
    assert_eq!(fault(&f), (1, FaultCode::OutOfScope));
}

#[test]
fn a_statement_outside_the_last_scope_is_refused() {
    let f = with(|f| {
        f.to_agency.metadata.trust_registry.scope =
            Scope(vec![grant("issue", "https://schemas.example/badge/*", "FI", false)]);
    });
    assert_eq!(fault(&f), (0, FaultCode::OutOfScope));
}

#[test]
fn a_grant_ends_and_bounds_what_is_said() {
    let end = years(2027, None).from;
    let f = with(|f| f.to_agency.metadata.trust_registry.scope.0[0].until = end);
    assert_eq!(run(&f).expect("still granted").valid_until, end);
    let f = with(|f| f.to_agency.metadata.trust_registry.scope.0[0].until = years(2025, None).from);
    assert_eq!(fault(&f), (0, FaultCode::OutOfScope));
}

#[test]
fn each_delegation_must_be_in_force_at_the_time_asked_about() {
    let f = with(|f| f.to_ministry.metadata.trust_registry.valid.clear());
    assert_eq!(fault(&f), (2, FaultCode::NotInForce));
    let suspended = || vec![years(2020, Some(2023)), years(2024, Some(2030))];
    let f = with(|f| f.to_agency.metadata.trust_registry.valid = suspended());
    let ask = |year| {
        let at = years(year, None).from.expect("a start").plus(Duration::from_secs(1));
        verify(&f.chain(), &f.query, &f.root.anchors(), at, now(), None)
    };
    assert!(ask(2022).is_ok());
    let refused = ask(2023).expect_err("suspended then");
    assert_eq!((refused.link, refused.code), (1, FaultCode::NotInForce));
    assert!(ask(2024).is_ok());
}

#[test]
fn the_path_is_as_long_as_each_superior_allows() {
    let f = with(|f| f.to_ministry.constraints.max_path_length = Some(0));
    assert_eq!(fault(&f), (1, FaultCode::PathTooLong));
    assert!(run(&with(|f| f.to_ministry.constraints.max_path_length = Some(1))).is_ok());
    assert!(run(&with(|f| f.to_agency.constraints.max_path_length = Some(0))).is_ok());
}

#[test]
fn nobody_below_can_lengthen_the_path() {
    // Root allows one more level; the ministry "allows" nine; the agency's own child is one too many.
    let f = with(|f| {
        f.to_ministry.constraints.max_path_length = Some(1);
        f.to_agency.constraints.max_path_length = Some(9);
        f.to_agency.metadata.trust_registry.scope.0[0].may_delegate = true;
    });
    let (child, scope) = (Party::new("child"), f.to_agency.metadata.trust_registry.scope.clone());
    let mut links = f.links();
    links[0] = f.agency.delegates(&child, scope).sign(&f.agency.signer).expect("signs");
    let leaf = child.states("did:web:uni.example", "issue", crate::testing::DIPLOMA);
    links.insert(0, leaf.sign(&child.signer).expect("signs"));
    let chain = Chain::new(links).expect("a chain");
    let refused = verify(&chain, &f.query, &f.root.anchors(), now(), now(), None).expect_err("too long");
    assert_eq!((refused.link, refused.code), (1, FaultCode::PathTooLong));
}

/// A chain of that many delegations, each with the full scope.
fn deep(levels: usize) -> (Party, Vec<String>, Query) {
    let root = Party::with("root", Algorithm::EdDsa);
    let mut links = vec![root.configuration().sign(&root.signer).expect("signs")];
    let mut parties = vec![root];
    for n in 0..levels {
        let (parent, child) = (&parties[n], Party::with(&format!("p{n}"), Algorithm::EdDsa));
        let scope = Scope(vec![grant("issue", "*", "FI", true)]);
        links.push(parent.delegates(&child, scope).sign(&parent.signer).expect("signs"));
        parties.push(child);
    }
    let last = parties.last().expect("a party");
    links.push(last.states("did:web:uni.example", "issue", "x").sign(&last.signer).expect("signs"));
    links.reverse();
    let root = parties.remove(0);
    let query = crate::testing::query(&root, "did:web:uni.example", "issue", "x");
    (root, links, query)
}

#[test]
fn eight_delegations_are_the_most() {
    let (root, links, query) = deep(8);
    let chain = Chain::new(links).expect("a chain");
    assert!(verify(&chain, &query, &root.anchors(), now(), now(), None).is_ok());
    // A chain has room for one link more, a peer's statement in turn; no delegation takes it.
    let (root, mut links, query) = deep(9);
    let chain = Chain::new(links.clone()).expect("a chain");
    let refused = verify(&chain, &query, &root.anchors(), now(), now(), None);
    assert_eq!(refused.expect_err("too deep").code, FaultCode::PathTooLong);
    assert!(Chain::new(deep(10).1).is_err());
    links.pop();
    let refused = verify_under(&links, &Issuer::from(&root.anchor()), &query, now(), now());
    assert_eq!(refused.expect_err("too deep").code, FaultCode::PathTooLong);
    // What was used up above counts too.
    let mut issuer = Issuer::from(&root.anchor());
    let ancestor =
        crate::Ancestor { entity_id: issuer.entity_id.clone(), authority_id: issuer.authority_id.clone() };
    issuer.above = vec![ancestor; 8];
    let refused = verify_under(&links[7..], &issuer, &query, now(), now());
    assert_eq!(refused.expect_err("too deep").code, FaultCode::PathTooLong);
}

#[test]
fn a_chain_that_comes_back_is_a_loop() {
    // The agency "delegates" to the ministry again: everything else about it is in order.
    let f = with(|f| f.to_agency.metadata.trust_registry.scope.0[0].may_delegate = true);
    let scope = f.to_agency.metadata.trust_registry.scope.clone();
    let mut links = f.links();
    links[0] = f.agency.delegates(&f.ministry, scope).sign(&f.agency.signer).expect("signs");
    let leaf = f.ministry.states("did:web:uni.example", "issue", crate::testing::DIPLOMA);
    links.insert(0, leaf.sign(&f.ministry.signer).expect("signs"));
    let chain = Chain::new(links).expect("a chain");
    let refused = verify(&chain, &f.query, &f.root.anchors(), now(), now(), None).expect_err("a loop");
    assert_eq!((refused.link, refused.code), (1, FaultCode::Loop));
    // The same DID under another https name is one too.
    let f = with(|f| f.to_agency.metadata.trust_registry.authority_id = f.root.authority_id.clone());
    assert_eq!(fault(&f), (1, FaultCode::Loop));
}

#[test]
fn names_outside_the_constraints_are_refused_at_any_depth() {
    let naming = |permitted: &[&str], excluded: &[&str]| {
        let list = |l: &[&str]| l.iter().map(|e| (*e).to_owned()).collect();
        Some(NamingConstraints { permitted: list(permitted), excluded: list(excluded) })
    };
    let set = |n| with(|f| f.to_ministry.constraints.naming_constraints = n);
    assert!(run(&set(naming(&["https://ministry.example", "agency.example"], &[]))).is_ok());
    assert_eq!(fault(&set(naming(&["https://agency.example"], &[]))), (2, FaultCode::Naming));
    assert_eq!(fault(&set(naming(&["https://ministry.example"], &[]))), (1, FaultCode::Naming));
    assert_eq!(fault(&set(naming(&[], &["https://agency.example/"]))), (1, FaultCode::Naming));
}
