//! Nothing that was changed after signing, and nothing signed by somebody else, verifies.

use charter_signing::{Signer as _, SoftwareSigner};

use super::*;
use crate::document::{AUTHORITY_STATEMENT, ENTITY_STATEMENT};

/// The whole road of a foreign file: bytes, chain, verification.
fn accepts(file: &[u8], f: &Federation, anchors: &AnchorSet) -> bool {
    Chain::parse(file).is_ok_and(|c| verify(&c, &f.query, anchors, now(), now(), None).is_ok())
}

#[test]
fn no_flipped_replaced_removed_or_added_byte_verifies() {
    let f = Federation::new();
    let (file, anchors) = (f.chain().to_bytes(), f.root.anchors());
    assert!(accepts(&file, &f, &anchors));
    for i in 0..file.len() {
        let old = file[i];
        let other = if old == b'A' { b'B' } else { b'A' };
        for new in [old ^ (1 << (i % 8)), old ^ 1, other] {
            let mut changed = file.clone();
            changed[i] = new;
            assert!(!accepts(&changed, &f, &anchors), "byte {i}: {old} -> {new}");
        }
        assert!(!accepts(&file[..i], &f, &anchors), "cut at {i}");
        if i % 16 == 0 {
            let mut changed = file.clone();
            changed.remove(i);
            assert!(!accepts(&changed, &f, &anchors), "without byte {i}");
            let mut changed = file.clone();
            changed.insert(i, b'A');
            assert!(!accepts(&changed, &f, &anchors), "a byte more at {i}");
        }
    }
}

fn code_of(links: Vec<String>, f: &Federation) -> FaultCode {
    let chain = Chain::new(links).expect("a chain");
    verify(&chain, &f.query, &f.root.anchors(), now(), now(), None).expect_err("must not verify").code
}

#[test]
fn links_that_are_swapped_left_out_or_repeated_are_refused() {
    let f = Federation::new();
    for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        let mut links = f.links();
        links.swap(a, b);
        code_of(links, &f);
    }
    let mut links = f.links();
    links.swap(1, 2);
    assert_eq!(code_of(links, &f), FaultCode::Issuer);
    for n in 0..4 {
        let mut links = f.links();
        links.remove(n);
        code_of(links, &f);
        let mut links = f.links();
        links.insert(n, links[n].clone());
        code_of(links, &f);
    }
}

#[test]
fn a_link_signed_by_anybody_else_is_refused() {
    let f = Federation::new();
    let stranger = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    // Everybody in the chain except the rightful signer of the link.
    let others = |skip: usize| {
        [&f.agency.signer, &f.ministry.signer, &f.root.signer, &stranger]
            .into_iter()
            .enumerate()
            .filter(move |(n, _)| *n != skip)
    };
    for (_, signer) in others(0) {
        let mut links = f.links();
        links[0] = f.leaf.sign(signer).expect("signs");
        assert_eq!(code_of(links, &f), FaultCode::Signature);
    }
    for (_, signer) in others(1) {
        let mut links = f.links();
        links[1] = f.to_agency.sign(signer).expect("signs");
        assert_eq!(code_of(links, &f), FaultCode::Signature);
    }
    for (_, signer) in others(2) {
        let mut links = f.links();
        links[2] = f.to_ministry.sign(signer).expect("signs");
        links[3] = f.configuration.sign(&f.root.signer).expect("signs");
        assert_eq!(code_of(links, &f), FaultCode::Signature);
    }
}

#[test]
fn an_authority_cannot_vouch_for_itself() {
    // The agency puts its own configuration, or a statement about itself, in place of its superior's word.
    let f = Federation::new();
    let mut links = f.links();
    links[1] = f.agency.configuration().sign(&f.agency.signer).expect("signs");
    code_of(links, &f);
    let chain = Chain::new(vec![
        f.links()[0].clone(),
        f.agency.configuration().sign(&f.agency.signer).expect("signs"),
    ]);
    let refused = verify(&chain.expect("a chain"), &f.query, &f.root.anchors(), now(), now(), None);
    assert_eq!(refused.expect_err("not pinned").code, FaultCode::UnknownAnchor);
    // It names the root as issuer of its configuration, but only has its own key.
    let forged = EntityConfiguration { jwks: f.agency.jwks(), ..f.configuration.clone() };
    let mut links = f.links();
    links[3] = forged.sign(&f.agency.signer).expect("signs");
    assert_eq!(code_of(links, &f), FaultCode::Signature);
}

#[test]
fn a_document_of_another_type_is_refused() {
    let f = Federation::new();
    let leaf = serde_json::to_vec(&f.leaf).expect("JSON");
    let mut links = f.links();
    links[0] = f.agency.signer.sign(ENTITY_STATEMENT, &leaf).expect("signs");
    assert_eq!(code_of(links, &f), FaultCode::WrongType);
    let delegation = serde_json::to_vec(&f.to_agency).expect("JSON");
    let mut links = f.links();
    links[1] = f.ministry.signer.sign(AUTHORITY_STATEMENT, &delegation).expect("signs");
    assert_eq!(code_of(links, &f), FaultCode::WrongType);
}

#[test]
fn headers_that_say_more_or_other_are_refused() {
    // base64url of `{"alg":"none"..}`, and of one with `crit`, in front of a genuine payload and signature.
    let f = Federation::new();
    let kid = f.agency.jwks().keys[0].kid().to_owned();
    let genuine = f.links()[0].clone();
    let rest = genuine.split_once('.').expect("three parts").1;
    for (header, code) in [
        (format!(r#"{{"alg":"none","kid":"{kid}","typ":"{AUTHORITY_STATEMENT}"}}"#), FaultCode::Signature),
        (format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{AUTHORITY_STATEMENT}"}}"#), FaultCode::Signature),
        (
            format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"{AUTHORITY_STATEMENT}","crit":["x"],"x":1}}"#),
            FaultCode::Malformed,
        ),
        (
            format!(r#"{{"alg":"ES256","kid":"{kid}","kid":"{kid}","typ":"{AUTHORITY_STATEMENT}"}}"#),
            FaultCode::Malformed,
        ),
    ] {
        let mut links = f.links();
        links[0] = format!("{}.{rest}", base64url(header.as_bytes()));
        assert_eq!(code_of(links, &f), code, "{header}");
    }
}

#[test]
fn signed_claims_with_a_member_twice_are_refused() {
    let f = Federation::new();
    let leaf = serde_json::to_string(&f.leaf).expect("JSON");
    let twice = leaf.replacen("{\"iss\"", "{\"sub\":\"did:web:evil.example\",\"iss\"", 1);
    let mut links = f.links();
    links[0] = f.agency.signer.sign(AUTHORITY_STATEMENT, twice.as_bytes()).expect("signs");
    assert_eq!(code_of(links, &f), FaultCode::Malformed);
}

/// Six bits at a time; the crate itself needs no encoder.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = bytes.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect::<Vec<u8>>();
    let six = |c: &[u8]| c.iter().fold(0_u8, |n, b| n << 1 | b) << (6 - c.len());
    bits.chunks(6).map(|c| char::from(ALPHABET[usize::from(six(c))])).collect()
}
