//! Compact JAdES of others (ETSI TS 119 182-1, baseline B): the payload, once its signature is that of the pinned
//! certificate. The key decides on the algorithm; of the header's certificates none is believed.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use charter_domain::json::parse_strict;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    Refused,
    signer::{Curve, Hash, Method, Pinned},
};

/// Bytes of a protected header, with a chain of certificates.
const MAX_HEADER: usize = 64 * 1024;
/// Bytes of what is signed.
const MAX_PAYLOAD: usize = 32 * 1024 * 1024;
/// Extensions that may be critical (RFC 7515, 4.1.11): a time that is not relied on.
const UNDERSTOOD: [&str; 1] = ["sigT"];

/// What is signed, as text.
pub(super) fn payload(bytes: &[u8], signer: &Pinned) -> Result<String, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| form("it is no text"))?.trim_end();
    let mut parts = text.split('.');
    let (Some(head), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(form("it must have three parts with dots between them"));
    };
    if head.len() > MAX_HEADER / 3 * 4 || payload.len() > MAX_PAYLOAD.div_ceil(3) * 4 {
        return Err(form("it is too long"));
    }
    let header = header(head)?;
    let method = method(&header, signer)?;
    certificates(&header, signer)?;
    let signed = text.get(..head.len() + 1 + payload.len()).unwrap_or_default();
    signer.verify(method, signed.as_bytes(), &decoded(signature)?)?;
    String::from_utf8(decoded(payload)?).map_err(|_| form("its payload is no text"))
}

fn form(why: &str) -> Refused {
    Refused::form(format!("the list is no compact JWS: {why}"))
}

fn decoded(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| form("a part is not base64url without padding"))
}

fn header(part: &str) -> Result<Map<String, Value>, Refused> {
    let text = String::from_utf8(decoded(part)?).map_err(|_| form("its header is no text"))?;
    let header = parse_strict(&text).map_err(|e| form(&format!("its header {}", e.reason)))?;
    let Value::Object(header) = header else { return Err(form("its header is no object")) };
    // Detached payloads and those that are not encoded are something else.
    if header.contains_key("sigD") || header.contains_key("b64") {
        return Err(form("what it signs must stand in it"));
    }
    match header.get("crit") {
        None => {}
        Some(Value::Array(names)) if !names.is_empty() => {
            let known = |name: &Value| {
                name.as_str().is_some_and(|name| UNDERSTOOD.contains(&name) && header.contains_key(name))
            };
            if let Some(other) = names.iter().find(|name| !known(name)) {
                let shown: String = other.to_string().chars().take(64).collect();
                return Err(Refused::signature(format!(
                    "the list needs `{shown}` to be understood, which is not"
                )));
            }
        }
        Some(_) => return Err(form("its `crit` is no list of names")),
    }
    Ok(header)
}

/// The algorithm that the header names, if it is one of the key's.
fn method(header: &Map<String, Value>, signer: &Pinned) -> Result<Method, Refused> {
    let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let method = match (name, signer.curve()) {
        ("ES256", Some(Curve::P256)) => Method::Ecdsa(Curve::P256, Hash::Sha256),
        ("ES384", Some(Curve::P384)) => Method::Ecdsa(Curve::P384, Hash::Sha384),
        ("ES512", Some(Curve::P521)) => Method::Ecdsa(Curve::P521, Hash::Sha512),
        ("RS256", None) if signer.is_rsa() => Method::RsaPkcs1(Hash::Sha256),
        ("PS256", None) if signer.is_rsa() => Method::RsaPss(Hash::Sha256),
        ("EdDSA" | "Ed25519", None) if signer.is_ed25519() => Method::Ed25519,
        _ => {
            let shown: String = name.chars().take(32).collect();
            return Err(Refused::signature(format!("algorithm `{shown}` is none of the key of --signer")));
        }
    };
    Ok(method)
}

/// The header must name its signer (JAdES, 5.1.7, 5.1.8), and name the one that was pinned.
fn certificates(header: &Map<String, Value>, signer: &Pinned) -> Result<(), Refused> {
    let other = || Refused::signature("the list names another signer than --signer");
    let leaf = match header.get("x5c") {
        None => None,
        Some(Value::Array(chain)) => {
            let leaf = chain.first().and_then(Value::as_str).ok_or_else(|| form("its `x5c` names nobody"))?;
            Some(STANDARD.decode(leaf).map_err(|_| form("its `x5c` is not base64"))?)
        }
        Some(_) => return Err(form("its `x5c` is no list")),
    };
    let named = match header.get("x5t#S256") {
        None => None,
        Some(digest) => Some(decoded(digest.as_str().unwrap_or("?"))?),
    };
    match (leaf, named) {
        (Some(leaf), named) => {
            let same = named.is_none_or(|named| named == Sha256::digest(&leaf).as_slice());
            if same && signer.has_key_of(&leaf) { Ok(()) } else { Err(other()) }
        }
        (None, Some(named)) if named == Sha256::digest(signer.der()).as_slice() => Ok(()),
        (None, Some(_)) => Err(other()),
        (None, None) => Err(form("its header names no certificate (`x5c` or `x5t#S256`)")),
    }
}
