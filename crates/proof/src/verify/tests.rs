//! Chains: what verifies and everything that must not.

use charter_domain::{EntityId, Kind, Reason, Resource, Scope};
use charter_signing::{Algorithm, JwkSet};

use super::*;
use crate::{
    EntityConfiguration,
    testing::{DAY, Federation, NOW, Party, grant, jurisdiction, now, years},
};

mod delegation;
mod recognition;
mod statement;
mod tamper;

fn run(f: &Federation) -> Result<Verified, Fault> {
    verify(&f.chain(), &f.query, &f.root.anchors(), now(), now(), None)
}

fn fault(f: &Federation) -> (usize, FaultCode) {
    let fault = run(f).expect_err("must not verify");
    (fault.link, fault.code)
}

/// A federation with one thing changed.
fn with(change: impl FnOnce(&mut Federation)) -> Federation {
    let mut f = Federation::new();
    change(&mut f);
    f
}

#[test]
fn a_chain_of_three_levels_verifies_and_says_what_it_says() {
    let f = Federation::new();
    let verified = run(&f).expect("verifies");
    let kinds: Vec<_> = verified.links.iter().map(|l| l.kind).collect();
    use LinkKind::{Configuration, Delegation, Statement};
    assert_eq!(kinds, [Statement, Delegation, Delegation, Configuration]);
    assert_eq!(verified.decided_by, f.agency.authority_id);
    assert_eq!(verified.as_of, Timestamp::from_secs(NOW - 300));
    assert_eq!(verified.good_until, Timestamp::from_secs(NOW + DAY));
    assert_eq!(verified.valid_until, years(2022, Some(2028)).until);
    assert_eq!(verified.leaf, f.leaf);
}

#[test]
fn it_is_drawn_anchor_first() {
    let text = crate::render::text(&run(&Federation::new()).expect("verifies"));
    let expected = "\
did:web:root.example: Root of Finland, an anchor you pinned
└─ did:web:ministry.example: may speak for * on https://schemas.example/* in FI, until 2030-01-01T00:00:00Z
   └─ did:web:agency.example: may speak for issue on https://schemas.example/diploma/* in FI, until 2030-01-01T00:00:00Z
      └─ did:web:agency.example: authorization: did:web:uni.example may issue https://schemas.example/diploma/master in FI, until 2028-01-01T00:00:00Z
as of 2026-11-20T11:55:00Z, good until 2026-11-21T12:00:00Z; a revocation after 2026-11-20T11:55:00Z is not visible without a newer proof
";
    assert_eq!(text, expected);
}

#[test]
fn an_anchors_own_statement_needs_no_delegation() {
    let f = Federation::new();
    let leaf = f.root.states("did:web:uni.example", "issue", "anything").sign(&f.root.signer).expect("signs");
    let chain =
        Chain::new(vec![leaf, f.configuration.sign(&f.root.signer).expect("signs")]).expect("a chain");
    let query = crate::testing::query(&f.root, "did:web:uni.example", "issue", "anything");
    let verified = verify(&chain, &query, &f.root.anchors(), now(), now(), None).expect("verifies");
    assert_eq!(verified.decided_by, f.root.authority_id);
}

#[test]
fn only_a_pinned_and_current_anchor_counts() {
    let f = Federation::new();
    let ask = |anchors: &AnchorSet| {
        let fault = verify(&f.chain(), &f.query, anchors, now(), now(), None).expect_err("refused");
        (fault.link, fault.code)
    };
    assert_eq!(ask(&Party::new("other").anchors()), (3, FaultCode::UnknownAnchor));
    // The same name with other keys.
    assert_eq!(ask(&Party::new("root").anchors()), (3, FaultCode::Signature));
    let mut renamed = f.root.anchor();
    renamed.authority_id = f.agency.authority_id.clone();
    assert_eq!(ask(&AnchorSet::new(vec![renamed], None).expect("a set")), (3, FaultCode::Mismatch));
    let expired = AnchorSet::new(vec![f.root.anchor()], Some(now())).expect("a set");
    assert_eq!(ask(&expired), (3, FaultCode::AnchorExpired));
}

#[test]
fn the_anchors_expiry_bounds_the_proof() {
    let f = Federation::new();
    let expires = now().plus(Duration::from_secs(5));
    let anchors = AnchorSet::new(vec![f.root.anchor()], Some(expires)).expect("a set");
    let verified = verify(&f.chain(), &f.query, &anchors, now(), now(), None).expect("verifies");
    assert_eq!(verified.good_until, expires);
}

