//! Who must have signed, by example and by the definition.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Policy, example, log, name, witness};
use crate::{
    checkpoint::SignedCheckpoint,
    hash, note,
    policy::{Member, Unmet},
    testing::{Key, ORIGIN},
};

fn cosigned_by(seeds: &[u8]) -> SignedCheckpoint {
    let signed = Key::log(1).checkpoint(9, hash::leaf(b"root"));
    seeds.iter().fold(signed, |signed, seed| Key::witness(*seed).cosign(&signed, 1_000 + u64::from(*seed)))
}

#[test]
fn the_example_asks_for_two_of_x_and_one_of_y() {
    let policy = Policy::parse(example().as_bytes()).expect("a policy");
    for (seeds, met) in [
        (&[10, 11, 20][..], true),
        (&[10, 12, 22], true),
        (&[10, 11, 12, 20, 21, 22], true),
        (&[10, 11], false),
        (&[10, 20, 21, 22], false),
        (&[20, 21, 22], false),
        (&[10, 11, 99], false),
        (&[], false),
    ] {
        assert_eq!(policy.verify(&cosigned_by(seeds)).is_ok(), met, "{seeds:?}");
    }
    let met = policy.verify(&cosigned_by(&[10, 11, 20, 99])).expect("met");
    let who: Vec<_> = met.witnesses.iter().map(|w| (w.name.to_string(), w.time_secs)).collect();
    let named = |seed: u64| (format!("witness.example/w{seed}"), 1_000 + seed);
    assert_eq!(who, [named(10), named(11), named(20)]);
}

#[test]
fn what_is_missing_is_told() {
    let policy = Policy::k_of_n(&[log(1)], &[witness(2), witness(3)], 2).expect("a policy");
    let unmet = policy.verify(&cosigned_by(&[3])).expect_err("one is missing");
    let (found, absent) = (vec![witness(3).name().clone()], vec![witness(2).name().clone()]);
    assert_eq!(unmet, Unmet::Missing { quorum: name("witnesses"), found, absent });
    assert_eq!(
        unmet.to_string(),
        "the quorum `witnesses` is not met: `witness.example/w3` cosigned, `witness.example/w2` did not"
    );
}

#[test]
fn the_log_must_be_known_whoever_cosigned() {
    let signed = cosigned_by(&[2]);
    let quorum = [witness(2)];
    let strange = Key::of(1, "other.example", note::KeyKind::Ed25519).vkey;
    let unknown = Policy::k_of_n(&[strange], &quorum, 1).expect("a policy");
    assert_eq!(unknown.verify(&signed), Err(Unmet::UnknownLog { origin: ORIGIN.to_owned() }));
    assert!(unknown.quorum_met(&signed).is_ok());
    let renewed = Policy::k_of_n(&[log(2)], &quorum, 1).expect("a policy");
    assert_eq!(renewed.verify(&signed), Err(Unmet::Note(note::Error::Unsigned)));
    let both = Policy::k_of_n(&[log(2), log(1)], &quorum, 1).expect("a policy");
    assert!(both.verify(&signed).is_ok());
    let none = Policy::k_of_n(&[], &quorum, 1).expect("a policy");
    assert_eq!(none.verify(&signed), Err(Unmet::UnknownLog { origin: ORIGIN.to_owned() }));
}

#[test]
fn a_cosignature_that_does_not_verify_spoils_the_note() {
    let (signed, other) = (cosigned_by(&[2, 3]), Key::log(1).checkpoint(10, hash::EMPTY));
    let wrong = Key::witness(3).cosign(&other, 5);
    let line = wrong.note().signatures().last().expect("a line").clone();
    let spoilt = signed.with_signatures(&[line]).expect("there is room");
    let policy = Policy::k_of_n(&[log(1)], &[witness(2), witness(3)], 1).expect("a policy");
    let name = witness(3).name().clone();
    assert_eq!(policy.verify(&spoilt), Err(Unmet::Note(note::Error::Signature(name))));
    let without = Policy::k_of_n(&[log(1)], &[witness(2)], 1).expect("a policy");
    assert!(without.verify(&spoilt).is_ok());
}

/// A policy of random groups over `witnesses` witnesses, as a file and as what each group asks for.
fn groups(witnesses: usize, picks: &[(prop::sample::Index, Vec<prop::sample::Index>)]) -> String {
    let mut text: String =
        (0..witnesses).map(|at| format!("witness w{at} {}\n", witness(at as u8))).collect();
    let mut free: Vec<String> = (0..witnesses).map(|at| format!("w{at}")).collect();
    for (at, (threshold, members)) in picks.iter().enumerate() {
        let mut taken = Vec::new();
        for member in members.iter().take(free.len()) {
            taken.push(free.remove(member.index(free.len())));
        }
        if !taken.is_empty() {
            text += &format!("group g{at} {} {}\n", threshold.index(taken.len()) + 1, taken.join(" "));
            free.push(format!("g{at}"));
        }
    }
    format!("{text}quorum {}\n", free.last().expect("a name"))
}

/// The definition: a witness if it cosigned, a group if `threshold` of its members.
fn defined(policy: &Policy, member: Member, cosigned: &[bool]) -> bool {
    match member {
        Member::Witness(at) => cosigned[at],
        Member::Group(at) => {
            let group = &policy.groups()[at];
            let count = group.members.iter().filter(|member| defined(policy, **member, cosigned)).count();
            count >= group.threshold
        }
    }
}

/// The same policy for `sigsum`, with the hashes of keys by witness.
fn theirs(policy: &Policy) -> (sigsum::Policy, Vec<sigsum::Hash>) {
    let mut builder = sigsum::PolicyBuilder::new();
    let mut hashes = Vec::new();
    for witness in policy.witnesses() {
        let key = sigsum::PublicKey::from(*witness.vkey.key());
        hashes.push(sigsum::Hash::new(witness.vkey.key()));
        builder.add_witness(witness.name.to_string(), key, None).expect("a witness");
    }
    for group in policy.groups() {
        let members = group.members.iter().map(|member| policy.name(*member).to_string()).collect();
        builder.add_group(group.name.to_string(), group.threshold, members).expect("a group");
    }
    let quorum = policy.quorum().map_or("none".to_owned(), |quorum| policy.name(quorum).to_string());
    builder.set_quorum(quorum).expect("a quorum");
    (builder.build(), hashes)
}

proptest! {
    #[test]
    fn quorums_are_met_as_defined_and_as_by_sigsum(
        witnesses in 1_usize..8,
        picks in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<prop::sample::Index>(), 1..5)), 0..6),
    ) {
        let policy = Policy::parse(groups(witnesses, &picks).as_bytes()).expect("a policy");
        let quorum = policy.quorum().expect("a quorum");
        let (sigsum, hashes) = theirs(&policy);
        let mut counts = BTreeMap::new();
        for set in 0_u32..1 << witnesses {
            let cosigned: Vec<bool> = (0..witnesses).map(|at| set >> at & 1 == 1).collect();
            let met = policy.has_cosigned(quorum, &cosigned);
            prop_assert_eq!(met, defined(&policy, quorum, &cosigned));
            let keys: Vec<_> = hashes.iter().zip(&cosigned).filter(|(_, did)| **did).map(|(hash, _)| hash.clone()).collect();
            prop_assert_eq!(met, sigsum.check_quorum(&keys));
            *counts.entry(met).or_insert(0) += 1;
        }
        // Nobody is never enough, and all always are.
        prop_assert!(counts.contains_key(&true) && counts.contains_key(&false));
    }
}
