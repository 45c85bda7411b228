//! Bearer tokens of an OIDC provider: JWT access tokens (RFC 9068) or plain JWTs, signed with a key of its set.
//!
//! Providers choose their own `kid`s and put members such as `x5t` into headers, so this is a little wider than
//! [`jws`]: RSA is accepted and unknown members are ignored. What could lead to another key or form is refused.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

pub use self::keys::{MAX_KEYS, TokenKeys};
use crate::{Error, base64url::decode, error::shown, jws};

mod keys;

/// Longest token accepted; those of large providers with many groups in them have 4 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// Members that bring a key, change what is signed, or must be understood (RFC 7515, 4.1; RFC 7797, 3).
const REFUSED: [&str; 5] = ["crit", "jwk", "jku", "x5u", "b64"];

/// RFC 9068, 2.1 and RFC 7519, 5.1. Tokens of another purpose (`logout+jwt`, `dpop+jwt`) are refused.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// What of the protected header is used.
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: String,
    typ: Option<String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header with alg and kid")
    }

    /// RFC 7515, 4 leaves it to the parser what becomes of duplicates; two parsers that differ are an attack.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut seen, mut alg, mut kid, mut typ) = (HashSet::new(), None, None, None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "alg" => alg = Some(map.next_value()?),
                "kid" => kid = Some(map.next_value()?),
                "typ" => typ = Some(map.next_value()?),
                refused if REFUSED.contains(&refused) => {
                    return Err(A::Error::custom(format!("`{refused}` may not be in it")));
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
            if !seen.insert(name) {
                return Err(A::Error::custom("a member is in it twice"));
            }
        }
        let alg = alg.ok_or_else(|| A::Error::missing_field("alg"))?;
        let kid = kid.ok_or_else(|| A::Error::missing_field("kid"))?;
        Ok(Header { alg, kid, typ })
    }
}

pub(crate) fn header(part: &str) -> Result<Header, Error> {
    let bytes =
        decode(part).ok_or_else(|| Error::Malformed("its header is not strict base64url".to_owned()))?;
    let header: Header =
        serde_json::from_slice(&bytes).map_err(|e| Error::UnsupportedHeader(shown(&e.to_string())))?;
    if let Some(typ) = header.typ.as_ref().filter(|typ| !TYPES.iter().any(|t| t.eq_ignore_ascii_case(typ))) {
        return Err(Error::WrongType { expected: "at+jwt".to_owned(), found: shown(typ) });
    }
    // Before the key is looked for: an unknown one makes the caller fetch, which `none` is not worth.
    if !keys::ALGORITHMS.contains(&header.alg.as_str()) {
        return Err(Error::UnsupportedHeader(format!("alg `{}` is not accepted", shown(&header.alg))));
    }
    Ok(header)
}

/// Verifies a token with the one key that its `kid` names and gives its payload, which is not looked at.
///
/// [`Error::UnknownKey`] may mean that the provider has new keys: fetch them, then verify once more.
pub fn verify(token: &str, keys: &TokenKeys) -> Result<Vec<u8>, Error> {
    let (signed, head, signature) = parts(token)?;
    let header = header(head)?;
    let payload = jws::peek(token)?;
    let signature = decode(signature)
        .ok_or_else(|| Error::Malformed("its signature is not strict base64url".to_owned()))?;
    let key = keys.find(&header.kid).ok_or_else(|| Error::UnknownKey(shown(&header.kid)))?;
    let expected = key.algorithm();
    if header.alg != expected {
        return Err(Error::WrongAlgorithm { expected, found: shown(&header.alg) });
    }
    if key.verifies(signed.as_bytes(), &signature) { Ok(payload) } else { Err(Error::BadSignature) }
}

/// `header.payload`, header and signature; that there are three parts is for [`jws::peek`] to see.
fn parts(token: &str) -> Result<(&str, &str, &str), Error> {
    if token.len() > MAX_BYTES {
        return Err(Error::Malformed(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let split = token.rsplit_once('.').and_then(|(signed, signature)| {
        let (head, _) = signed.split_once('.')?;
        Some((signed, head, signature))
    });
    split.ok_or_else(|| Error::Malformed("it must have exactly three parts".to_owned()))
}

#[cfg(test)]
mod tests;
