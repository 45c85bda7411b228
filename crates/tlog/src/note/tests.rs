//! Notes: the specification's example, what is refused, and every byte changed.

use proptest::prelude::*;

use super::*;
use crate::testing::{Key, ORIGIN, mutations};

/// The example of C2SP signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn example() -> (Note, Vkey) {
    (Note::parse(EXAMPLE.as_bytes()).expect("a note"), EXAMPLE_KEY.parse().expect("a key"))
}

#[test]
fn the_example_verifies() {
    let (note, key) = example();
    assert_eq!(key.to_string(), EXAMPLE_KEY);
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(vec![Verified { key, time_secs: None }]));
}

#[test]
fn a_changed_example_does_not_verify() {
    let (note, key) = example();
    for changed in mutations(EXAMPLE.as_bytes()) {
        let verified = Note::parse(&changed).map(|other| (other.verify(std::slice::from_ref(&key)), other));
        if let Ok((Ok(_), other)) = verified {
            assert_eq!(other, note, "{}", String::from_utf8_lossy(&changed));
        }
    }
}

#[test]
fn a_text_may_have_empty_lines() {
    let (key, text) = (Key::log(1), "one\n\n\ntwo\n\n");
    let note = key.signer().note(text.to_owned()).expect("signed");
    let parsed = Note::parse(note.to_string().as_bytes()).expect("a note");
    assert_eq!(parsed, note);
    assert_eq!(parsed.text(), text);
}

#[test]
fn what_is_no_note_is_refused() {
    let line = EXAMPLE.lines().last().expect("a line");
    let with = |text: &str| Note::parse(format!("text\n\n{text}").as_bytes());
    assert!(with(&format!("{line}\n")).is_ok());
    for (text, error) in [
        (line.to_owned(), Error::Form),
        (format!("{line}\n{line}"), Error::Form),
        (format!("{line}\n\n"), Error::Form),
        (format!("{line}\n\n{line} \n"), Error::Line(1)),
        (String::new(), Error::Form),
        ("\n".to_owned(), Error::Form),
        (format!("{line}\r\n"), Error::Line(1)),
        (format!("{line}\nother\n"), Error::Line(2)),
        (line.replace('—', "-") + "\n", Error::Line(1)),
        (line.replace(" example", "  example") + "\n", Error::Line(1)),
        (line.replace("/foo", "/f+o") + "\n", Error::Line(1)),
        (line.replace("/foo", "/f\u{a0}o") + "\n", Error::Line(1)),
        (line.replace("/foo", "/f\u{2003}o") + "\n", Error::Line(1)),
        ("— a AAAAAA==\n".to_owned(), Error::Line(1)),
        ("— a AAAAAAB=\n".to_owned(), Error::Line(1)),
        ("— a AAAAAAA\n".to_owned(), Error::Line(1)),
        ("—  AAAAAAA=\n".to_owned(), Error::Line(1)),
        ("— a \n".to_owned(), Error::Line(1)),
        (format!("— {} AAAAAAA=\n", "a".repeat(256)), Error::Line(1)),
        ("— a AAAAAAA=\n".repeat(65), Error::Signatures(65)),
    ] {
        assert_eq!(with(&text), Err(error), "{text:?}");
    }
    assert!(with(&"— a AAAAAAA=\n".repeat(64)).is_ok());
    assert_eq!(Note::parse(format!("text\n{line}\n").as_bytes()), Err(Error::Form));
    assert_eq!(Note::parse(format!("te\txt\n\n{line}\n").as_bytes()), Err(Error::Characters));
    assert_eq!(Note::parse(b"te\xffxt\n\n"), Err(Error::Characters));
    assert_eq!(Note::parse(&vec![b'a'; MAX_BYTES + 1]), Err(Error::TooLong(MAX_BYTES + 1)));
}

#[test]
fn notes_are_made_as_they_are_parsed() {
    let key = Key::log(1);
    let line = key.signer().sign("text\n").expect("signed");
    assert_eq!(Note::new("text".to_owned(), vec![line.clone()]), Err(Error::Form));
    assert_eq!(Note::new("te\0xt\n".to_owned(), vec![line.clone()]), Err(Error::Characters));
    assert_eq!(Note::new("text\n".to_owned(), Vec::new()), Err(Error::Signatures(0)));
    assert_eq!(Note::new("text\n".to_owned(), vec![line.clone(); 65]), Err(Error::Signatures(65)));
    let long = "a".repeat(MAX_BYTES) + "\n";
    assert!(matches!(Note::new(long, vec![line]), Err(Error::TooLong(_))));
}

/// 16 signatures of post-quantum size, which C2SP signed-note asks verifiers to accept.
#[test]
fn there_is_room_for_large_signatures() {
    let bytes = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 5_000]);
    let text = format!("text\n\n{}", format!("— a {bytes}\n").repeat(16));
    assert_eq!(Note::parse(text.as_bytes()).expect("a note").signatures().len(), 16);
}

