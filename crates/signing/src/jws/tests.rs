//! Compact JWS: what verifies and everything that must not.

use proptest::prelude::*;

use super::*;
use crate::{Algorithm, Signer as _, SoftwareSigner, algorithm::SIGNATURE_BYTES};

const TYP: &str = "test+jwt";

fn signer(algorithm: Algorithm) -> (SoftwareSigner, JwkSet) {
    let signer = SoftwareSigner::generate(algorithm).expect("a key");
    let keys = JwkSet::from(signer.key().clone());
    (signer, keys)
}

/// A token with any header text, really signed: only the header can be what is refused.
fn with_header(signer: &SoftwareSigner, header: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(b"{}"));
    let signature = signer.raw(signed.as_bytes()).expect("signs");
    format!("{signed}.{}", encode(signature))
}

#[test]
fn what_is_signed_verifies_and_the_header_has_a_fixed_form() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (signer, keys) = signer(algorithm);
        let token = signer.sign(TYP, b"{\"a\":1}").expect("signs");
        assert_eq!(verify(&token, TYP, &keys).expect("verifies"), b"{\"a\":1}");
        assert_eq!(peek(&token).expect("three parts"), b"{\"a\":1}");
        let header = String::from_utf8(decode(token.split('.').next().expect("a part")).expect("base64url"));
        let kid = signer.key().kid();
        assert_eq!(header, Ok(format!(r#"{{"alg":"{algorithm}","kid":"{kid}","typ":"{TYP}"}}"#)));
    }
}

#[test]
fn es256_signatures_always_have_64_bytes() {
    let (signer, _) = signer(Algorithm::Es256);
    // One signature in 128 has an `r` or `s` with a leading zero byte, which the DER form drops.
    for i in 0..1_000_u32 {
        assert_eq!(signer.raw(&i.to_be_bytes()).expect("signs").len(), SIGNATURE_BYTES);
    }
}

#[test]
fn a_header_with_anything_else_is_refused() {
    let (signer, keys) = signer(Algorithm::Es256);
    let kid = signer.key().kid().to_owned();
    let base = format!(r#""alg":"ES256","kid":"{kid}","typ":"{TYP}""#);
    assert!(verify(&with_header(&signer, &format!("{{{base}}}")), TYP, &keys).is_ok());
    let jwk = signer.key().to_jwk();
    for extra in [
        r#""crit":["exp"],"exp":1"#.to_owned(),
        r#""crit":[]"#.to_owned(),
        r#""b64":false"#.to_owned(),
        r#""jku":"https://evil.example""#.to_owned(),
        r#""x5u":"https://evil.example""#.to_owned(),
        format!(r#""jwk":{jwk}"#),
        r#""cty":"x""#.to_owned(),
        r#""alg":"ES256""#.to_owned(),
        format!(r#""kid":"{kid}""#),
        format!(r#""typ":"{TYP}""#),
    ] {
        let refused = verify(&with_header(&signer, &format!("{{{base},{extra}}}")), TYP, &keys);
        assert!(matches!(refused, Err(Error::UnsupportedHeader(_))), "{extra}: {refused:?}");
    }
    let list = format!(r#"["ES256","{kid}","{TYP}"]"#);
    for bad in ["{}", "[]", "null", "\"x\"", r#"{"alg":"ES256","typ":"test+jwt"}"#, r#"{"alg":1}"#, &list] {
        let refused = verify(&with_header(&signer, bad), TYP, &keys);
        assert!(matches!(refused, Err(Error::UnsupportedHeader(_))), "{bad}: {refused:?}");
    }
    let trailing = verify(&with_header(&signer, &format!("{{{base}}} x")), TYP, &keys);
    assert!(matches!(trailing, Err(Error::Malformed(_))));
}

#[test]
fn the_algorithm_is_the_keys_and_never_the_tokens() {
    let (signer, keys) = signer(Algorithm::Es256);
    let kid = signer.key().kid();
    for alg in ["none", "None", "HS256", "EdDSA", "ES384", "es256", ""] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{TYP}"}}"#);
        let refused = verify(&with_header(&signer, &header), TYP, &keys);
        assert!(matches!(refused, Err(Error::WrongAlgorithm { .. })), "{alg}: {refused:?}");
    }
    let unsigned = with_header(&signer, &format!(r#"{{"alg":"none","kid":"{kid}","typ":"{TYP}"}}"#));
    let unsigned = unsigned.rsplit_once('.').map(|(head, _)| format!("{head}.")).expect("three parts");
    assert!(verify(&unsigned, TYP, &keys).is_err());
}

#[test]
fn another_type_another_key_and_another_signature_are_refused() {
    let (one, keys) = signer(Algorithm::Es256);
    let (other, other_keys) = signer(Algorithm::Es256);
    let token = one.sign(TYP, b"{}").expect("signs");
    assert!(matches!(verify(&token, "other+jwt", &keys), Err(Error::WrongType { .. })));
    assert!(matches!(verify(&token, TYP, &other_keys), Err(Error::UnknownKey(_))));
    let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"{TYP}"}}"#, one.key().kid());
    assert_eq!(verify(&with_header(&other, &header), TYP, &keys), Err(Error::BadSignature));
    let (head, _) = token.rsplit_once('.').expect("three parts");
    for signature in
        [encode([0_u8; 64]), encode([0xff_u8; 64]), encode([1_u8; 63]), encode([1_u8; 65]), String::new()]
    {
        assert_eq!(verify(&format!("{head}.{signature}"), TYP, &keys), Err(Error::BadSignature));
    }
}

#[test]
fn no_flipped_or_replaced_character_verifies() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (signer, keys) = signer(algorithm);
        let token = signer.sign(TYP, br#"{"iss":"https://a.example","exp":1}"#).expect("signs");
        for i in 0..token.len() {
            for change in [1_u8, 2, 4, 8, 16, 32, 64].map(|bit| token.as_bytes()[i] ^ bit) {
                let mut bytes = token.clone().into_bytes();
                bytes[i] = change;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(verify(&changed, TYP, &keys).is_err(), "byte {i}");
            }
            assert!(verify(&token[..i], TYP, &keys).is_err(), "cut at {i}");
        }
        for more in [".", "=", "A", " ", "\n", ".A"] {
            assert!(verify(&format!("{token}{more}"), TYP, &keys).is_err(), "{more}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_.=-]{0,200}|\\PC{0,60}") {
        let keys = JwkSet { keys: Vec::new() };
        prop_assert!(verify(&text, TYP, &keys).is_err());
    }
}

#[test]
fn what_matched_before_says_nothing_of_another_token_or_without_its_key() {
    let (one, keys) = signer(Algorithm::Es256);
    let (_, others) = signer(Algorithm::Es256);
    let token = one.sign(TYP, b"{\"a\":1}").expect("signs");
    for _ in 0..2 {
        assert_eq!(verify(&token, TYP, &keys).expect("verifies"), b"{\"a\":1}");
    }
    assert!(matches!(verify(&token, TYP, &others), Err(Error::UnknownKey(_))), "its key is gone");
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (header, _) = head.split_once('.').expect("three parts");
    let changed = format!("{header}.{}.{signature}", encode(b"{\"a\":2}"));
    assert!(matches!(verify(&changed, TYP, &keys), Err(Error::BadSignature)));
    let other = one.sign(TYP, b"{\"a\":2}").expect("signs");
    let (_, swapped) = other.rsplit_once('.').expect("three parts");
    assert!(matches!(verify(&format!("{head}.{swapped}"), TYP, &keys), Err(Error::BadSignature)));
    assert!(verify(&token, "other+jwt", &keys).is_err(), "its type is looked at each time");
}
