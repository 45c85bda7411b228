//! A public key with its one algorithm and its thumbprint as `kid`.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use josekit::{
    jwk::Jwk,
    jws::{ES256, EdDSA, JwsVerifier},
};
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Algorithm, Error,
    algorithm::SIGNATURE_BYTES,
    base64url::{decode_exact, encode},
    error::shown,
    recent::{Recent, Shared, lock},
};

/// Keys that were met lately, by thumbprint, which covers every member that makes a key: making one ready costs as much
/// as several verifications with it, and those of the same registries are met again and again. About 2 KiB each.
static MET: Shared<String, Arc<Inner>> = LazyLock::new(|| Recent::new(1_024));

/// A parsed public JWK: EC P-256 (ES256) or OKP Ed25519 (EdDSA), nothing else. Cloning is cheap.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: String,
    x: String,
    y: Option<String>,
    /// Built once for all that name this key.
    verifier: Box<dyn JwsVerifier>,
}

/// The JWK members of a public key. Others are refused, above all `d`: a private key must not pass for a
/// public one. Duplicates are refused by the derived parser.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    kty: String,
    crv: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<Algorithm>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
}

impl PublicKey {
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        Members::deserialize(jwk).map_err(|e| Error::Key(shown(&e.to_string())))?.try_into()
    }

    /// Public members, `kid`, `alg` and `use`; never a private one.
    pub fn to_jwk(&self) -> Value {
        let (kty, crv) = self.0.algorithm.kind();
        let mut jwk = serde_json::Map::new();
        let mut put = |name: &str, value: &str| jwk.insert(name.to_owned(), Value::from(value));
        put("kty", kty);
        put("crv", crv);
        put("x", &self.0.x);
        if let Some(y) = &self.0.y {
            put("y", y);
        }
        put("kid", &self.0.kid);
        put("alg", self.0.algorithm.as_str());
        put("use", "sig");
        Value::Object(jwk)
    }

    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }
    /// The key's id, always its thumbprint: an id that can be chosen could be made to collide.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }
    /// RFC 7638 SHA-256 thumbprint, base64url.
    pub fn thumbprint(&self) -> &str {
        &self.0.kid
    }

    /// Whether `signature` is this key's over `message`. The length is checked here because a wrong one is
    /// a malformed token, not a reason to ask the library.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == SIGNATURE_BYTES && self.0.verifier.verify(message, signature).is_ok()
    }
}

/// RFC 7638, 3.2: the required members in lexicographic order, no white space. All values are ours or strict
/// base64url, so nothing needs escaping.
fn thumbprint(algorithm: Algorithm, x: &str, y: Option<&str>) -> String {
    let (kty, crv) = algorithm.kind();
    let y = y.map(|y| format!(",\"y\":\"{y}\"")).unwrap_or_default();
    let members = format!("{{\"crv\":\"{crv}\",\"kty\":\"{kty}\",\"x\":\"{x}\"{y}}}");
    encode(sha256(members.as_bytes()))
}

fn verifier(algorithm: Algorithm, x: &str, y: Option<&str>) -> Result<Box<dyn JwsVerifier>, Error> {
    let (kty, crv) = algorithm.kind();
    let refused = |_| Error::Key("it is not a point of its curve".to_owned());
    let mut jwk = Jwk::new(kty);
    let members = [("crv", Some(crv)), ("x", Some(x)), ("y", y)];
    for (name, value) in members.into_iter().filter_map(|(n, v)| v.map(|v| (n, v))) {
        jwk.set_parameter(name, Some(Value::from(value))).map_err(refused)?;
    }
    Ok(match algorithm {
        Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk).map_err(refused)?),
        Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(refused)?),
    })
}

impl TryFrom<Members> for PublicKey {
    type Error = Error;

    fn try_from(m: Members) -> Result<Self, Error> {
        let algorithm = match (m.kty.as_str(), m.crv.as_str(), &m.y) {
            ("EC", "P-256", Some(_)) => Algorithm::Es256,
            ("OKP", "Ed25519", None) => Algorithm::EdDsa,
            _ => {
                return Err(Error::Key("it must be EC P-256 (x, y) or OKP Ed25519 (x)".to_owned()));
            }
        };
        let coordinates = [Some(&m.x), m.y.as_ref()];
        if coordinates.into_iter().flatten().any(|c| decode_exact::<32>(c).is_none()) {
            return Err(Error::Key("a coordinate must be 32 bytes in base64url without padding".to_owned()));
        }
        if m.alg.is_some_and(|a| a != algorithm) {
            return Err(Error::Key(format!("its alg must be `{algorithm}`")));
        }
        if m.usage.is_some_and(|u| u != "sig") {
            return Err(Error::Key("its use must be `sig`".to_owned()));
        }
        let kid = thumbprint(algorithm, &m.x, m.y.as_deref());
        if let Some(given) = m.kid.filter(|k| *k != kid) {
            let given = shown(&given);
            return Err(Error::Key(format!("its kid is `{given}`, but its thumbprint is `{kid}`")));
        }
        if let Some(known) = lock(&MET).get(kid.as_str()) {
            return Ok(Self(known));
        }
        let verifier = verifier(algorithm, &m.x, m.y.as_deref())?;
        let inner = Arc::new(Inner { algorithm, kid, x: m.x, y: m.y, verifier });
        lock(&MET).put(inner.kid.clone(), Arc::clone(&inner));
        Ok(Self(inner))
    }
}

impl From<PublicKey> for Members {
    fn from(key: PublicKey) -> Self {
        let (kty, crv) = key.0.algorithm.kind();
        Self {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x: key.0.x.clone(),
            y: key.0.y.clone(),
            kid: Some(key.0.kid.clone()),
            alg: Some(key.0.algorithm),
            usage: Some("sig".to_owned()),
        }
    }
}

impl PartialEq for PublicKey {
    /// The thumbprint covers every member that makes the key.
    fn eq(&self, other: &Self) -> bool {
        self.0.kid == other.0.kid
    }
}
impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.0.algorithm, self.0.kid)
    }
}

#[cfg(test)]
mod tests;
