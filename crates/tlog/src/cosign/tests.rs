//! Cosignatures: what is signed, what verifies, and how lines come together.

use super::*;
use crate::{
    hash,
    note::{Error, Note},
    testing::{Key, ORIGIN, mutations},
};

/// The example of C2SP tlog-cosignature, Ed25519 signed message.
#[test]
fn the_example_is_what_is_signed() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(
        message(1_679_315_147, text),
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
         CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    );
}

#[test]
fn the_time_is_part_of_a_cosignature() {
    let (log, witness) = (Key::log(1), Key::witness(2));
    let cosigned = witness.cosign(&log.checkpoint(7, hash::EMPTY), 1_700_000_000);
    let keys = [witness.vkey.clone()];
    let name = witness.vkey.name().clone();
    assert_eq!(verify(&cosigned, &keys), Ok(vec![Cosigned { name, time_secs: 1_700_000_000 }]));
    let line = cosigned.note().signatures().last().expect("a line");
    assert_eq!(line.bytes().len(), 72);
    for at in 0..72 {
        let mut bytes = line.bytes().to_vec();
        bytes[at] ^= 1;
        let changed = SignatureLine::new(&witness.vkey, bytes);
        let note = Note::new(cosigned.note().text().to_owned(), vec![changed]).expect("a note");
        assert_eq!(note.verify(&keys), Err(Error::Signature(witness.vkey.name().clone())), "byte {at}");
    }
    for len in [0, 7, 8, 64, 71, 73] {
        let line = SignatureLine::new(&witness.vkey, vec![0; len]);
        assert_eq!(signed(cosigned.note().text(), &line, &witness.vkey), None, "{len} bytes");
    }
}

/// With one private key for both, neither signature passes for the other.
#[test]
fn a_cosignature_is_no_signature_of_a_log() {
    let (log, witness) = (Key::log(1), Key::of(1, ORIGIN, KeyKind::CosignatureV1));
    let checkpoint = log.checkpoint(7, hash::EMPTY);
    let own = SignatureLine::new(&witness.vkey, checkpoint.note().signatures()[0].bytes().to_vec());
    let note = Note::new(checkpoint.note().text().to_owned(), vec![own]).expect("a note");
    assert!(note.verify(std::slice::from_ref(&witness.vkey)).is_err());
    let crossed = cosign(checkpoint.checkpoint(), 5, &log.signer());
    assert_eq!(crossed, Err(SignError::WrongKind(Box::new(log.vkey.clone()))));
    let line = cosign(checkpoint.checkpoint(), 5, &witness.signer()).expect("it cosigns");
    let stripped = SignatureLine::new(&log.vkey, line.bytes()[8..].to_vec());
    let note = Note::new(checkpoint.note().text().to_owned(), vec![stripped]).expect("a note");
    assert!(note.verify(std::slice::from_ref(&log.vkey)).is_err());
}

#[test]
fn times_have_bounds() {
    let (log, witness) = (Key::log(1), Key::witness(2));
    let signed = log.checkpoint(7, hash::EMPTY);
    for time in [0, MAX_TIME + 1, u64::MAX] {
        assert_eq!(cosign(signed.checkpoint(), time, &witness.signer()), Err(SignError::Time), "{time}");
        // As a witness that does not keep to it would write it.
        let text = signed.note().text();
        let signature = witness.signer().sign_bytes(message(time, text).as_bytes()).expect("signed");
        let bytes = [&time.to_be_bytes()[..], &signature].concat();
        let read = super::signed(text, &SignatureLine::new(&witness.vkey, bytes), &witness.vkey);
        assert_eq!(read, (time <= MAX_TIME).then_some(time));
    }
    assert!(cosign(signed.checkpoint(), MAX_TIME, &witness.signer()).is_ok());
}

#[test]
fn lines_come_in_one_order_however_they_are_added() {
    let (log, witnesses) = (Key::log(1), [5, 3, 4].map(Key::witness));
    let signed = log.checkpoint(7, hash::EMPTY);
    let lines = witnesses
        .each_ref()
        .map(|witness| cosign(signed.checkpoint(), 10, &witness.signer()).expect("it cosigns"));
    let all = signed.with_signatures(&lines).expect("there is room");
    let names = |of: &SignedCheckpoint| {
        of.note().signatures().iter().map(|line| line.name().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&all), [ORIGIN, "witness.example/w3", "witness.example/w4", "witness.example/w5"]);
    let one_by_one = lines
        .iter()
        .rev()
        .try_fold(signed.clone(), |sum, line| sum.with_signatures(std::slice::from_ref(line)));
    assert_eq!(one_by_one, Ok(all.clone()));
    assert_eq!(all.with_signatures(&lines), Ok(all.clone()));
    let later = witnesses[1].cosign(&all, 20);
    assert_eq!(names(&later), names(&all));
    let w3 = &witnesses[1].vkey;
    let expected = Cosigned { name: w3.name().clone(), time_secs: 20 };
    assert_eq!(verify(&later, std::slice::from_ref(w3)), Ok(vec![expected]));
}

#[test]
fn the_logs_own_signature_is_never_replaced() {
    let log = Key::log(1);
    let (one, two) = (log.checkpoint(7, hash::EMPTY), log.checkpoint(8, hash::EMPTY));
    assert_eq!(one.with_signatures(two.note().signatures()), Ok(one));
}

#[test]
fn a_changed_cosigned_checkpoint_says_the_same_or_nothing() {
    let (log, witness) = (Key::log(1), Key::witness(2));
    let cosigned = witness.cosign(&log.checkpoint(77, hash::leaf(b"root")), 1_700_000_000);
    let keys = [log.vkey.clone(), witness.vkey.clone()];
    let said = cosigned.note().verify(&keys).expect("both signed");
    for changed in mutations(cosigned.to_string().as_bytes()) {
        let Ok(other) = SignedCheckpoint::parse(&changed) else { continue };
        let Ok(found) = other.note().verify(&keys) else { continue };
        assert_eq!(other.checkpoint(), cosigned.checkpoint());
        // A changed name or key ID is another's, and ignored.
        assert!(found.iter().all(|verified| said.contains(verified)));
    }
}
