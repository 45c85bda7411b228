//! Proofs of entries: what verifies, what is refused, and every byte changed.

use proptest::prelude::*;

use super::*;
use crate::{
    hash, note,
    testing::{Key, Leaves, mutations},
};

const SIZE: u64 = 21;
const INDEX: u64 = 13;

fn policy(k: usize) -> Policy {
    let witnesses = [2, 3].map(|seed| Key::witness(seed).vkey);
    Policy::k_of_n(&[Key::log(1).vkey], &witnesses, k).expect("a policy")
}

fn proof_of(leaves: &Leaves, index: u64, size: u64, extra: Option<Vec<u8>>) -> LogProof {
    let hashes = proof::inclusion(index, size, leaves).expect("a proof");
    let signed = Key::log(1).checkpoint(size, leaves.root(size));
    let cosigned = Key::witness(3).cosign(&Key::witness(2).cosign(&signed, 20), 30);
    LogProof::new(extra, index, hashes, cosigned).expect("a proof")
}

fn good() -> (LogProof, Hash) {
    let leaves = Leaves::of(SIZE);
    (proof_of(&leaves, INDEX, SIZE, None), leaves.0[INDEX as usize])
}

#[test]
fn a_proof_shows_log_tree_place_and_witnesses() {
    let (proof, leaf) = good();
    let proven = proof.verify(leaf, &policy(2)).expect("it holds");
    let cosigned = |seed: u8, time_secs| Cosigned { name: Key::witness(seed).vkey.name().clone(), time_secs };
    assert_eq!(
        proven,
        Proven {
            origin: "log.example/one".to_owned(),
            size: SIZE,
            index: INDEX,
            witnesses: vec![cosigned(2, 20), cosigned(3, 30)],
        }
    );
}

#[test]
fn the_text_is_as_specified() {
    let (proof, _) = good();
    let hashes: String = proof.hashes().iter().map(|hash| format!("{hash}\n")).collect();
    let text = format!("c2sp.org/tlog-proof@v1\nindex 13\n{hashes}\n{}", proof.checkpoint());
    assert_eq!(proof.to_string(), text);
    assert_eq!(text.parse(), Ok(proof));
    let with = proof_of(&Leaves::of(1), 0, 1, Some(b"more".to_vec()));
    let text = format!("c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 0\n\n{}", with.checkpoint());
    assert_eq!(with.to_string(), text);
    assert_eq!(with.extra(), Some(&b"more"[..]));
    assert_eq!(text.parse(), Ok(with));
}

#[test]
fn without_leaf_quorum_or_place_nothing_is_shown() {
    let (proof, leaf) = good();
    assert!(proof.verify(leaf, &policy(2)).is_ok());
    let refused = proof.verify(hash::leaf(b"another"), &policy(2));
    assert_eq!(refused, Err(Error::Inclusion(proof::Error::Root)));
    let signed = proof.checkpoint().only(&[Key::log(1).vkey, Key::witness(2).vkey]).expect("two lines");
    let alone = LogProof::new(None, INDEX, proof.hashes().to_vec(), signed).expect("a proof");
    assert!(matches!(alone.verify(leaf, &policy(2)), Err(Error::Policy(Unmet::Missing { .. }))));
    assert_eq!(alone.verify(leaf, &policy(1)).expect("one is enough").witnesses.len(), 1);
    let signed = proof.checkpoint().only(&[Key::witness(2).vkey, Key::witness(3).vkey]).expect("two lines");
    let unsigned = LogProof::new(None, INDEX, proof.hashes().to_vec(), signed).expect("a proof");
    let refused = unsigned.verify(leaf, &policy(2));
    assert_eq!(refused, Err(Error::Policy(Unmet::Note(note::Error::Unsigned))));
    for index in [INDEX - 1, INDEX + 1, INDEX + 32, MAX_SIZE] {
        let moved = LogProof::new(None, index, proof.hashes().to_vec(), proof.checkpoint().clone());
        let refused = moved.expect("a proof").verify(leaf, &policy(2));
        assert!(matches!(refused, Err(Error::Inclusion(_))), "{index}");
    }
}

#[test]
fn proofs_have_bounds() {
    let (proof, _) = good();
    let make = |extra, index, count| {
        LogProof::new(extra, index, vec![hash::EMPTY; count], proof.checkpoint().clone())
    };
    assert!(make(Some(vec![7; MAX_EXTRA]), MAX_SIZE, 63).is_ok());
    assert_eq!(make(Some(vec![7; MAX_EXTRA + 1]), 0, 0), Err(Error::Extra));
    assert_eq!(make(None, MAX_SIZE + 1, 0), Err(Error::Form));
    assert_eq!(make(None, 0, 64), Err(Error::Form));
    assert_eq!(make(Some(Vec::new()), 0, 0).expect("a proof").extra(), None);
    let largest = make(Some(vec![7; MAX_EXTRA]), MAX_SIZE, 63).expect("a proof");
    assert_eq!(largest.to_string().parse(), Ok(largest));
}

