//! Bearer tokens: what of a provider's keys is used, and everything that must not verify.

use josekit::{
    jwk::{Jwk, KeyPair as _, alg::rsa::RsaKeyPair},
    jws::{HS256, JwsSigner, PS256, RS256},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Algorithm, Signer as _, SoftwareSigner, base64url::encode};

const PAYLOAD: &[u8] = br#"{"iss":"https://idp.example"}"#;

fn set(keys: &[Value]) -> TokenKeys {
    TokenKeys::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
}

fn curve(algorithm: Algorithm) -> (SoftwareSigner, Value) {
    let signer = SoftwareSigner::generate(algorithm).expect("a key");
    let mut jwk = signer.key().to_jwk();
    jwk["kid"] = json!(format!("key {algorithm}"));
    (signer, jwk)
}

fn rsa(bits: u32, kid: &str) -> (Jwk, Value) {
    let pair = RsaKeyPair::generate(bits).expect("a key").to_jwk_key_pair();
    let part = |name: &str| pair.parameter(name).cloned().expect("a part");
    let public = json!({ "kty": "RSA", "kid": kid, "n": part("n"), "e": part("e") });
    (pair, public)
}

/// A token with any header text, really signed: only the header can be what is refused.
fn token(header: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header), encode(PAYLOAD));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(signature))
}

fn es256(signer: &SoftwareSigner, header: &str) -> String {
    token(header, |signed| signer.raw(signed).expect("signs").to_vec())
}

fn by(signer: &dyn JwsSigner, header: &str) -> String {
    token(header, |signed| signer.sign(signed).expect("signs"))
}

#[test]
fn each_kind_of_key_verifies_with_its_own_algorithm_only() {
    let (pair, plain) = rsa(2_048, "r");
    let mut pss = plain.clone();
    (pss["kid"], pss["alg"]) = (json!("p"), json!("PS256"));
    let ((p256, ec), (ed25519, ed)) = (curve(Algorithm::Es256), curve(Algorithm::EdDsa));
    let keys = set(&[plain, pss, ec, ed]);
    let rs = RS256.signer_from_jwk(&pair).expect("a signer");
    let ps = PS256.signer_from_jwk(&pair).expect("a signer");
    let made = |alg: &str, kid: &str| {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        match alg {
            "RS256" => by(&rs, &header),
            "PS256" => by(&ps, &header),
            "ES256" => es256(&p256, &header),
            _ => es256(&ed25519, &header),
        }
    };
    for (alg, own) in [("RS256", "r"), ("PS256", "p"), ("ES256", "key ES256"), ("EdDSA", "key EdDSA")] {
        for kid in ["r", "p", "key ES256", "key EdDSA"] {
            let verified = verify(&made(alg, kid), &keys);
            if kid == own {
                assert_eq!(verified.expect(alg), PAYLOAD);
            } else {
                assert!(matches!(verified, Err(Error::WrongAlgorithm { .. })), "{alg} {kid}: {verified:?}");
            }
        }
    }
}

