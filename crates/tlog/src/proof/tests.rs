//! Proofs against the RFC's own recursive definition, and what becomes of them when anything changes.

use proptest::prelude::*;

use super::*;
use crate::{hash, testing::Leaves};

fn half(len: usize) -> usize {
    len.next_power_of_two() / 2
}

/// PATH of RFC 6962, section 2.1.1.
fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = half(d.len());
    let (mut proof, sibling) =
        if m < k { (path(m, &d[..k]), &d[k..]) } else { (path(m - k, &d[k..]), &d[..k]) };
    proof.push(tree::root_of(sibling));
    proof
}

/// SUBPROOF of RFC 6962, section 2.1.2.
fn subproof(m: usize, d: &[Hash], known: bool) -> Vec<Hash> {
    if m == d.len() {
        return if known { Vec::new() } else { vec![tree::root_of(d)] };
    }
    let k = half(d.len());
    let (mut proof, sibling) = if m <= k {
        (subproof(m, &d[..k], known), &d[k..])
    } else {
        (subproof(m - k, &d[k..], false), &d[..k])
    };
    proof.push(tree::root_of(sibling));
    proof
}

#[test]
fn inclusion_proofs_are_those_of_the_rfc() {
    let leaves = Leaves::of(70);
    for size in 1..=70 {
        for index in 0..size {
            let proof = inclusion(index, size, &leaves).expect("a proof");
            assert_eq!(proof, path(index as usize, &leaves.0[..size as usize]), "{index} of {size}");
            let leaf = leaves.0[index as usize];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, leaves.root(size)), Ok(()));
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_rfc() {
    let leaves = Leaves::of(70);
    for new in 1..=70 {
        for old in 1..=new {
            let proof = consistency(old, new, &leaves).expect("a proof");
            assert_eq!(proof, subproof(old as usize, &leaves.0[..new as usize], true), "{old} of {new}");
            let (old_root, new_root) = (leaves.root(old), leaves.root(new));
            assert_eq!(verify_consistency(old, old_root, new, new_root, &proof), Ok(()));
        }
    }
}

#[test]
fn there_is_no_proof_of_what_cannot_be() {
    assert_eq!(needed_for_inclusion(0, 0), Err(Error::Index { index: 0, size: 0 }));
    assert_eq!(needed_for_inclusion(5, 5), Err(Error::Index { index: 5, size: 5 }));
    assert_eq!(needed_for_inclusion(0, 1 << 63), Err(Error::TooLarge));
    assert_eq!(needed_for_consistency(6, 5), Err(Error::Order { old: 6, new: 5 }));
    assert_eq!(needed_for_consistency(1, 1 << 63), Err(Error::TooLarge));
    assert_eq!(needed_for_consistency(0, 5), Ok(Plan::default()));
    let h = hash::EMPTY;
    assert_eq!(verify_inclusion(h, 0, 0, &[], h), Err(Error::Index { index: 0, size: 0 }));
    assert_eq!(verify_inclusion(h, u64::MAX, u64::MAX, &[], h), Err(Error::TooLarge));
    assert_eq!(verify_consistency(0, h, 5, h, &[]), Err(Error::EmptyTree));
    assert_eq!(verify_consistency(1, h, u64::MAX, h, &[]), Err(Error::TooLarge));
    assert_eq!(verify_consistency(3, h, 3, h, &[h]), Err(Error::Length { needed: 0, given: 1 }));
}

#[test]
fn a_plan_takes_exactly_its_hashes() {
    let plan = needed_for_inclusion(4, 7).expect("a plan");
    let needed = plan.nodes().len();
    assert_eq!(needed, 3);
    for given in [0, 1, 2, 4] {
        assert_eq!(plan.assemble(&vec![hash::EMPTY; given]), Err(Error::Hashes { needed, given }));
    }
}

fn flip(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

/// Every proof that is not this one: a hash changed, left out, doubled, added, swapped.
fn others(proof: &[Hash], bit: usize) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[hash::EMPTY]].concat(), [&[hash::EMPTY], proof].concat()];
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at] = flip(changed[at], bit);
        all.push(changed);
        all.push([&proof[..at], &proof[at + 1..]].concat());
        all.push([&proof[..=at], &proof[at..]].concat());
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            all.push(swapped);
        }
    }
    all
}

