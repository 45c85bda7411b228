//! Times, force, jurisdiction and conditions of the links and the statement.

use charter_domain::scope::Conditions;

use super::*;
use crate::document::Accreditation;

type Change = fn(&mut Federation);

#[test]
fn every_link_must_be_issued_and_not_expired() {
    let late: [(usize, Change); 4] = [
        (0, |f| f.leaf.exp = NOW),
        (1, |f| f.to_agency.exp = NOW),
        (2, |f| f.to_ministry.exp = NOW),
        (3, |f| f.configuration.exp = NOW),
    ];
    for (link, change) in late {
        assert_eq!(fault(&with(change)), (link, FaultCode::LinkExpired));
    }
    let early: [(usize, Change); 4] = [
        (0, |f| f.leaf.iat = NOW + 61),
        (1, |f| f.to_agency.iat = NOW + 61),
        (2, |f| f.to_ministry.iat = NOW + 61),
        (3, |f| f.configuration.iat = NOW + 61),
    ];
    for (link, change) in early {
        assert_eq!(fault(&with(change)), (link, FaultCode::NotYetIssued));
    }
    assert!(run(&with(|f| f.leaf.iat = NOW + 60)).is_ok());
    assert!(run(&with(|f| f.leaf.exp = NOW + 1)).is_ok());
}

#[test]
fn a_statement_holds_only_in_its_intervals() {
    let f = Federation::new();
    let ask = |year| {
        let at = years(year, None).from.expect("a start");
        verify(&f.chain(), &f.query, &f.root.anchors(), at, now(), None).map_err(|e| (e.link, e.code))
    };
    assert!(ask(2022).is_ok());
    assert_eq!(ask(2021).err(), Some((0, FaultCode::NotInForce)));
    assert_eq!(ask(2028).err(), Some((0, FaultCode::NotInForce)));
    assert_eq!(fault(&with(|f| f.leaf.valid.clear())), (0, FaultCode::NotInForce));
}

#[test]
fn a_statement_falls_with_its_accreditation() {
    let ground =
        |until| Some(Accreditation { id: "a1".to_owned(), body: "FINEEC".to_owned(), valid_until: until });
    let ended = years(2026, None).from;
    assert_eq!(fault(&with(|f| f.leaf.accreditation = ground(ended))), (0, FaultCode::NotInForce));
    let later = years(2027, None).from;
    let verified = run(&with(|f| f.leaf.accreditation = ground(later))).expect("verifies");
    assert_eq!(verified.valid_until, later);
    assert!(run(&with(|f| f.leaf.accreditation = ground(None))).is_ok());
}

#[test]
fn the_jurisdiction_asked_about_must_be_the_statements() {
    let ask = |code| with(|f| f.query.context.jurisdiction = Some(jurisdiction(code)));
    assert!(run(&ask("FI")).is_ok());
    assert!(run(&ask("FI-01")).is_ok());
    assert_eq!(fault(&ask("SE")), (0, FaultCode::OutOfJurisdiction));
    // A statement without limits does not fit into a scope that has them.
    assert_eq!(fault(&with(|f| f.leaf.jurisdictions.clear())), (0, FaultCode::OutOfJurisdiction));
}

#[test]
fn conditions_are_met_contradicted_or_passed_on() {
    let levels = || Conditions::from([("eqf_level".to_owned(), ["7".to_owned()].into())]);
    let ask = |value: Option<&str>| {
        with(|f| {
            f.leaf.conditions = levels();
            f.query.context.conditions =
                value.map(|v| ("eqf_level".to_owned(), v.to_owned())).into_iter().collect();
        })
    };
    assert!(run(&ask(Some("7"))).expect("met").unstated.is_empty());
    assert_eq!(fault(&ask(Some("8"))), (0, FaultCode::ConditionNotMet));
    assert_eq!(run(&ask(None)).expect("unstated").unstated, ["eqf_level"]);
    // A scope that limits a dimension admits only statements that limit it too.
    let f = with(|f| f.to_agency.metadata.trust_registry.scope.0[0].conditions = levels());
    assert_eq!(fault(&f), (0, FaultCode::OutOfJurisdiction));
}

#[test]
fn a_statement_speaks_as_the_authority_delegated_to() {
    let f = with(|f| f.leaf.authority_id = f.ministry.authority_id.clone());
    assert_eq!(fault(&f), (0, FaultCode::Mismatch));
    let f = with(|f| f.leaf.iss = f.ministry.entity_id.clone());
    assert_eq!(fault(&f), (0, FaultCode::Issuer));
}
