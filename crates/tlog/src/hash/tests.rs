//! Domain separation, and one text for one hash.

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_hashes_to_the_empty_root() {
    assert_eq!(EMPTY, Hash::new(openssl::sha::sha256(b"")));
    assert_eq!(EMPTY.to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn leaves_and_nodes_are_told_apart() {
    let pair = [[7; 32], [9; 32]];
    let inside = leaf(&pair.concat());
    assert_ne!(inside, node(&pair[0].into(), &pair[1].into()));
    assert_eq!(inside, Hash::new(openssl::sha::sha256(&[&[0_u8][..], &pair.concat()].concat())));
    assert_ne!(node(&pair[0].into(), &pair[1].into()), node(&pair[1].into(), &pair[0].into()));
}

#[test]
fn other_spellings_of_a_hash_are_refused() {
    let text = EMPTY.to_string();
    for wrong in [
        text.trim_end_matches('='),
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "ZG9uJ3QgY2FyZSAx",
        "",
    ] {
        assert_eq!(wrong.parse::<Hash>(), Err(NotAHash), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn text_comes_back(bytes in any::<[u8; 32]>()) {
        let hash = Hash::new(bytes);
        prop_assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn any_text_is_a_hash_with_that_text_or_none(text in "[A-Za-z0-9+/=]{44}") {
        if let Ok(hash) = text.parse::<Hash>() {
            prop_assert_eq!(hash.to_string(), text);
        }
    }
}
