//! Public keys in the documents of others: P-256 and Ed25519, checked to be keys. Others are kept as unknown.

use futures::FutureExt as _;
use serde_json::{Value, json};
use ssi::{
    JWK,
    dids::{DIDKey, DIDMethodResolver, resolution},
};

/// A public key, its coordinates in base64url.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    P256 { x: String, y: String },
    Ed25519 { x: String },
}

impl Key {
    /// None: no public key of these two kinds, or none at all. One with its private part is none.
    pub fn from_jwk(given: &Value) -> Option<Self> {
        let read: JWK = serde_json::from_value(given.clone()).ok()?;
        if !read.is_public() {
            return None;
        }
        // There and back: the point lies on the curve, and its coordinates are written in the one way.
        let jwk = JWK::from_multicodec(&read.to_multicodec().ok()?).ok()?;
        let jwk = serde_json::to_value(jwk).ok()?;
        if ["x", "y"].iter().any(|name| jwk.get(name) != given.get(name)) {
            return None;
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        match text("crv")?.as_str() {
            "P-256" => Some(Self::P256 { x: text("x")?, y: text("y")? }),
            "Ed25519" => Some(Self::Ed25519 { x: text("x")? }),
            _ => None,
        }
    }

    /// The same of a multicodec in base58btc (`publicKeyMultibase`, and what stands after `did:key:`).
    pub fn from_multibase(text: &str) -> Option<Self> {
        let id = text.strip_prefix('z').filter(|rest| rest.len() < 256)?;
        // Whatever is no base58 must not reach the library: it makes a DID of it.
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let mut options = resolution::Options::default();
        options.parameters.public_key_format = Some("JsonWebKey2020".to_owned());
        let output = DIDKey.resolve_method_representation(text, options).now_or_never()?.ok()?;
        let document: Value = serde_json::from_slice(&output.document).ok()?;
        Self::from_jwk(document.pointer("/verificationMethod/0/publicKeyJwk")?)
    }

    pub fn to_jwk(&self) -> Value {
        match self {
            Self::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }),
            Self::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn keys_of_the_did_key_specification_have_the_bytes_that_it_says() {
        // The public key of 32 zero bytes.
        let ed25519 = Key::from_multibase("z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp");
        let x = "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik".to_owned();
        assert_eq!(ed25519, Some(Key::Ed25519 { x }));
        // Compressed.
        let p256 = Key::from_multibase("zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169").expect("a key");
        let bytes = |name: &str| {
            let text = p256.to_jwk()[name].as_str().map(str::to_owned).expect("text");
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        assert_eq!(bytes("x")[..4], [0x7f, 0x23, 0x58, 0x30]);
        assert_eq!(bytes("y").last().map(|b| b & 1), Some(1), "the prefix says which of the two");
        assert_eq!(Key::from_jwk(&p256.to_jwk()), Some(p256.clone()));
    }

    #[test]
    fn what_is_no_public_key_of_the_two_kinds_is_unknown() {
        for bad in
            ["", "z", "z6Mk", "u7QEA", "z0OIl", "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc", "z#"]
        {
            assert_eq!(Key::from_multibase(bad), None, "{bad}");
        }
        let x = "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0";
        let y = "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE";
        assert!(Key::from_jwk(&json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).is_some());
        for bad in [
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": x }),
            json!({ "kty": "EC", "crv": "P-256", "x": x }),
            json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y }),
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "d": x }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
            json!({ "kty": "EC", "crv": "P-256", "x": format!("{x}="), "y": y }),
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
            json!([]),
            json!(1),
        ] {
            assert_eq!(Key::from_jwk(&bad), None, "{bad}");
        }
    }
}
