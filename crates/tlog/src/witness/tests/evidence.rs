//! Evidence convinces whoever has the log's key, and nothing else is evidence.

use crate::{
    hash,
    note::KeyKind,
    testing::{Key, ORIGIN, mutations},
    witness::{Equivocation, EquivocationError},
};

fn evidence(log: &Key) -> Equivocation {
    let (one, two) = (log.checkpoint(5, hash::leaf(b"one")), log.checkpoint(5, hash::leaf(b"two")));
    Equivocation::new(one, Key::witness(3).cosign(&two, 9)).expect("a contradiction")
}

#[test]
fn evidence_comes_back_and_convinces() {
    let log = Key::log(1);
    let evidence = evidence(&log);
    let text = evidence.to_string();
    assert!(text.starts_with("tlog-equivocation/v1\n\nlog.example/one\n5\n"));
    let parsed: Equivocation = text.parse().expect("evidence");
    assert_eq!(parsed, evidence);
    assert_eq!((parsed.origin(), parsed.size()), (ORIGIN, 5));
    assert_eq!(parsed.verify(&log.vkey), Ok(()));
    assert!(parsed.verify(&Key::log(2).vkey).is_err());
    assert!(parsed.verify(&Key::of(1, "other.example", KeyKind::Ed25519).vkey).is_err());
}

#[test]
fn checkpoints_that_can_both_be_true_are_no_evidence() {
    let log = Key::log(1);
    let one = log.checkpoint(5, hash::leaf(b"one"));
    for other in [
        one.clone(),
        Key::witness(2).cosign(&one, 3),
        log.checkpoint(6, hash::leaf(b"two")),
        Key::of(1, "other.example", KeyKind::Ed25519).checkpoint(5, hash::leaf(b"two")),
    ] {
        assert_eq!(Equivocation::new(one.clone(), other.clone()), Err(EquivocationError::Agreement));
        let text = format!("tlog-equivocation/v1\n\n{one}\n{other}");
        assert_eq!(text.parse::<Equivocation>(), Err(EquivocationError::Agreement));
    }
}

#[test]
fn whoever_forges_one_of_two_convinces_nobody() {
    let (log, other) = (Key::log(1), Key::log(2));
    let (real, forged) = (log.checkpoint(5, hash::leaf(b"one")), other.checkpoint(5, hash::leaf(b"two")));
    for (first, second) in [(&real, &forged), (&forged, &real)] {
        let evidence = Equivocation::new(first.clone(), second.clone()).expect("a contradiction");
        assert!(evidence.verify(&log.vkey).is_err());
    }
}

#[test]
fn changed_evidence_convinces_of_the_same_or_of_nothing() {
    let log = Key::log(1);
    let evidence = evidence(&log);
    for changed in mutations(evidence.to_string().as_bytes()) {
        let Ok(text) = String::from_utf8(changed) else { continue };
        let Ok(other) = text.parse::<Equivocation>() else { continue };
        assert_eq!(other.to_string(), text);
        if other.verify(&log.vkey).is_ok() {
            let said = |of: &Equivocation| of.checkpoints().map(|signed| signed.checkpoint().clone());
            assert_eq!(said(&other), said(&evidence));
        }
    }
}

#[test]
fn what_is_no_evidence_is_refused() {
    let text = evidence(&Key::log(1)).to_string();
    for wrong in [
        String::new(),
        text[1..].to_owned(),
        text.replacen("\n\n", "\n", 1),
        text.replacen("\n\n", "\n\n\n", 1),
        text.replace("v1", "v2"),
        format!("{text}\n{text}"),
        text[..text.len() - 1].to_owned(),
        text.replace('\n', "\r\n"),
        "a".repeat(300_000),
    ] {
        assert!(wrong.parse::<Equivocation>().is_err(), "{:?}", &wrong[..wrong.len().min(80)]);
    }
}