#[test]
fn what_is_no_proof_is_refused() {
    let parse = |text: &str| text.parse::<LogProof>();
    let (proof, _) = good();
    let (text, checkpoint) = (proof.to_string(), proof.checkpoint());
    let hash = hash::EMPTY;
    let with = |head: &str| parse(&format!("{head}\n\n{checkpoint}"));
    let head = "c2sp.org/tlog-proof@v1";
    assert!(with(&format!("{head}\nindex 0")).is_ok());
    for (head, error) in [
        (String::new(), Error::Header),
        ("c2sp.org/tlog-proof@v2\nindex 0".to_owned(), Error::Header),
        (format!(" {head}\nindex 0"), Error::Header),
        (format!("{head}\r\nindex 0"), Error::Header),
        (head.to_owned(), Error::Form),
        (format!("{head}\n{hash}"), Error::Form),
        (format!("{head}\nindex"), Error::Form),
        (format!("{head}\nindex "), Error::Form),
        (format!("{head}\nindex 00"), Error::Form),
        (format!("{head}\nindex 01"), Error::Form),
        (format!("{head}\nindex -1"), Error::Form),
        (format!("{head}\nindex 9223372036854775808"), Error::Form),
        (format!("{head}\nindex 1\nextra bW9yZQ=="), Error::Hash(3)),
        (format!("{head}\nextra bW9yZQ=="), Error::Form),
        (format!("{head}\nextra \nindex 1"), Error::Extra),
        (format!("{head}\nextra\nindex 1"), Error::Form),
        (format!("{head}\nextra bW9yZQ\nindex 1"), Error::Extra),
        (format!("{head}\nextra bW9yZR==\nindex 1"), Error::Extra),
        (format!("{head}\nextra bW9yZQ== \nindex 1"), Error::Extra),
        (format!("{head}\nextra bW9yZQ==\nextra bW9yZQ==\nindex 1"), Error::Form),
        (format!("{head}\nextra bW9yZQ==\nindex 1\nx"), Error::Hash(4)),
        (format!("{head}\nindex 1\n{hash}\nx"), Error::Hash(4)),
        (format!("{head}\nindex 1{}", format!("\n{hash}").repeat(64)), Error::Form),
    ] {
        assert_eq!(with(&head), Err(error), "{head:?}");
    }
    assert_eq!(parse(""), Err(Error::Form));
    assert!(parse(&text[..text.len() - 1]).is_err());
    assert!(parse(&format!("{text}\n")).is_err());
    let long = "a".repeat(MAX_BYTES + 1);
    assert_eq!(parse(&long), Err(Error::TooLong(long.len())));
}

#[test]
fn a_changed_proof_shows_the_same_or_nothing() {
    let (proof, leaf) = good();
    let (one, both) = (policy(1), policy(2));
    let shown = proof.verify(leaf, &one).expect("it holds");
    for changed in mutations(proof.to_string().as_bytes()) {
        let Ok(text) = String::from_utf8(changed) else { continue };
        let Ok(other) = text.parse::<LogProof>() else { continue };
        assert_eq!(other.to_string(), text);
        assert!(other.verify(leaf, &both).is_err() || other == proof, "{text}");
        // One of two is enough: the other's line may become a stranger's.
        let Ok(proven) = other.verify(leaf, &one) else { continue };
        assert_eq!((&proven.origin, proven.size, proven.index), (&shown.origin, SIZE, INDEX));
        assert!(proven.witnesses.iter().all(|witness| shown.witnesses.contains(witness)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_entry_of_every_tree_can_be_shown(
        size in 1_u64..400, at in any::<prop::sample::Index>(), extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..40)),
    ) {
        let leaves = Leaves::of(size);
        let index = at.index(size as usize) as u64;
        let proof = proof_of(&leaves, index, size, extra.clone());
        let parsed: LogProof = proof.to_string().parse().expect("a proof");
        prop_assert_eq!(&parsed, &proof);
        prop_assert_eq!(parsed.extra(), extra.as_deref());
        let proven = parsed.verify(leaves.0[index as usize], &policy(2)).expect("it holds");
        prop_assert_eq!((proven.size, proven.index), (size, index));
        let next = leaves.0[(index as usize + 1) % size as usize];
        prop_assert_eq!(parsed.verify(next, &policy(2)).is_ok(), size == 1);
    }

    #[test]
    fn any_text_is_parsed_without_panic(text in any::<String>()) {
        prop_assert!(text.parse::<LogProof>().is_err());
        let text = format!("c2sp.org/tlog-proof@v1\nindex 1\n\n{text}");
        prop_assert!(text.parse::<LogProof>().is_err());
    }
}
