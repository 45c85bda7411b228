//! Each status of the protocol, histories of honest and dishonest logs, and evidence.

mod evidence;

use proptest::prelude::*;

use super::*;
use crate::{
    note::KeyKind,
    testing::{Key, Leaves, mutations},
};

/// A request of the log with these leaves to follow from `old`.
fn request(log: &Key, leaves: &Leaves, old: u64, new: u64) -> AddCheckpoint {
    let proof = proof::consistency(old, new, leaves).unwrap_or_default();
    AddCheckpoint { old, proof, checkpoint: log.checkpoint(new, leaves.root(new)) }
}

fn seen(log: &Key, leaves: &Leaves, size: u64) -> Seen {
    Seen::new(log.checkpoint(size, leaves.root(size)))
}

#[test]
fn a_log_that_grows_is_accepted() {
    let (log, leaves) = (Key::log(1), Leaves::of(20));
    let mut last = None;
    for (old, new) in [(0, 0), (0, 1), (1, 1), (1, 6), (6, 8), (8, 8), (8, 20)] {
        let request = request(&log, &leaves, old, new);
        let accepted = consider(&request, last.as_ref(), &log.vkey).expect("it follows");
        assert_eq!((accepted.seen.size(), accepted.seen.root()), (new, leaves.root(new)));
        last = Some(accepted.seen);
    }
}

#[test]
fn only_the_logs_signature_is_kept() {
    let (log, leaves) = (Key::log(1), Leaves::of(3));
    let mut request = request(&log, &leaves, 0, 3);
    request.checkpoint = Key::witness(7).cosign(&request.checkpoint, 5);
    let accepted = consider(&request, None, &log.vkey).expect("it follows");
    assert_eq!(accepted.seen, seen(&log, &leaves, 3));
}

fn rejected(request: &AddCheckpoint, seen: Option<&Seen>, log: &Key) -> Rejected {
    consider(request, seen, &log.vkey).expect_err("it is refused")
}

#[test]
fn what_the_log_did_not_sign_is_forbidden() {
    let (log, leaves) = (Key::log(1), Leaves::of(9));
    let good = request(&log, &leaves, 0, 9);
    let strange = [Key::log(2), Key::of(1, "other.example", KeyKind::Ed25519), Key::witness(1)];
    for other in &strange {
        assert_eq!(rejected(&good, None, other).status(), 403);
    }
    let changed = good.to_string().replace("\n9\n", "\n8\n");
    let changed = AddCheckpoint::parse(changed.as_bytes()).expect("still a request");
    assert_eq!(rejected(&changed, None, &log).status(), 403);
    // The signature comes first: nothing else is told to whoever is not the log.
    let ahead = AddCheckpoint { old: 50, ..good };
    assert_eq!(rejected(&ahead, None, &strange[0]).status(), 403);
    assert_eq!(rejected(&ahead, None, &log), Rejected::BadRequest { old: 50, size: 9 });
    assert_eq!(rejected(&ahead, None, &log).status(), 400);
}

#[test]
fn what_was_seen_of_another_log_is_not_compared() {
    let (log, other, leaves) = (Key::log(1), Key::of(2, "other.example", KeyKind::Ed25519), Leaves::of(9));
    let strange = seen(&other, &leaves, 4);
    assert_eq!(rejected(&request(&log, &leaves, 4, 9), Some(&strange), &log).status(), 403);
}

#[test]
fn another_old_size_is_a_conflict() {
    let (log, leaves) = (Key::log(1), Leaves::of(9));
    for (last, old, size) in [(Some(5), 4, 5), (Some(5), 6, 5), (Some(5), 0, 5), (None, 4, 0)] {
        let last = last.map(|size| seen(&log, &leaves, size));
        let conflict = rejected(&request(&log, &leaves, old, 9), last.as_ref(), &log);
        assert_eq!(conflict, Rejected::Conflict { size, evidence: None });
        assert_eq!(conflict.status(), 409);
    }
}

#[test]
fn what_does_not_follow_is_unprocessable() {
    let (log, leaves) = (Key::log(1), Leaves::of(9));
    let last = seen(&log, &leaves, 5);
    let good = request(&log, &leaves, 5, 9);
    let mut other = leaves.0.clone();
    other[2] = hash::EMPTY;
    let fork = request(&log, &Leaves(other), 5, 9);
    let short = AddCheckpoint { proof: good.proof[1..].to_vec(), ..good.clone() };
    let again = AddCheckpoint { proof: good.proof.clone(), ..request(&log, &leaves, 5, 5) };
    for wrong in [fork, short, again] {
        let refused = rejected(&wrong, Some(&last), &log);
        assert!(matches!(refused, Rejected::Proof(_)), "{refused:?}");
        assert_eq!((refused.status(), refused.evidence()), (422, None));
    }
    let first = AddCheckpoint { proof: vec![hash::EMPTY], ..request(&log, &leaves, 0, 9) };
    assert_eq!(rejected(&first, None, &log), Rejected::Unneeded);
    let nothing = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: log.checkpoint(0, hash::leaf(b"")) };
    assert_eq!(rejected(&nothing, None, &log), Rejected::EmptyRoot);
    assert_eq!((Rejected::Unneeded.status(), Rejected::EmptyRoot.status()), (422, 422));
}

