//! Bundles come back; no other bytes are one.

use proptest::prelude::*;

use super::*;

#[test]
fn entries_follow_their_lengths() {
    let bundle = encode(&[&b"abc"[..], b"", b"\x00"]).expect("a bundle");
    assert_eq!(bundle, b"\x00\x03abc\x00\x00\x00\x01\x00");
    assert_eq!(decode(&bundle, 3), Ok(vec![&b"abc"[..], b"", b"\x00"]));
}

#[test]
fn a_bundle_has_exactly_its_entries() {
    let bundle = encode(&["abc", "de"]).expect("a bundle");
    assert_eq!(decode(&bundle, 1), Err(Error::Long(4)));
    assert_eq!(decode(&bundle, 3), Err(Error::Short(3)));
    for end in 0..bundle.len() {
        assert!(matches!(decode(&bundle[..end], 2), Err(Error::Short(1 | 2))), "{end} bytes");
    }
    assert_eq!(decode(&[&bundle[..], &[0]].concat(), 2), Err(Error::Long(1)));
}

#[test]
fn bounds_are_kept() {
    assert_eq!(encode::<&str>(&[]), Err(Error::Width(0)));
    assert_eq!(encode(&[""; 257]), Err(Error::Width(257)));
    assert_eq!(decode(&[], 0), Err(Error::Width(0)));
    assert_eq!(decode(&[0; 514], 257), Err(Error::Width(257)));
    assert_eq!(decode(&encode(&[""; 256]).expect("a bundle"), 256), Ok(vec![&b""[..]; 256]));
    let longest = vec![7; MAX_ENTRY];
    assert_eq!(decode(&encode(&[&longest]).expect("a bundle"), 1), Ok(vec![&longest[..]]));
    let error = Error::Entry { number: 2, bytes: MAX_ENTRY + 1 };
    assert_eq!(encode(&[vec![], vec![7; MAX_ENTRY + 1]]), Err(error));
}

proptest! {
    #[test]
    fn bundles_come_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..=256)) {
        let bundle = encode(&entries).expect("a bundle");
        prop_assert_eq!(decode(&bundle, entries.len() as u16).expect("the entries"), entries);
    }

    #[test]
    fn what_is_read_is_what_would_be_written(bundle in prop::collection::vec(0_u8..4, 0..40), width in 0_u16..12) {
        if let Ok(entries) = decode(&bundle, width) {
            prop_assert_eq!(encode(&entries), Ok(bundle));
        }
    }
}
