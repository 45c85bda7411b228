//! Compact JWS in its strictest form (RFC 7515, 7.1): three parts, one spelling, a header of exactly `alg`,
//! `kid` and `typ`. The library is asked only whether a signature matches; everything before that is decided
//! here, because it never checks `typ`, lets keys without `kid` match any, and has had lenient parsers.

use std::sync::LazyLock;

use openssl::sha::Sha256;
use serde::Deserialize;

use crate::{
    Error, JwkSet, PublicKey,
    base64url::{decode, encode},
    error::shown,
    recent::{Recent, Shared, lock},
};

/// Longest token accepted: a whole chain may have 256 KiB, and so may one link of it.
pub const MAX_BYTES: usize = 256 * 1024;

/// Tokens whose signature was found to be a key's, by `proof_of`: the statements of the same superiors come with every
/// chain. That they match does not change; whether the key still counts is asked of the key set each time.
static MATCHED: Shared<[u8; 32], ()> = LazyLock::new(|| Recent::new(4_096));

/// The protected header. Anything else in it (`crit`, `jwk`, `jku`, `b64`, ..) refuses the token: there is no
/// extension that we understand, and RFC 7515, 4.1.11 asks to refuse those that must be understood.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

struct Parts<'a> {
    /// `header.payload`, the bytes that are signed (RFC 7515, 5.1).
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

fn split(token: &str) -> Result<Parts<'_>, Error> {
    let malformed = |why: &str| Error::Malformed(why.to_owned());
    if token.len() > MAX_BYTES {
        return Err(malformed("it is too long"));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("it must have exactly three parts"));
    };
    let signed = token.get(..header.len() + 1 + payload.len()).unwrap_or_default();
    Ok(Parts { signed, header, payload, signature })
}

fn bytes(part: &str, name: &str) -> Result<Vec<u8>, Error> {
    decode(part)
        .ok_or_else(|| Error::Malformed(format!("its {name} is not strict base64url without padding")))
}

fn header(part: &str) -> Result<Header, Error> {
    let json = bytes(part, "header")?;
    let header = serde_json::from_slice(&json).map_err(|e| {
        let text = shown(&e.to_string());
        if e.is_data() { Error::UnsupportedHeader(text) } else { Error::Malformed(text) }
    })?;
    // The derived parser takes a list of the members in their order too, which no other reader would.
    if json.trim_ascii_start().starts_with(b"{") {
        Ok(header)
    } else {
        Err(Error::UnsupportedHeader("it must be an object".to_owned()))
    }
}

/// Verifies a token of type `typ` with one of `keys` and gives its payload, which is not looked at.
///
/// A token's bytes are no identity: whoever has an ECDSA signature can compute a second valid one for the same
/// content. Compare payloads, not tokens.
pub fn verify(token: &str, typ: &str, keys: &JwkSet) -> Result<Vec<u8>, Error> {
    let parts = split(token)?;
    let header = header(parts.header)?;
    // RFC 8725, 3.11: a token made for another purpose is refused before its signature is looked at.
    if header.typ != typ {
        return Err(Error::WrongType { expected: typ.to_owned(), found: shown(&header.typ) });
    }
    let key = keys.find(&header.kid).ok_or_else(|| Error::UnknownKey(shown(&header.kid)))?;
    let expected = key.algorithm().as_str();
    if header.alg != expected {
        return Err(Error::WrongAlgorithm { expected, found: shown(&header.alg) });
    }
    let payload = bytes(parts.payload, "payload")?;
    let signature = bytes(parts.signature, "signature")?;
    if matches(token, key, parts.signed, &signature) { Ok(payload) } else { Err(Error::BadSignature) }
}

/// Whether the signature is the key's; remembered of those that are.
fn matches(token: &str, key: &PublicKey, signed: &str, signature: &[u8]) -> bool {
    let proof = proof_of(token, key);
    if lock(&MATCHED).get(&proof).is_some() {
        return true;
    }
    let matched = key.verifies(signed.as_bytes(), signature);
    if matched {
        lock(&MATCHED).put(proof, ());
    }
    matched
}

/// SHA-256 of a key's thumbprint, whose length is fixed, and of the whole token, signature included.
fn proof_of(token: &str, key: &PublicKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(key.thumbprint().as_bytes());
    hash.update(token.as_bytes());
    hash.finish()
}

/// The payload, **unverified**: to name things in errors, or to choose which pinned keys to verify with.
pub fn peek(token: &str) -> Result<Vec<u8>, Error> {
    bytes(split(token)?.payload, "payload")
}

/// The key that a token names, **unverified**.
pub fn kid(token: &str) -> Result<String, Error> {
    Ok(header(split(token)?.header)?.kid)
}

/// What a token says it is, **unverified**: to choose the type that it is then verified as.
pub fn typ(token: &str) -> Result<String, Error> {
    Ok(header(split(token)?.header)?.typ)
}

/// Assembles a token around a raw signature. Members stand in fixed order, so equal input signs equal bytes.
pub(crate) fn assemble(
    (alg, kid, typ): (&str, &str, &str),
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<String, Error> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let header = format!("{{\"alg\":{},\"kid\":{},\"typ\":{}}}", quoted(alg), quoted(kid), quoted(typ));
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", encode(signature)))
}

#[cfg(test)]
mod tests;
