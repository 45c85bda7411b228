//! JAdES baseline B (ETSI TS 119 182-1 V1.2.1, 6): a compact JWS whose protected header brings the certificate of its
//! signer and says when it was signed. For lists of trusted entities; our own documents are plain JWS (see `jws`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::sha::sha256;
use serde_json::json;

use crate::{
    Error, Signer,
    base64url::{encode, encode_into},
};

/// Signs `payload`, JSON, at `issued` (seconds since 1970), with the key that `certificate` (DER) is of.
///
/// The header has `alg`, `kid`, `typ` (5.1.6: `JOSE`), `cty`, `x5t#S256` and `x5c` (5.1.7, 5.1.8: one reference to the
/// certificate is needed) and `iat` (5.1.11: in place of `sigT`). Nothing in it is critical.
pub fn sign(signer: &dyn Signer, certificate: &[u8], issued: i64, payload: &[u8]) -> Result<String, Error> {
    let key = signer.key();
    let header = json!({
        "alg": key.algorithm().as_str(),
        "kid": key.kid(),
        "typ": "JOSE",
        "cty": "json",
        "x5t#S256": encode(sha256(certificate)),
        "x5c": [STANDARD.encode(certificate)],
        "iat": issued,
    });
    // A list may have megabytes: it is written once, in the place where it stays.
    let mut token = encode(header.to_string());
    token.reserve(payload.len() / 3 * 4 + 128);
    token.push('.');
    encode_into(payload, &mut token);
    let signature = signer.raw(token.as_bytes())?;
    token.push('.');
    encode_into(&signature, &mut token);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Algorithm, SoftwareSigner, base64url::decode};

    #[test]
    fn the_header_names_the_certificate_and_the_signature_covers_it() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let signer = SoftwareSigner::generate(algorithm).expect("a key");
            let token = sign(&signer, b"a certificate", 1_700_000_000, b"{}").expect("signed");
            let (signed, signature) = token.rsplit_once('.').expect("three parts");
            let (header, payload) = signed.split_once('.').expect("three parts");
            let header: Value = serde_json::from_slice(&decode(header).expect("base64url")).expect("JSON");
            assert_eq!(header["alg"], algorithm.as_str());
            assert_eq!(header["x5c"][0], STANDARD.encode(b"a certificate"));
            assert_eq!(header["x5t#S256"], encode(sha256(b"a certificate")));
            assert_eq!((&header["iat"], &header["typ"]), (&json!(1_700_000_000), &json!("JOSE")));
            assert_eq!(header.get("crit"), None);
            assert_eq!(decode(payload).as_deref(), Some(b"{}".as_slice()));
            let signature = decode(signature).expect("base64url");
            assert!(signer.key().verifies(signed.as_bytes(), &signature), "{algorithm}");
            assert!(!signer.key().verifies(signed.replace('a', "b").as_bytes(), &signature));
        }
    }
}
