//! Keys: what parses, what is refused, thumbprints.

use serde_json::json;

use super::*;

/// The Ed25519 key of RFC 8037, A.2; its thumbprint is A.3.
const RFC_8037: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn the_kid_is_the_thumbprint_of_rfc_7638() {
    let key: PublicKey = serde_json::from_str(RFC_8037).expect("a key");
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(PublicKey::from_jwk(&key.to_jwk()).expect("its own JWK"), key);
    assert_eq!(serde_json::to_value(&key).expect("serialises"), key.to_jwk());
}

#[test]
fn a_foreign_kid_a_private_member_and_a_duplicate_are_refused() {
    let mut jwk: Value = serde_json::from_str(RFC_8037).expect("JSON");
    jwk["kid"] = json!("mine");
    assert!(matches!(PublicKey::from_jwk(&jwk), Err(Error::Key(_))));
    let mut jwk: Value = serde_json::from_str(RFC_8037).expect("JSON");
    jwk["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    assert!(matches!(PublicKey::from_jwk(&jwk), Err(Error::Key(_))));
    let twice = RFC_8037.replace("{\"kty\"", "{\"kty\":\"EC\",\"kty\"");
    assert!(serde_json::from_str::<PublicKey>(&twice).is_err());
}

#[test]
fn other_kinds_algorithms_uses_and_spellings_are_refused() {
    let base: Value = serde_json::from_str(RFC_8037).expect("JSON");
    let changes = [
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("crv", json!("Ed448")),
        ("crv", json!("X25519")),
        ("alg", json!("ES256")),
        ("alg", json!("none")),
        ("use", json!("enc")),
        ("y", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")),
        ("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        ("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp")),
        ("x", json!("AAAA")),
        ("x", json!(1)),
        ("k", json!("AAAA")),
    ];
    for (name, value) in changes {
        let mut jwk = base.clone();
        jwk[name] = value.clone();
        assert!(PublicKey::from_jwk(&jwk).is_err(), "{name} = {value}");
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let one = encode([&[0_u8; 31][..], &[1]].concat());
    let zero = encode([0_u8; 32]);
    for (x, y) in [(&one, &one), (&zero, &zero)] {
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        assert!(PublicKey::from_jwk(&jwk).is_err());
    }
}

#[test]
fn a_key_that_is_met_again_is_made_ready_once() {
    let key = crate::SoftwareSigner::generate(Algorithm::Es256).expect("a key");
    let jwk = crate::Signer::key(&key).to_jwk();
    let [one, other] = [0, 1].map(|_| PublicKey::from_jwk(&jwk).expect("its own JWK"));
    assert!(Arc::ptr_eq(&one.0, &other.0));
}
