//! Files of both formats, and which version may follow which.

use charter_signing::{Algorithm, JwkSet, Signer as _, SoftwareSigner};
use proptest::prelude::*;

use super::*;
use crate::testing::{DAY, NOW, Party, now};

fn set() -> AnchorSet {
    let root = Party::new("root");
    let expires = Timestamp::parse("2030-01-01T00:00:00Z").expect("a time");
    AnchorSet::new(vec![root.anchor()], Some(expires)).expect("a set")
}

#[test]
fn the_file_without_signatures_round_trips_and_is_strict() {
    let json = set().to_json().expect("JSON");
    assert_eq!(AnchorSet::parse(json.as_bytes()).expect("its own JSON").to_json().expect("JSON"), json);
    for (from, to) in [
        ("\"version\": 1", "\"version\": 2"),
        ("\"version\": 1", "\"version\": 1.0"),
        ("\"version\": 1", "\"version\": 1, \"version\": 1"),
        ("\"version\": 1", "\"version\": 1, \"more\": 1"),
        ("\"threshold\": 1,", ""),
        ("\"threshold\": 1", "\"threshold\": 2"),
        ("\"2030-01-01T00:00:00Z\"", "null"),
        ("\"2030-01-01T00:00:00Z\"", "1893456000"),
    ] {
        assert!(json.contains(from), "{from}");
        assert!(AnchorSet::parse(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
    }
}

#[test]
fn none_and_an_anchor_twice_are_refused() {
    let anchor = Party::new("root").anchor();
    assert!(AnchorSet::new(Vec::new(), None).is_err());
    assert!(AnchorSet::new(vec![anchor.clone(), anchor], None).is_err());
}

/// Holders of offline keys, of either algorithm.
fn holders(count: usize) -> Vec<SoftwareSigner> {
    let kind = |n: usize| if n.is_multiple_of(2) { Algorithm::Es256 } else { Algorithm::EdDsa };
    (0..count).map(|n| SoftwareSigner::generate(kind(n)).expect("a key")).collect()
}

fn jwks(holders: &[&SoftwareSigner]) -> JwkSet {
    JwkSet::new(holders.iter().map(|h| h.key().clone()).collect()).expect("keys")
}

/// A first version, for a year from `NOW` on.
fn first(holders: &[&SoftwareSigner], threshold: u8) -> Terms {
    Terms {
        format: signed::FORMAT,
        version: 1,
        previous: None,
        issued: now(),
        expires: Timestamp::from_secs(NOW + 365 * DAY),
        threshold,
        jwks: jwks(holders),
        anchors: vec![Party::with("root", Algorithm::EdDsa).anchor()],
    }
}

/// What follows a version half a year later; a test changes it, then signs.
fn next(held: &SignedSet) -> Terms {
    let (half, terms) = (182 * DAY, held.terms().clone());
    Terms {
        version: terms.version + 1,
        previous: Some(held.fingerprint()),
        issued: Timestamp::from_secs(terms.issued.secs() + half),
        expires: Timestamp::from_secs(terms.expires.secs() + half),
        ..terms
    }
}

fn signed(terms: Terms, by: &[&SoftwareSigner]) -> SignedSet {
    let unsigned = SignedSet::new(terms).expect("a version");
    by.iter().fold(unsigned, |set, holder| set.sign(*holder).expect("signed"))
}

/// Versions 1 to 3 of keys a, b, c with threshold 2; version 2 has d in the place of a.
fn history(keys: &[SoftwareSigner]) -> [SignedSet; 3] {
    let [a, b, c, d] = [&keys[0], &keys[1], &keys[2], &keys[3]];
    let one = signed(first(&[a, b, c], 2), &[a, b]);
    let two = signed(Terms { jwks: jwks(&[b, c, d]), ..next(&one) }, &[a, b, d]);
    let three = signed(next(&two), &[c, d]);
    [one, two, three]
}

fn believed(set: &SignedSet) -> Believed {
    Believed::pinned(set.clone(), &set.fingerprint()).expect("pinned")
}

fn said<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> String {
    refused.expect_err("refused").to_string()
}

#[test]
fn two_versions_and_eighteen_months_behind_catches_up_in_order() {
    let [one, two, three] = history(&holders(4));
    let pinned = believed(&one);
    assert_eq!(pinned.anchors(now()).expect("not expired").anchors, one.terms().anchors);
    let late = Timestamp::from_secs(NOW + 548 * DAY);
    assert!(said(pinned.anchors(late)).starts_with("EXPIRED: version 1"), "refused while it is behind");
    // Version 2 has expired by then too: only the last must not have (TUF 5.3.10).
    let second = pinned.follow(two).expect("the second");
    assert!(said(second.anchors(late)).starts_with("EXPIRED: version 2"));
    let third = second.follow(three.clone()).expect("the third");
    assert!(third.anchors(late).is_ok());
    assert!(said(third.anchors(Timestamp::from_secs(NOW + 800 * DAY))).contains("charter anchors update"));
    assert_eq!(third.anchors(now()).expect("in time").expires, Some(three.terms().expires));
    assert_eq!(third.follow(three).expect("the same again"), third);
}

#[test]
fn skipped_older_and_other_versions_are_refused() {
    let keys = holders(4);
    let [one, two, three] = history(&keys);
    let second = believed(&one).follow(two.clone()).expect("the second");
    let skipped = said(believed(&one).follow(three.clone()));
    assert!(skipped.starts_with("SKIPPED") && skipped.contains("from 2 on"), "{skipped}");
    assert!(said(second.follow(one.clone())).starts_with("ROLLBACK: version 1"));
    // Signed by the right keys, and yet another: somebody was shown something else.
    let [b, d] = [&keys[1], &keys[3]];
    let expires = Timestamp::from_secs(NOW + 900 * DAY);
    let other = signed(Terms { expires, ..two.terms().clone() }, &[&keys[0], b, d]);
    assert!(said(second.follow(other.clone())).starts_with("FORK: there are two different versions 2"));
    let beyond = signed(next(&other), &[b, d]);
    assert!(said(second.follow(beyond)).starts_with("FORK: there are two different versions 2"));
    let early = signed(Terms { issued: Timestamp::from_secs(NOW - DAY), ..next(&two) }, &[b, d]);
    assert!(said(second.follow(early)).starts_with("BACKDATED"));
    let strange = said(Believed::pinned(two, &three.fingerprint()));
    assert!(strange.starts_with("FINGERPRINT"), "{strange}");
}

#[test]
fn signatures_of_strangers_and_too_few_are_refused() {
    let keys = holders(6);
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(|n| &keys[n]);
    let one = signed(first(&[a, b, c], 2), &[a, b]);
    let held = believed(&one);
    let moved = || Terms { jwks: jwks(&[d, e, f]), ..next(&one) };
    // An attacker has new keys and none, or one, of the old ones.
    for by in [&[d, e][..], &[a, d, e]] {
        let few = said(held.follow(signed(moved(), by)));
        assert!(few.starts_with("THRESHOLD: version 2") && few.contains("keys of version 1"), "{few}");
    }
    let own = said(held.follow(signed(moved(), &[a, b, d])));
    assert!(own.starts_with("THRESHOLD: version 2") && own.contains("keys of version 2"), "{own}");
    assert!(held.follow(signed(moved(), &[a, b, d, e])).is_ok());
    let stranger = said(held.follow(signed(next(&one), &[a, b, f])));
    assert!(stranger.starts_with("SIGNATURE") && stranger.contains("of neither version"), "{stranger}");
    assert!(said(Believed::kept(signed(first(&[a, b, c], 2), &[a, d]))).starts_with("SIGNATURE"));
    assert!(said(Believed::kept(signed(first(&[a, b, c], 2), &[a]))).starts_with("THRESHOLD"));
    let twice = SignedSet::new(first(&[a, b, c], 2)).and_then(|set| set.sign(a)).and_then(|set| set.sign(a));
    assert!(twice.is_err(), "one key counts once");
    // A signature of something else, or of another type, is none.
    let text = String::from_utf8(one.to_bytes().to_vec()).expect("UTF-8");
    let wrong = a.sign("entity-statement+jwt", b"{}").expect("signed");
    let right = text.split('"').nth(3).expect("a signature").to_owned();
    let parts: Vec<&str> = wrong.split('.').collect();
    let other = SignedSet::parse(text.replacen(&right, &format!("{}..{}", parts[0], parts[2]), 1).as_bytes());
    assert!(other.is_ok_and(|set| said(Believed::kept(set)).starts_with("SIGNATURE")));
}

#[test]
fn copies_with_one_signature_each_are_put_together() {
    let keys = holders(3);
    let terms = first(&[&keys[0], &keys[1], &keys[2]], 2);
    let draft = SignedSet::new(terms.clone()).expect("a version");
    let [a, b] = [0, 1].map(|n| draft.clone().sign(&keys[n]).expect("signed"));
    assert!(Believed::kept(a.clone()).is_err());
    let both = a.clone().merge(&b).and_then(|set| set.merge(&a)).expect("the same version");
    assert_eq!(both.signed_by().expect("names"), [0, 1].map(|n| keys[n].key().kid().to_owned()));
    assert!(Believed::kept(both).is_ok());
    let other = SignedSet::new(Terms { threshold: 1, ..terms }).expect("a version");
    assert!(a.merge(&other).is_err());
}

#[test]
fn every_flipped_byte_of_a_version_fails() {
    let keys: Vec<_> = (0..4).map(|_| SoftwareSigner::generate(Algorithm::EdDsa).expect("a key")).collect();
    let [one, two, _] = history(&keys);
    let held = believed(&one);
    let file = two.to_bytes();
    assert!(SignedSet::parse(file).is_ok_and(|set| held.follow(set).is_ok()));
    for at in 0..file.len() {
        for flip in [0x01, 0x20] {
            let mut bad = file.to_vec();
            bad[at] ^= flip;
            let taken = SignedSet::parse(&bad).is_ok_and(|set| held.follow(set).is_ok());
            assert!(!taken, "byte {at} ^ {flip}: {}", String::from_utf8_lossy(&bad));
        }
    }
    for bad in [&file[1..], &file[..file.len() - 1], &[file, b"\n"].concat(), &[b" ", file].concat()] {
        assert!(SignedSet::parse(bad).is_err());
    }
}

#[test]
fn terms_that_cannot_be_are_refused() {
    let keys = holders(2);
    let good = || first(&[&keys[0], &keys[1]], 2);
    assert!(SignedSet::new(good()).is_ok());
    for (what, bad) in [
        ("no number", Terms { version: 0, ..good() }),
        ("no version before", Terms { version: 2, ..good() }),
        ("one before the first", Terms { previous: Some(Fingerprint::of(b"")), ..good() }),
        ("a threshold of none", Terms { threshold: 0, ..good() }),
        ("more than there are keys", Terms { threshold: 3, ..good() }),
        ("half a second", Terms { issued: Timestamp::from_micros(1_795_176_000_500_000), ..good() }),
        ("expired when issued", Terms { expires: now(), ..good() }),
        ("a newer format", Terms { format: 3, ..good() }),
        ("no anchors", Terms { anchors: Vec::new(), ..good() }),
    ] {
        assert!(SignedSet::new(bad).is_err(), "{what}");
    }
    let json =
        String::from_utf8(SignedSet::new(good()).expect("a version").to_bytes().to_vec()).expect("UTF-8");
    for (from, to) in [
        ("\"threshold\":2", "\"threshold\":2,\"threshold\":2"),
        ("\"threshold\":2", "\"threshold\":2,\"x\":1"),
        ("\"threshold\":2", "\"threshold\": 2"),
        ("\"signatures\":[]", "\"signatures\":[\"x\"]"),
    ] {
        assert!(
            json.contains(from) && SignedSet::parse(json.replacen(from, to, 1).as_bytes()).is_err(),
            "{to}"
        );
    }
}

#[test]
fn a_version_with_signatures_is_an_anchor_set_too() {
    let [_, two, _] = history(&holders(4));
    let set = AnchorSet::parse(two.to_bytes()).expect("an anchor set");
    assert_eq!((&set.anchors, set.expires), (&two.terms().anchors, Some(two.terms().expires)));
    assert!(set.is_expired(two.terms().expires) && !set.is_expired(now()));
    let draft = SignedSet::new(two.terms().clone()).expect("a version");
    let refused = AnchorSet::parse(draft.to_bytes()).expect_err("nobody signed it").to_string();
    assert!(refused.contains("THRESHOLD"), "{refused}");
    let pretty: serde_json::Value = serde_json::from_slice(two.to_bytes()).expect("JSON");
    let refused = AnchorSet::parse(format!("{pretty:#}").as_bytes()).expect_err("indented").to_string();
    assert!(refused.contains("canonical form"), "{refused}");
}

/// The example of `schemas/`, made and signed with Python's `cryptography` and `json` alone.
#[test]
fn a_version_that_another_program_made_is_believed() {
    let file = include_bytes!("../../../../schemas/examples/signed-trust-anchors.json");
    let set = SignedSet::parse(file).expect("a version");
    let pin = "26486e339e22a59d8dc418dcce46f1bcdc2eabc403d6bf6350843dddb4d8d294";
    let pin = Fingerprint::parse(pin).expect("a fingerprint");
    let believed = Believed::pinned(set, &pin).expect("two of three keys signed it");
    assert_eq!(believed.set().signed_by().expect("names").len(), 2);
}

/// Keys are costly and do not matter here, so all cases share them.
fn shared() -> &'static [SoftwareSigner] {
    static KEYS: std::sync::OnceLock<Vec<SoftwareSigner>> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| (0..6).map(|_| SoftwareSigner::generate(Algorithm::EdDsa).expect("a key")).collect())
}

proptest! {
    /// Whoever signs: a version follows exactly when enough of the old keys, and enough of its own, did.
    #[test]
    fn a_version_follows_with_a_threshold_of_both(
        (old, new) in (1_u8..=4, 1_u8..=4),
        shift in 0_usize..=2,
        by in prop::collection::vec(any::<bool>(), 6),
    ) {
        let keys: Vec<&SoftwareSigner> = shared().iter().collect();
        let one = signed(first(&keys[..4], old), &keys[..4]);
        let own = &keys[shift..shift + 4];
        let chosen: Vec<usize> = (0..shift + 4).filter(|n| by[*n]).collect();
        let signers: Vec<&SoftwareSigner> = chosen.iter().map(|n| keys[*n]).collect();
        let two = signed(Terms { jwks: jwks(own), threshold: new, ..next(&one) }, &signers);
        let of_old = chosen.iter().filter(|n| **n < 4).count();
        let of_new = chosen.iter().filter(|n| **n >= shift).count();
        let expected = of_old >= usize::from(old) && of_new >= usize::from(new);
        prop_assert_eq!(believed(&one).follow(two).is_ok(), expected);
    }
}
