//! JWTs by which somebody states something of another (VC-JWT: VC Data Model 1.1, 6.3.1), as other systems issue them.
//!
//! The `kid` is a URL into the issuer's DID document, so the caller finds the key; members of the header beyond `alg`,
//! `kid` and `typ` are ignored as in [`token`], and what could lead to another key or form is refused.

use crate::{Error, PublicKey, base64url::decode, error::shown, jws, token};

/// Longest credential accepted, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// A credential before its signature was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// Of the key, as the header names it: `<did>#<name>`.
    pub kid: String,
    pub payload: Vec<u8>,
}

/// What it names and says, **unverified**: to find the key that it is then verified with.
///
/// # Errors
/// It is longer than [`MAX_BYTES`], no compact JWS in strict form, or has a header that is refused.
pub fn open(credential: &str) -> Result<Unverified, Error> {
    let (head, ..) = parts(credential)?;
    let header = token::header(head)?;
    Ok(Unverified { kid: header.kid, payload: jws::peek(credential)? })
}

/// Whether the signature is this key's; the caller has chosen the key by the `kid`.
///
/// # Errors
/// As [`open`]; the algorithm is not the key's; the signature does not match.
pub fn verify(credential: &str, key: &PublicKey) -> Result<(), Error> {
    let (head, signed, signature) = parts(credential)?;
    let (alg, expected) = (token::header(head)?.alg, key.algorithm().as_str());
    if alg != expected {
        return Err(Error::WrongAlgorithm { expected, found: shown(&alg) });
    }
    let signature = decode(signature)
        .ok_or_else(|| Error::Malformed("its signature is not strict base64url".to_owned()))?;
    if key.verifies(signed.as_bytes(), &signature) { Ok(()) } else { Err(Error::BadSignature) }
}

/// Header, `header.payload` and signature.
fn parts(credential: &str) -> Result<(&str, &str, &str), Error> {
    if credential.len() > MAX_BYTES {
        return Err(Error::Malformed(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let split = credential.rsplit_once('.').and_then(|(signed, signature)| {
        let (head, payload) = signed.split_once('.')?;
        (!payload.contains('.')).then_some((head, signed, signature))
    });
    split.ok_or_else(|| Error::Malformed("it must have exactly three parts".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Signer as _, SoftwareSigner, base64url::encode};

    fn signed(signer: &SoftwareSigner, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = signer.raw(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", encode(signature))
    }

    #[test]
    fn a_credential_is_its_keys_alone_and_may_name_it_by_a_url() {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        let header = r#"{"alg":"ES256","typ":"JWT","kid":"did:ebsi:zA#b","x5t":"c"}"#;
        let token = signed(&signer, header, "{}");
        let opened = open(&token).expect("opened");
        assert_eq!((opened.kid.as_str(), opened.payload.as_slice()), ("did:ebsi:zA#b", b"{}".as_slice()));
        verify(&token, signer.key()).expect("its key");
        let other = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        assert_eq!(verify(&token, other.key()), Err(Error::BadSignature));
        let edwards = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        assert!(matches!(verify(&token, edwards.key()), Err(Error::WrongAlgorithm { .. })));
        let long = signed(&signer, header, &" ".repeat(MAX_BYTES));
        assert!(open(&long).is_err() && verify(&long, signer.key()).is_err());
    }

    #[test]
    fn headers_that_lead_elsewhere_are_refused() {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"ES256","kid":"a","typ":"dpop+jwt"}"#,
            r#"{"alg":"ES256","kid":"a","jwk":{}}"#,
            r#"{"alg":"ES256","kid":"a","crit":["b64"]}"#,
            r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
            "[]",
        ] {
            assert!(open(&signed(&signer, header, "{}")).is_err(), "{header}");
        }
        for text in ["", "a", "a.b", "a.b.c.d", "...."] {
            assert!(open(text).is_err(), "{text}");
        }
    }
}