#[test]
fn an_anchor_rotates_through_its_configuration() {
    let mut f = Federation::new();
    let pinned = f.root.anchors();
    let configuration = f.configuration.clone();
    let old = std::mem::replace(&mut f.root, Party::with("root", Algorithm::EdDsa));
    let keys = [old.jwks().keys, f.root.jwks().keys].concat();
    let configuration = EntityConfiguration { jwks: JwkSet::new(keys).expect("two keys"), ..configuration };
    let mut links = f.links();
    links[3] = configuration.sign(&old.signer).expect("signs");
    let chain = Chain::new(links).expect("a chain");
    assert!(verify(&chain, &f.query, &pinned, now(), now(), None).is_ok());
    // Signed by the new key alone, it says nothing to whoever pinned the old one.
    let mut links = f.links();
    links[3] = configuration.sign(&f.root.signer).expect("signs");
    let chain = Chain::new(links).expect("a chain");
    let refused = verify(&chain, &f.query, &pinned, now(), now(), None).expect_err("refused");
    assert_eq!(refused.code, FaultCode::Signature);
}

#[test]
fn max_age_counts_the_oldest_link_but_the_configuration() {
    let f = Federation::new();
    let ask =
        |secs| verify(&f.chain(), &f.query, &f.root.anchors(), now(), now(), Some(Duration::from_secs(secs)));
    assert!(ask(300).is_ok());
    let fault = ask(299).expect_err("too old");
    assert_eq!(fault.code, FaultCode::TooOld);
    assert!(fault.link == 1 || fault.link == 2);
}

#[test]
fn a_fault_says_which_link_and_what_to_do() {
    let f = with(|f| f.to_agency.exp = NOW);
    let text = run(&f).expect_err("expired").to_string();
    assert_eq!(
        text,
        "LINK_EXPIRED at link 1 (0 is the statement): it was good until 2026-11-20T12:00:00Z; get a newer proof"
    );
}

#[test]
fn a_childs_answer_is_checked_under_the_delegation_alone() {
    let f = Federation::new();
    let root = Issuer::from(&f.root.anchor());
    let ministry = root.descend(&f.to_ministry).expect("delegated");
    let links = &f.links()[..2];
    let verified = verify_under(links, &ministry, &f.query, now(), now()).expect("verifies");
    assert_eq!(verified.links.len(), 2);
    let agency = ministry.descend(&f.to_agency).expect("delegated");
    assert!(verify_under(&links[..1], &agency, &f.query, now(), now()).is_ok());
    // Another child's keys or scope do not do.
    let other = Issuer { jwks: f.root.jwks(), ..agency.clone() };
    assert!(verify_under(&links[..1], &other, &f.query, now(), now()).is_err());
    let narrow = Scope(vec![grant("issue", "https://schemas.example/badge/*", "FI", false)]);
    let other = Issuer { scope: Some(narrow), ..agency };
    let refused = verify_under(&links[..1], &other, &f.query, now(), now()).expect_err("refused");
    assert_eq!(refused.code, FaultCode::OutOfScope);
    assert_eq!(
        verify_under(&[], &other, &f.query, now(), now()).expect_err("empty").code,
        FaultCode::Malformed
    );
}

#[test]
fn a_question_of_another_kind_entity_or_authority_is_not_answered() {
    let cases: [fn(&mut Federation); 4] = [
        |f| f.query.kind = Kind::Recognition,
        |f| f.query.entity = EntityId::parse("did:web:other.example").expect("an id"),
        |f| f.query.resource = Resource::parse("https://schemas.example/diploma/*").expect("an id"),
        |f| f.query.authority = AuthorityId::parse("did:web:other.example").expect("an id"),
    ];
    for change in cases {
        assert_eq!(fault(&with(change)), (0, FaultCode::Mismatch));
    }
    for party in ["root", "ministry", "agency"] {
        let id = AuthorityId::parse(&format!("did:web:{party}.example")).expect("a DID");
        assert!(run(&with(|f| f.query.authority = id)).is_ok());
    }
}

#[test]
fn scope_faults_name_what_was_exceeded() {
    let at = now();
    assert_eq!(Fault::scope(0, Reason::OutOfScope, at).code, FaultCode::OutOfScope);
    assert_eq!(Fault::scope(0, Reason::OutOfJurisdiction, at).code, FaultCode::OutOfJurisdiction);
    let f = with(|f| f.leaf.jurisdictions = vec![jurisdiction("SE")]);
    assert_eq!(fault(&f), (0, FaultCode::OutOfJurisdiction));
}
