//! Who may vouch for a configuration.

use super::*;
use crate::testing::{Federation, Party, now, years};

/// The agency's configuration, and the statements above it.
fn above(f: &Federation) -> (String, Vec<String>) {
    let token = f.agency.configuration().sign(&f.agency.signer).expect("signs");
    (token, f.links().split_off(1))
}

fn fault(token: &str, superiors: &[String], f: &Federation) -> (usize, FaultCode) {
    let fault = verify_configuration(token, superiors, &f.root.anchors(), now()).expect_err("refused");
    (fault.link, fault.code)
}

#[test]
fn an_anchor_vouches_for_itself_and_a_superior_for_its_subordinate() {
    let f = Federation::new();
    let (anchors, own) = (f.root.anchors(), f.links().remove(3));
    let root = verify_configuration(&own, &[], &anchors, now()).expect("pinned");
    assert_eq!(root.iss, f.root.entity_id);
    let (token, superiors) = above(&f);
    let agency = verify_configuration(&token, &superiors, &anchors, now()).expect("vouched for");
    assert_eq!(agency.iss, f.agency.entity_id);
}

#[test]
fn a_configuration_by_other_keys_or_of_another_is_refused() {
    let f = Federation::new();
    let (token, superiors) = above(&f);
    assert_eq!(fault(&token, &[], &f), (0, FaultCode::UnknownAnchor));
    let forged = f.agency.configuration().sign(&Party::new("agency").signer).expect("signs");
    assert_eq!(fault(&forged, &superiors, &f).0, 0);
    let other = f.ministry.configuration().sign(&f.ministry.signer).expect("signs");
    assert_eq!(fault(&other, &superiors, &f), (0, FaultCode::Issuer));
    let mut claims = f.agency.configuration();
    claims.metadata.trust_registry.authority_id = f.root.authority_id.clone();
    let claims = claims.sign(&f.agency.signer).expect("signs");
    assert_eq!(fault(&claims, &superiors, &f), (0, FaultCode::Mismatch));
}

#[test]
fn what_is_over_above_is_over_below() {
    let mut f = Federation::new();
    f.to_ministry.metadata.trust_registry.valid = vec![years(2020, Some(2025))];
    let (token, superiors) = above(&f);
    assert_eq!(fault(&token, &superiors, &f), (2, FaultCode::NotInForce));
    let gap = [superiors[0].clone(), superiors[2].clone()];
    assert_eq!(fault(&token, &gap, &f), (1, FaultCode::Issuer));
}