#[test]
fn another_root_of_the_same_size_is_evidence() {
    let (log, leaves) = (Key::log(1), Leaves::of(9));
    let last = seen(&log, &leaves, 5);
    let forked = log.checkpoint(5, hash::leaf(b"another tree"));
    for (old, status) in [(5, 422), (4, 409), (0, 409)] {
        let request = AddCheckpoint { old, proof: Vec::new(), checkpoint: forked.clone() };
        let refused = rejected(&request, Some(&last), &log);
        assert_eq!(refused.status(), status);
        let evidence = refused.evidence().expect("evidence");
        assert_eq!(evidence.verify(&log.vkey), Ok(()));
        assert_eq!(evidence.checkpoints(), [last.signed(), &forked]);
    }
}

/// The example of C2SP tlog-witness.
const EXAMPLE: &str = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";

#[test]
fn the_example_is_read_and_written() {
    let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).expect("a request");
    assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.checkpoint.checkpoint().size(), 20_852_163);
    assert_eq!(request.to_string(), EXAMPLE);
}

#[test]
fn what_is_no_request_is_refused() {
    let parse = |text: &str| AddCheckpoint::parse(text.as_bytes());
    let (_, checkpoint) = EXAMPLE.split_once("\n\n").expect("a checkpoint");
    let hash = hash::EMPTY;
    let lines = |count: usize| format!("{hash}\n").repeat(count);
    assert!(parse(&format!("old 0\n\n{checkpoint}")).is_ok());
    assert!(parse(&format!("old 1\n{}\n{checkpoint}", lines(63))).is_ok());
    for (text, error) in [
        (format!("old 1\n{}\n{checkpoint}", lines(64)), RequestError::Form),
        (format!("old 01\n\n{checkpoint}"), RequestError::Form),
        (format!("old  1\n\n{checkpoint}"), RequestError::Form),
        (format!("old 1 \n\n{checkpoint}"), RequestError::Form),
        (format!("old -1\n\n{checkpoint}"), RequestError::Form),
        (format!("old 9223372036854775808\n\n{checkpoint}"), RequestError::Form),
        (format!("Old 1\n\n{checkpoint}"), RequestError::Form),
        (format!("old\n\n{checkpoint}"), RequestError::Form),
        (format!("\nold 1\n\n{checkpoint}"), RequestError::Form),
        (format!("{}\n{checkpoint}", lines(1)), RequestError::Form),
        (format!("old 1\n{hash}\nx\n\n{checkpoint}"), RequestError::Hash(3)),
        (format!("old 1\n{hash}\r\n\n{checkpoint}"), RequestError::Hash(2)),
        (format!("old 1\n{checkpoint}"), RequestError::Hash(2)),
        (String::new(), RequestError::Form),
        ("old 1\n".to_owned(), RequestError::Form),
    ] {
        assert_eq!(parse(&text), Err(error), "{text:?}");
    }
    assert!(matches!(parse("old 1\n\nx"), Err(RequestError::Checkpoint(_))));
    let long = "a".repeat(200_000);
    assert_eq!(parse(&long), Err(RequestError::TooLong(long.len())));
}

#[test]
fn every_changed_request_is_refused_or_asks_the_same_of_the_log() {
    let (log, leaves) = (Key::log(1), Leaves::of(23));
    let last = seen(&log, &leaves, 11);
    let good = request(&log, &leaves, 11, 23);
    for changed in mutations(good.to_string().as_bytes()) {
        let Ok(other) = AddCheckpoint::parse(&changed) else { continue };
        assert_eq!(other.to_string().as_bytes(), changed);
        if let Ok(accepted) = consider(&other, Some(&last), &log.vkey) {
            assert_eq!(other, good);
            assert_eq!(accepted.seen, seen(&log, &leaves, 23));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_log_is_accepted_as_long_as_it_only_appends(
        sizes in prop::collection::vec(0_u64..200, 1..8), fork in prop::option::of(0_u64..200),
    ) {
        let (log, honest) = (Key::log(1), Leaves::of(200));
        let mut other = honest.0.clone();
        if let Some(at) = fork {
            other[at as usize] = hash::leaf(b"instead");
        }
        let other = Leaves(other);
        let mut last: Option<Seen> = None;
        // Ever larger trees, each a continuation of the last as the forked log tells it.
        let mut sizes = sizes;
        sizes.sort_unstable();
        for (step, size) in sizes.into_iter().enumerate() {
            let tree = if step == 0 { &honest } else { &other };
            let old = last.as_ref().map_or(0, Seen::size);
            let accepted = consider(&request(&log, tree, old, size), last.as_ref(), &log.vkey);
            let changed = fork.is_some_and(|at| at < old) && step > 0;
            if changed && last.as_ref().is_some_and(|last| last.root() != other.root(old)) {
                prop_assert_eq!(accepted.expect_err("a fork").status(), 422);
                break;
            }
            last = Some(accepted.expect("it follows").seen);
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(AddCheckpoint::parse(&bytes).is_err());
        prop_assert!(AddCheckpoint::parse(&[b"old 1\n\n", &bytes[..]].concat()).is_err());
    }
}
