//! A denial counts for one question, at one time, from whoever may answer it; and nothing that was changed counts.

use charter_domain::{Outcome, Scope, scope::Jurisdiction};
use charter_signing::{Algorithm, Signer as _, SoftwareSigner};

use super::*;
use crate::{
    document::AUTHORITY_STATEMENT,
    testing::{DIPLOMA, Federation, NOW, Party, UNIVERSITY, grant, now, query},
    verify,
};

fn judge(chain: &Chain, query: &Query, f: &Federation) -> Result<Denied, Fault> {
    verify_denial(chain, query, &f.root.anchors(), now(), now(), None)
}

fn code(chain: &Chain, query: &Query, f: &Federation) -> (usize, FaultCode) {
    let fault = judge(chain, query, f).expect_err("refused");
    (fault.link, fault.code)
}

#[test]
fn a_denial_verifies_up_to_the_anchor() {
    let f = Federation::new();
    let denial = f.agency.denies(&f.query, Reason::Revoked);
    let denied = judge(&f.denied(&denial), &f.query, &f).expect("verifies");
    assert_eq!((denied.decided_by, denied.reason), (f.agency.authority_id.clone(), Reason::Revoked));
    assert_eq!(denied.links.len(), 4);
    // The oldest link counts, and the first end.
    assert_eq!(denied.as_of, Timestamp::from_secs(NOW - 300));
    assert_eq!(denied.good_until, Timestamp::from_secs(NOW + 590));
    assert_eq!(denied.leaf, denial);
}

#[test]
fn a_denial_is_no_yes_and_a_yes_no_denial() {
    let f = Federation::new();
    let chain = f.denied(&f.agency.denies(&f.query, Reason::Ended));
    let yes = verify(&chain, &f.query, &f.root.anchors(), now(), now(), None);
    assert_eq!(yes.expect_err("no yes").code, FaultCode::WrongType);
    assert_eq!(code(&f.chain(), &f.query, &f), (0, FaultCode::WrongType));
    // Nor does the type of a statement make a denial one.
    let denial = serde_json::to_vec(&f.agency.denies(&f.query, Reason::Ended)).expect("JSON");
    let mut links = f.links();
    links[0] = f.agency.signer.sign(AUTHORITY_STATEMENT, &denial).expect("signs");
    let chain = Chain::new(links).expect("a chain");
    assert!(verify(&chain, &f.query, &f.root.anchors(), now(), now(), None).is_err());
    assert_eq!(code(&chain, &f.query, &f), (0, FaultCode::WrongType));
}

#[test]
fn no_flipped_cut_or_added_byte_verifies() {
    let f = Federation::new();
    let file = f.denied(&f.agency.denies(&f.query, Reason::NotListed)).to_bytes();
    let accepts = |file: &[u8]| Chain::parse(file).is_ok_and(|c| judge(&c, &f.query, &f).is_ok());
    assert!(accepts(&file));
    for i in 0..file.len() {
        let other = if file[i] == b'A' { b'B' } else { b'A' };
        for new in [file[i] ^ (1 << (i % 8)), file[i] ^ 1, other] {
            let mut changed = file.clone();
            changed[i] = new;
            assert!(!accepts(&changed), "byte {i} -> {new}");
        }
        assert!(!accepts(&file[..i]), "cut at {i}");
        if i % 16 == 0 {
            let mut changed = file.clone();
            changed.insert(i, b'A');
            assert!(!accepts(&changed), "a byte more at {i}");
        }
    }
}

#[test]
fn a_denial_signed_by_anybody_else_is_refused() {
    let f = Federation::new();
    let denial = f.agency.denies(&f.query, Reason::Revoked);
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    for signer in [&f.root.signer, &f.ministry.signer, &stranger] {
        let mut links = f.links();
        links[0] = denial.sign(signer).expect("signs");
        assert_eq!(code(&Chain::new(links).expect("a chain"), &f.query, &f), (0, FaultCode::Signature));
    }
}

#[test]
fn a_denial_is_of_one_question() {
    let f = Federation::new();
    let chain = f.denied(&f.agency.denies(&f.query, Reason::NotListed));
    let other = |entity: &str, resource: &str| query(&f.root, entity, "issue", resource);
    let mut questions = vec![
        other("did:web:other.example", DIPLOMA),
        other(UNIVERSITY, "https://schemas.example/diploma/other"),
        query(&f.root, UNIVERSITY, "verify", DIPLOMA),
        query(&Party::new("other"), UNIVERSITY, "issue", DIPLOMA),
    ];
    let contexts: [fn(&mut Query); 4] = [
        |q| q.context.jurisdiction = Some(Jurisdiction::parse("FI").expect("a code")),
        |q| q.context.locator = Some(AuthorityId::parse("did:web:agency.example").expect("a DID")),
        |q| q.context.time = Some(now()),
        |q| q.context.conditions = [("level".to_owned(), "7".to_owned())].into(),
    ];
    questions.extend(contexts.map(|change| {
        let mut query = f.query.clone();
        change(&mut query);
        query
    }));
    for question in questions {
        assert_eq!(code(&chain, &question, &f), (0, FaultCode::Mismatch), "{question:?}");
    }
}

