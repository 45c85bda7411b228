//! A key as questions of the trust profile have it: a JWK (RFC 7517), or certificates (`x5c`, RFC 7517, 4.7).

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use charter_domain::Invalid;
use charter_signing::PublicKey;
use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value, json};

use crate::{app::binding::Shown, rest::members::Members};

/// The member that has it.
const FIELD: &str = "resource.key";
/// Most certificates of one key, its own and those above it.
const MAX_CERTIFICATES: usize = 8;
/// Members that only private and symmetric keys have (RFC 7518, 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// Those that make a public key of the kinds that are recorded, and what it is for.
const PUBLIC: [&str; 5] = ["kty", "crv", "x", "y", "use"];
/// A SubjectPublicKeyInfo up to the coordinates of a point of P-256, uncompressed (RFC 5480, 2).
const P256: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// The same of Ed25519 (RFC 8410, 4).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands as `key`: one object, or a list.
pub struct Keys(Vec<Part>);

enum Part {
    Text(String),
    Jwk(Members<Value>),
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Part;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK or a certificate")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Text(text.to_owned()))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
        Members::deserialize(MapAccessDeserializer::new(map)).map(Part::Jwk)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        de.deserialize_any(Look)
    }
}

struct LookAll;

impl<'de> Visitor<'de> for LookAll {
    type Value = Keys;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK or a list")
    }
    /// Refused by `shown`, which repeats nothing of it.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Keys, E> {
        Look.visit_str(text).map(|text| Keys(vec![text]))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keys, A::Error> {
        Look.visit_map(map).map(|jwk| Keys(vec![jwk]))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = seq.next_element()? {
            if parts.len() == MAX_CERTIFICATES {
                return Err(de::Error::custom(format!("a key has at most {MAX_CERTIFICATES} certificates")));
            }
            parts.push(part);
        }
        Ok(Keys(parts))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        de.deserialize_any(LookAll)
    }
}

impl Keys {
    /// The one key that is shown, as `kind` says; a JWK may stand in a list of one.
    ///
    /// # Errors
    /// What is no public key. Nothing of it is repeated.
    pub fn shown(&self, kind: &str) -> Result<Shown, Invalid> {
        match (kind, self.0.as_slice()) {
            ("jwk", [Part::Jwk(members)]) => jwk(members),
            ("jwk", _) => Err(Invalid::new(FIELD, "must be one JWK")),
            ("x5c", [Part::Text(own), above @ ..]) if above.iter().all(|p| matches!(p, Part::Text(_))) => {
                certificate(own)
            }
            ("x5c", _) => {
                Err(Invalid::new(FIELD, "must be a list of certificates in base64, the key's own first"))
            }
            _ => Err(Invalid::new("resource.type", "must be `jwk` or `x5c` where a key is shown")),
        }
    }
}

fn jwk(members: &Members<Value>) -> Result<Shown, Invalid> {
    if PRIVATE.iter().any(|name| members.0.contains_key(*name)) {
        let why = "must be a public key: this one is known to others now, replace it";
        return Err(Invalid::new(FIELD, why));
    }
    let text = |name: &str| members.0.get(name).and_then(Value::as_str);
    let Some(kind) = text("kty") else { return Err(Invalid::new(FIELD, "must have a `kty`")) };
    if !matches!((kind, text("crv")), ("EC", Some("P-256")) | ("OKP", Some("Ed25519"))) {
        return Ok(Shown::Other);
    }
    let public = PUBLIC.iter().filter_map(|name| Some(((*name).to_owned(), members.0.get(*name)?.clone())));
    signing(&Value::Object(public.collect::<Map<_, _>>()))
}

fn signing(jwk: &Value) -> Result<Shown, Invalid> {
    let key = PublicKey::from_jwk(jwk).map_err(|e| Invalid::new(FIELD, format!("is refused: {e}")))?;
    Ok(Shown::Signing(key))
}

/// The key of a certificate. Who issued it, for whom and for how long says nothing here: the records bind the key.
fn certificate(base64: &str) -> Result<Shown, Invalid> {
    let fault = || Invalid::new(FIELD, "must begin with an X.509 certificate, DER in base64");
    let der = CertificateDer::from(STANDARD.decode(base64).map_err(|_| fault())?);
    let parsed = ParsedCertificate::try_from(&der).map_err(|_| fault())?;
    let info = parsed.subject_public_key_info();
    let info: &[u8] = info.as_ref();
    if let Some(point) = info.strip_prefix(P256.as_slice()).filter(|point| point.len() == 64) {
        let [x, y] = [&point[..32], &point[32..]].map(|c| URL_SAFE_NO_PAD.encode(c));
        return signing(&json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }));
    }
    match info.strip_prefix(ED25519.as_slice()) {
        Some(x) => signing(&json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x) })),
        None => Ok(Shown::Other),
    }
}