#[test]
fn a_public_key_is_no_secret_and_none_is_no_algorithm() {
    let (_, jwk) = rsa(2_048, "r");
    let keys = set(std::slice::from_ref(&jwk));
    let secrets = [jwk.to_string(), jwk["n"].as_str().expect("text").to_owned()];
    for secret in secrets {
        let hmac = HS256.signer_from_bytes(secret.as_bytes()).expect("a signer");
        let forged = by(&hmac, r#"{"alg":"HS256","kid":"r"}"#);
        assert!(matches!(verify(&forged, &keys), Err(Error::UnsupportedHeader(_))));
        let relabelled = by(&hmac, r#"{"alg":"RS256","kid":"r"}"#);
        assert_eq!(verify(&relabelled, &keys), Err(Error::BadSignature));
    }
    for alg in ["none", "None", "nOnE", "", "rs256", "RS512", "ES384"] {
        let header = json!({ "alg": alg, "kid": "r" }).to_string();
        let refused = verify(&token(&header, |_| Vec::new()), &keys);
        assert!(matches!(refused, Err(Error::UnsupportedHeader(_))), "{alg}: {refused:?}");
    }
}

#[test]
fn headers_that_bring_keys_extensions_or_duplicates_are_refused() {
    let (signer, jwk) = curve(Algorithm::Es256);
    let keys = set(std::slice::from_ref(&jwk));
    let base = r#""alg":"ES256","kid":"key ES256""#;
    let check = |more: &str| verify(&es256(&signer, &format!("{{{base}{more}}}")), &keys);
    for good in
        ["", r#","typ":"JWT""#, r#","typ":"AT+jwt""#, r#","typ":"application/at+jwt""#, r#","x5t":"a""#]
    {
        assert!(check(good).is_ok(), "{good}");
    }
    for bad in [
        r#","crit":["exp"],"exp":1"#.to_owned(),
        r#","crit":[]"#.to_owned(),
        r#","b64":true"#.to_owned(),
        r#","jku":"https://evil.example""#.to_owned(),
        r#","x5u":"https://evil.example""#.to_owned(),
        format!(r#","jwk":{jwk}"#),
        r#","alg":"ES256""#.to_owned(),
        r#","kid":"key ES256""#.to_owned(),
        r#","\u006bid":"key ES256""#.to_owned(),
        r#","x5t":"a","x5t":"a""#.to_owned(),
        r#","typ":null"#.to_owned(),
    ] {
        let refused = check(&bad);
        assert!(matches!(refused, Err(Error::UnsupportedHeader(_))), "{bad}: {refused:?}");
    }
    assert!(matches!(check(r#","typ":"logout+jwt""#), Err(Error::WrongType { .. })));
    for bad in [r#"{"alg":"ES256"}"#, "[]", "null", "{} x", r#"{"alg":1,"kid":"key ES256"}"#] {
        assert!(matches!(verify(&es256(&signer, bad), &keys), Err(Error::UnsupportedHeader(_))), "{bad}");
    }
}

#[test]
fn other_keys_and_changed_or_cut_tokens_are_refused() {
    let ((signer, jwk), (other, _)) = (curve(Algorithm::Es256), curve(Algorithm::Es256));
    let (keys, header) = (set(&[jwk]), r#"{"alg":"ES256","kid":"key ES256"}"#);
    assert_eq!(verify(&es256(&other, header), &keys), Err(Error::BadSignature));
    let unknown = es256(&signer, r#"{"alg":"ES256","kid":"another"}"#);
    assert_eq!(verify(&unknown, &keys), Err(Error::UnknownKey("another".to_owned())));
    let good = es256(&signer, header);
    for i in 0..good.len() {
        assert!(verify(&good[..i], &keys).is_err(), "cut at {i}");
        let mut bytes = good.clone().into_bytes();
        bytes[i] ^= 1;
        assert!(verify(&String::from_utf8(bytes).expect("ASCII"), &keys).is_err(), "byte {i}");
    }
    for more in [".", "=", "A", " ", ".A"] {
        assert!(verify(&format!("{good}{more}"), &keys).is_err(), "{more}");
    }
    let long = format!(r#"{{"alg":"ES256","kid":"key ES256","x":"{}"}}"#, "a".repeat(MAX_BYTES));
    assert!(matches!(verify(&es256(&signer, &long), &keys), Err(Error::Malformed(_))));
}

#[test]
fn keys_that_cannot_verify_a_token_are_left_out() {
    let (_, small) = rsa(1_024, "small");
    let (_, good) = rsa(2_048, "good");
    let (_, ec) = curve(Algorithm::Es256);
    let with = |member: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[member] = value;
        jwk
    };
    let mut wrong = ec.clone();
    wrong["alg"] = json!("RS256");
    for bad in [
        small,
        with("use", json!("enc")),
        with("alg", json!("RSA-OAEP")),
        with("alg", json!("ES256")),
        with("key_ops", json!(["encrypt"])),
        with("kid", Value::Null),
        with("kid", json!("")),
        with("e", json!("AQ")),
        with("e", json!("AA")),
        with("n", json!("")),
        with("d", json!("AQAB")),
        with("kty", json!("oct")),
        wrong,
        json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "P-521", "kid": "o", "x": "AA", "y": "AA" }),
        json!("no key"),
    ] {
        assert_eq!(set(&[bad.clone(), ec.clone()]).len(), 1, "{bad}");
    }
    assert_eq!(set(&[with("use", json!("sig")), ec.clone()]).len(), 2);
    assert!(set(&[]).is_empty());
    let parse = |keys: Vec<Value>| TokenKeys::parse(json!({ "keys": keys }).to_string().as_bytes());
    assert!(parse(vec![ec.clone(); 2]).is_err(), "which of two keys?");
    assert!(parse(vec![Value::Null; MAX_KEYS + 1]).is_err());
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert!(TokenKeys::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_.=-]{0,200}|\\PC{0,60}") {
        prop_assert!(verify(&text, &TokenKeys::default()).is_err());
        prop_assert!(TokenKeys::parse(text.as_bytes()).is_err());
    }
}
