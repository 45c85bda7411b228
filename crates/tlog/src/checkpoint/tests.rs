//! Checkpoints: the specification's example, what is refused, and every byte changed.

use proptest::prelude::*;

use super::*;
use crate::{
    hash,
    testing::{Key, ORIGIN, mutations},
};

const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_example_is_read() {
    let checkpoint: Checkpoint = EXAMPLE.parse().expect("a checkpoint");
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.root().to_string(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(checkpoint.to_string(), EXAMPLE);
}

#[test]
fn extensions_are_kept() {
    let text = format!("{EXAMPLE}one\ntwo three\n");
    let checkpoint: Checkpoint = text.parse().expect("a checkpoint");
    assert_eq!(checkpoint.extensions(), ["one", "two three"]);
    assert_eq!(checkpoint.to_string(), text);
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = hash::EMPTY;
    for (text, error) in [
        (String::new(), Error::Form),
        ("\n".to_owned(), Error::Form),
        (format!("\n1\n{root}\n"), Error::Form),
        (format!("a\n1\n{root}"), Error::Form),
        ("a\n1\n".to_owned(), Error::Form),
        (format!("a\n\n1\n{root}\n"), Error::Form),
        (format!("a\n1\n{root}\n\n"), Error::Form),
        (format!("a\n1\n{root}\nx\n\ny\n"), Error::Form),
        (format!("a\n01\n{root}\n"), Error::Size("01".to_owned())),
        (format!("a\n00\n{root}\n"), Error::Size("00".to_owned())),
        (format!("a\n+1\n{root}\n"), Error::Size("+1".to_owned())),
        (format!("a\n-1\n{root}\n"), Error::Size("-1".to_owned())),
        (format!("a\n1 \n{root}\n"), Error::Size("1 ".to_owned())),
        (format!("a\n٣\n{root}\n"), Error::Size("٣".to_owned())),
        (format!("a\n9223372036854775808\n{root}\n"), Error::Size("9223372036854775808".to_owned())),
        (format!("a\n99999999999999999999\n{root}\n"), Error::Size("99999999999999999999".to_owned())),
        ("a\n1\nAAAA\n".to_owned(), Error::Root(hash::NotAHash)),
        (format!("a\n1\n{root}=\n"), Error::Root(hash::NotAHash)),
    ] {
        assert_eq!(text.parse::<Checkpoint>(), Err(error), "{text:?}");
    }
    assert!(format!("a\n0\n{root}\n").parse::<Checkpoint>().is_ok());
    assert!(format!("a\n9223372036854775807\n{root}\n").parse::<Checkpoint>().is_ok());
}

#[test]
fn only_the_log_of_the_origin_signs() {
    let (log, other) = (Key::log(1), Key::of(1, "other.example", KeyKind::Ed25519));
    let checkpoint = Checkpoint::new(log.vkey.name(), 5, hash::EMPTY).expect("a checkpoint");
    let origin = ORIGIN.to_owned();
    let wrong = SignError::WrongName { key: Box::new(other.vkey.clone()), origin };
    assert_eq!(checkpoint.clone().sign(&other.signer()), Err(wrong));
    let witness = Key::of(1, ORIGIN, KeyKind::CosignatureV1);
    let wrong = SignError::WrongKind(Box::new(witness.vkey.clone()));
    assert_eq!(checkpoint.clone().sign(&witness.signer()), Err(wrong));
    let signed = checkpoint.sign(&log.signer()).expect("signed");
    assert_eq!(signed.verify_log(&log.vkey), Ok(()));
    assert!(matches!(signed.verify_log(&other.vkey), Err(Error::Origin { .. })));
    assert!(matches!(signed.verify_log(&witness.vkey), Err(Error::Kind(_))));
    assert_eq!(signed.verify_log(&Key::log(2).vkey), Err(Error::Note(note::Error::Unsigned)));
}

/// A log's key under its name signs for another origin; the key's name decides, not the signature.
#[test]
fn a_signature_for_another_origin_counts_for_none() {
    let log = Key::log(1);
    let text = format!("other.example\n5\n{}\n", hash::EMPTY);
    let note = log.signer().note(text).expect("signed");
    let signed = SignedCheckpoint::parse(note.to_string().as_bytes()).expect("a checkpoint");
    assert!(matches!(signed.verify_log(&log.vkey), Err(Error::Origin { .. })));
}

#[test]
fn a_size_beyond_the_largest_tree_is_refused() {
    let name = Key::log(1).vkey.name().clone();
    assert!(Checkpoint::new(&name, MAX_SIZE, hash::EMPTY).is_ok());
    assert!(Checkpoint::new(&name, MAX_SIZE + 1, hash::EMPTY).is_err());
}

#[test]
fn a_changed_checkpoint_does_not_verify() {
    let log = Key::log(1);
    let signed = log.checkpoint(1_234, hash::leaf(b"root"));
    let text = signed.to_string();
    let (mut refused, mut same) = (0, 0);
    for changed in mutations(text.as_bytes()) {
        match SignedCheckpoint::parse(&changed) {
            Ok(other) if other.verify_log(&log.vkey).is_ok() => {
                assert_eq!(other, signed, "{}", String::from_utf8_lossy(&changed));
                same += 1;
            }
            _ => refused += 1,
        }
    }
    // Where a byte is replaced by itself.
    assert!(refused > 10 * text.len() - same && same > 0, "{refused} refused, {same} the same");
}

#[test]
fn lines_by_unknown_keys_can_be_left_out() {
    let (log, witness) = (Key::log(1), Key::witness(3));
    let signed = log.checkpoint(3, hash::EMPTY);
    let cosigned = witness.cosign(&signed, 9);
    assert_eq!(cosigned.only(std::slice::from_ref(&log.vkey)), Ok(signed.clone()));
    assert_eq!(signed.only(&[witness.vkey]), Err(note::Error::Signatures(0)));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(SignedCheckpoint::parse(&bytes).is_err());
    }

    #[test]
    fn what_is_parsed_is_what_would_be_written(
        origin in "[ -~é]{0,8}", size in "[0-9]{1,20}", extensions in "([a-z]{0,4}\n){0,3}",
    ) {
        let text = format!("{origin}\n{size}\n{}\n{extensions}", hash::EMPTY);
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }

    #[test]
    fn signed_checkpoints_come_back(size in 0..=MAX_SIZE, root: [u8; 32]) {
        let log = Key::log(1);
        let signed = log.checkpoint(size, root.into());
        let parsed = SignedCheckpoint::parse(signed.to_string().as_bytes()).expect("a checkpoint");
        prop_assert_eq!(&parsed, &signed);
        prop_assert_eq!(parsed.verify_log(&log.vkey), Ok(()));
        prop_assert_eq!(parsed.checkpoint().size(), size);
    }
}