#[test]
fn a_known_key_must_verify_and_signs_once() {
    let (ours, strange) = (Key::log(1), Key::of(2, "other.example", KeyKind::Ed25519));
    let (good, other) = (ours.signer().sign("text\n").expect("signed"), strange.signer().sign("text\n"));
    let other = other.expect("signed");
    let wrong = SignatureLine::new(&ours.vkey, other.bytes().to_vec());
    let short = SignatureLine::new(&ours.vkey, vec![1; 63]);
    let keys = [ours.vkey.clone()];
    let verify = |lines: &[&SignatureLine]| {
        let lines = lines.iter().copied().cloned().collect();
        Note::new("text\n".to_owned(), lines).expect("a note").verify(&keys).map(|found| found.len())
    };
    let name = || ours.vkey.name().clone();
    assert_eq!(verify(&[&good]), Ok(1));
    assert_eq!(verify(&[&other, &good]), Ok(1));
    assert_eq!(verify(&[&other]), Err(Error::Unsigned));
    assert_eq!(verify(&[&good, &good]), Err(Error::Twice(name())));
    assert_eq!(verify(&[&good, &wrong]), Err(Error::Twice(name())));
    assert_eq!(verify(&[&wrong]), Err(Error::Signature(name())));
    assert_eq!(verify(&[&wrong, &good]), Err(Error::Signature(name())));
    assert_eq!(verify(&[&short]), Err(Error::Signature(name())));
}

#[test]
fn name_and_key_id_together_make_a_key_known() {
    let (ours, renewed) = (Key::log(1), Key::log(2));
    let note = renewed.signer().note("text\n".to_owned()).expect("signed");
    assert_eq!(note.verify(std::slice::from_ref(&ours.vkey)), Err(Error::Unsigned));
    let both = [ours.vkey.clone(), renewed.vkey.clone()];
    assert_eq!(note.verify(&both).expect("known")[0].key, renewed.vkey);
    assert_eq!(note.verify(&[]), Err(Error::Unsigned));
}

#[test]
fn only_the_right_private_key_signs() {
    let (key, other) = (Key::log(1), Key::log(2));
    let crossed = NoteSigner::new(key.vkey.clone(), &other);
    assert_eq!(crossed.sign("text\n"), Err(SignError::WrongKey(Box::new(key.vkey.clone()))));
    let witness = Key::witness(3);
    let wrong = SignError::WrongKind(Box::new(witness.vkey.clone()));
    assert_eq!(witness.signer().sign("text\n"), Err(wrong));
}

#[test]
fn what_is_no_key_is_refused() {
    let key = |text: &str| text.parse::<Vkey>();
    assert!(key(EXAMPLE_KEY).is_ok());
    for changed in mutations(EXAMPLE_KEY.as_bytes()) {
        let Ok(text) = std::str::from_utf8(&changed) else { continue };
        // What differs and is a key all the same has a key ID of its own: here none does.
        assert!(key(text).is_err() || text == EXAMPLE_KEY, "{text}");
    }
    let upper = EXAMPLE_KEY.replace("530d903a", "530D903A");
    assert_eq!(key(&upper), Err(Error::Vkey));
    assert_eq!(key(&format!("{EXAMPLE_KEY}\n")), Err(Error::Vkey));
    assert_eq!(key("a+00000000+Bg=="), Err(Error::KeyKind(6)));
    assert_eq!(key("a+00000000+"), Err(Error::Vkey));
    assert_eq!(key("+00000000+AQ=="), Err(Error::Name(String::new())));
    assert!(matches!(
        key(&EXAMPLE_KEY.replace("530d903a", "530d903b")),
        Err(Error::KeyId { needed, .. }) if needed == "530d903a"
    ));
}

#[test]
fn the_purpose_of_a_key_is_in_its_id() {
    let (log, witness) = (Key::of(1, ORIGIN, KeyKind::Ed25519), Key::of(1, ORIGIN, KeyKind::CosignatureV1));
    assert_eq!(log.vkey.key(), witness.vkey.key());
    assert_ne!(log.vkey.key_id(), witness.vkey.key_id());
    assert_ne!(Key::of(1, "other", KeyKind::Ed25519).vkey.key_id(), log.vkey.key_id());
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Note::parse(&bytes).is_err());
        prop_assert!(String::from_utf8_lossy(&bytes).parse::<Vkey>().is_err());
    }

    #[test]
    fn what_is_parsed_is_what_would_be_written(
        text in "[a-z\n]{0,20}\n\n", lines in "(— [a-z/.+ ]{0,4} [A-Za-z0-9+/]{7,8}=?\n){1,3}",
    ) {
        let bytes = text + &lines;
        if let Ok(note) = Note::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_string(), bytes);
        }
    }

    #[test]
    fn keys_come_back(seed: u8, name in "[^\\s\\p{Cc}+]{1,40}", kind in prop_oneof![
        Just(KeyKind::Ed25519), Just(KeyKind::CosignatureV1),
    ]) {
        let vkey = Key::of(seed, &name, kind).vkey;
        prop_assert_eq!(vkey.to_string().parse(), Ok(vkey));
    }
}