#[test]
fn whoever_may_not_say_yes_may_not_say_no() {
    let mut f = Federation::new();
    f.query = query(&f.root, UNIVERSITY, "revoke", DIPLOMA);
    let chain = f.denied(&f.agency.denies(&f.query, Reason::Revoked));
    assert_eq!(code(&chain, &f.query, &f), (0, FaultCode::OutOfScope));
    // A delegation of more than was received does not help.
    let mut f = Federation::new();
    f.to_agency = f.ministry.delegates(&f.agency, Scope(vec![grant("issue", "*", "FI", false)]));
    f.query = query(&f.root, UNIVERSITY, "issue", "https://other.example/badge");
    let chain = f.denied(&f.agency.denies(&f.query, Reason::Revoked));
    assert_eq!(code(&chain, &f.query, &f), (1, FaultCode::OutOfScope));
    // What has ended covers nothing.
    let mut f = Federation::new();
    f.to_agency.metadata.trust_registry.scope.0[0].until = Some(now());
    let chain = f.denied(&f.agency.denies(&f.query, Reason::Revoked));
    assert_eq!(code(&chain, &f.query, &f), (0, FaultCode::OutOfScope));
}

#[test]
fn a_superior_denies_the_way_and_never_a_subordinates_entities() {
    let f = Federation::new();
    let links = |denial: &Denial| {
        let mut links = f.links().split_off(1);
        links[0] = denial.sign(&f.ministry.signer).expect("signs");
        Chain::new(links).expect("a chain")
    };
    let asked = query(&f.agency, UNIVERSITY, "issue", DIPLOMA);
    for reason in Reason::ALL.into_iter().filter(|r| r.outcome() == Outcome::No) {
        let denial = f.ministry.denies(&asked, reason);
        // Under its own name, it says nothing of the agency.
        assert_eq!(code(&links(&denial), &asked, &f), (0, FaultCode::Mismatch));
        let denial = Denial { asked: Asked::from(&asked), ..denial };
        let judged = judge(&links(&denial), &asked, &f);
        if NO_DELEGATION.contains(&reason) {
            assert_eq!(judged.map(|d| d.reason), Ok(reason));
        } else {
            assert_eq!(judged.expect_err("refused").code, FaultCode::OutOfScope, "{reason}");
        }
    }
    // In the agency's name it has no say at all.
    let denial =
        Denial { authority_id: f.agency.authority_id.clone(), ..f.ministry.denies(&asked, Reason::Revoked) };
    assert_eq!(code(&links(&denial), &asked, &f), (0, FaultCode::Mismatch));
    // Nor does a subordinate say that it knows no way up.
    let up = f.query.clone();
    let denial = Denial { asked: Asked::from(&up), ..f.ministry.denies(&up, Reason::UnknownAuthority) };
    assert_eq!(code(&links(&denial), &up, &f), (0, FaultCode::Mismatch));
}

#[test]
fn a_denial_is_of_a_moment() {
    let f = Federation::new();
    let good = f.agency.denies(&f.query, Reason::NotYetValid);
    let at = |secs| Timestamp::from_secs(NOW + secs);
    let judge = |denial: &Denial, query: &Query, asked: Timestamp, now: Timestamp| {
        let judged = verify_denial(&f.denied(denial), query, &f.root.anchors(), asked, now, None);
        judged.map(|d| d.good_until).map_err(|fault| (fault.link, fault.code))
    };
    // A clock may be behind by as much as anywhere else.
    assert!(judge(&good, &f.query, at(-70), at(-70)).is_ok());
    assert_eq!(judge(&good, &f.query, at(-71), at(0)), Err((0, FaultCode::Mismatch)));
    assert_eq!(judge(&good, &f.query, at(590), at(0)), Err((0, FaultCode::LinkExpired)));
    assert_eq!(judge(&good, &f.query, at(0), at(590)), Err((0, FaultCode::LinkExpired)));
    // A fact changes before the second ends: so does the denial.
    let valid_until = Timestamp::from_micros(at(5).micros() - 1);
    let short = Denial { valid_until, exp: NOW + 5, ..good.clone() };
    assert_eq!(judge(&short, &f.query, at(0), at(0)), Ok(valid_until));
    assert_eq!(judge(&short, &f.query, valid_until, valid_until), Err((0, FaultCode::LinkExpired)));
    // About an instant, it is about no other.
    let mut query = f.query.clone();
    query.context.time = Some(at(-5_000));
    let past = Denial { as_of: at(-5_000), ..f.agency.denies(&query, Reason::NotYetValid) };
    assert!(judge(&past, &query, at(-5_000), at(0)).is_ok());
    assert_eq!(judge(&past, &query, at(-4_999), at(0)), Err((0, FaultCode::Mismatch)));
}

#[test]
fn a_denial_is_bounded_by_age_and_by_its_delegations() {
    let mut f = Federation::new();
    let denial = f.agency.denies(&f.query, Reason::Revoked);
    let chain = f.denied(&denial);
    let ask = |secs| {
        let max = Some(Duration::from_secs(secs));
        verify_denial(&chain, &f.query, &f.root.anchors(), now(), now(), max).map_err(|f| f.code)
    };
    assert!(ask(300).is_ok());
    assert_eq!(ask(299).map(|d| d.reason), Err(FaultCode::TooOld));
    f.to_ministry.metadata.trust_registry.valid.clear();
    assert_eq!(code(&f.denied(&denial), &f.query, &f), (2, FaultCode::NotInForce));
}

#[test]
fn a_subordinates_no_is_checked_under_the_delegation_alone() {
    let f = Federation::new();
    let ministry = Issuer::from(&f.root.anchor()).descend(&f.to_ministry).expect("delegated");
    let agency = ministry.descend(&f.to_agency).expect("delegated");
    let links = f.denied(&f.agency.denies(&f.query, Reason::Revoked)).links().to_vec();
    assert!(verify_denial_under(&links[..2], &ministry, &f.query, now(), now()).is_ok());
    assert!(verify_denial_under(&links[..1], &agency, &f.query, now(), now()).is_ok());
    assert!(verify_denial_under(&links[..1], &ministry, &f.query, now(), now()).is_err());
    let empty = verify_denial_under(&[], &agency, &f.query, now(), now());
    assert_eq!(empty.expect_err("empty").code, FaultCode::Malformed);
}