proptest! {
    #[test]
    fn an_inclusion_proof_holds_for_one_leaf_of_one_tree(
        size in 1_u64..1_500, at in any::<prop::sample::Index>(), bit in 0_usize..256,
    ) {
        let leaves = Leaves::of(size);
        let index = at.index(size as usize) as u64;
        let (leaf, root) = (leaves.0[index as usize], leaves.root(size));
        let proof = inclusion(index, size, &leaves).expect("a proof");
        prop_assert!(proof.len() <= MAX_HASHES);
        prop_assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
        for other in others(&proof, bit) {
            prop_assert!(verify_inclusion(leaf, index, size, &other, root).is_err());
        }
        prop_assert!(verify_inclusion(flip(leaf, bit), index, size, &proof, root).is_err());
        prop_assert!(verify_inclusion(leaf, index, size, &proof, flip(root, bit)).is_err());
        for other in [index.wrapping_sub(1), index + 1, index ^ (1 << (bit % 64)), size] {
            prop_assert!(verify_inclusion(leaf, other, size, &proof, root).is_err());
        }
    }

    #[test]
    fn a_consistency_proof_holds_for_two_trees(
        new in 2_u64..1_500, at in any::<prop::sample::Index>(), bit in 0_usize..256,
    ) {
        let leaves = Leaves::of(new);
        let old = at.index(new as usize - 1) as u64 + 1;
        let (old_root, new_root) = (leaves.root(old), leaves.root(new));
        let proof = consistency(old, new, &leaves).expect("a proof");
        prop_assert!(proof.len() <= MAX_HASHES);
        prop_assert_eq!(verify_consistency(old, old_root, new, new_root, &proof), Ok(()));
        for other in others(&proof, bit) {
            prop_assert!(verify_consistency(old, old_root, new, new_root, &other).is_err());
        }
        let refused = |old_root, new_root| verify_consistency(old, old_root, new, new_root, &proof).is_err();
        prop_assert!(refused(flip(old_root, bit), new_root));
        prop_assert!(refused(old_root, flip(new_root, bit)));
        prop_assert!(refused(new_root, old_root));
    }

    #[test]
    fn any_sizes_and_hashes_are_verified_without_panic(
        a in any::<u64>(), b in any::<u64>(), len in 0_usize..70,
    ) {
        let proof = vec![hash::EMPTY; len];
        prop_assert!(verify_inclusion(hash::EMPTY, a, b, &proof, hash::EMPTY).is_err());
        let same = a == b && len == 0 && (1..=MAX_SIZE).contains(&a);
        let consistent = verify_consistency(a, hash::EMPTY, b, hash::EMPTY, &proof);
        prop_assert_eq!(consistent.is_ok(), same);
    }

    #[test]
    fn plans_of_large_trees_stay_small(a in 0..=MAX_SIZE, b in 0..=MAX_SIZE) {
        let (old, new) = (a.min(b), a.max(b));
        let beyond = usize::from(new > 1 << 62);
        let plans = [(needed_for_inclusion(old, new), 0), (needed_for_consistency(old, new), beyond)];
        for (plan, more) in plans.into_iter().filter_map(|(plan, more)| Some((plan.ok()?, more))) {
            prop_assert!(plan.parts.len() <= MAX_HASHES + more);
            prop_assert!(plan.nodes.len() <= 2 * MAX_HASHES);
            prop_assert!(plan.nodes.iter().all(|node| node.end().is_some_and(|end| end <= new)));
        }
    }
}
