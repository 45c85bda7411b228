//! The key set of an OIDC provider: each key with one fixed algorithm; what cannot verify a token is left out.

use std::{collections::HashMap, fmt};

use josekit::{
    jwk::Jwk,
    jws::{JwsVerifier, PS256, RS256},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Error, PublicKey, base64url::decode, error::shown};

/// A provider with several tenants and a rotation under way has a dozen.
pub const MAX_KEYS: usize = 64;

pub(super) const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// RFC 7518, 3.3: at least 2048 bits. Above 8192 one verification costs more than a caller may make us spend.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// Keys by `kid`. May be empty: a provider that withdrew all of its keys says so.
#[derive(Default)]
pub struct TokenKeys(HashMap<String, TokenKey>);

pub(super) enum TokenKey {
    Curve(PublicKey),
    Rsa { algorithm: &'static str, verifier: Box<dyn JwsVerifier> },
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The members of a JWK (RFC 7517, 4) that decide whether and how it is used.
#[derive(Deserialize)]
struct Raw {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Value>,
}

impl TokenKeys {
    /// Parses a JWK set. Keys for encryption, without `kid` or of kinds not known here are left out.
    pub fn parse(jwks_json: &[u8]) -> Result<Self, Error> {
        let set: Set = serde_json::from_slice(jwks_json).map_err(|e| Error::Key(shown(&e.to_string())))?;
        if set.keys.len() > MAX_KEYS {
            return Err(Error::Key(format!("a key set must have at most {MAX_KEYS} keys")));
        }
        let mut keys = HashMap::new();
        for (kid, key) in set.keys.iter().filter_map(usable) {
            if keys.contains_key(&kid) {
                return Err(Error::Key(format!("two keys of the set have the kid `{}`", shown(&kid))));
            }
            keys.insert(kid, key);
        }
        Ok(Self(keys))
    }

    /// How many keys can verify a token.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub(super) fn find(&self, kid: &str) -> Option<&TokenKey> {
        self.0.get(kid)
    }
}

fn usable(jwk: &Value) -> Option<(String, TokenKey)> {
    let raw = Raw::deserialize(jwk).ok()?;
    let signs = raw.usage.as_deref().is_none_or(|usage| usage == "sig")
        && raw.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    // A key whose private part was published may have signed anything.
    if !signs || raw.d.is_some() {
        return None;
    }
    let key = if raw.kty == "RSA" { rsa(&raw)? } else { curve(&raw)? };
    let fits = raw.alg.is_none_or(|alg| alg == key.algorithm());
    let kid = raw.kid.filter(|kid| !kid.is_empty() && fits)?;
    Some((kid, key))
}

fn curve(raw: &Raw) -> Option<TokenKey> {
    let mut jwk = json!({ "kty": raw.kty, "crv": raw.crv, "x": raw.x });
    if let Some(y) = &raw.y {
        jwk["y"] = json!(y);
    }
    PublicKey::from_jwk(&jwk).ok().map(TokenKey::Curve)
}

fn rsa(raw: &Raw) -> Option<TokenKey> {
    let (n, e) = (raw.n.as_ref()?, raw.e.as_ref()?);
    if !RSA_BITS.contains(&bits(&decode(n)?)) || !is_exponent(&decode(e)?) {
        return None;
    }
    let mut jwk = Jwk::new("RSA");
    jwk.set_parameter("n", Some(Value::from(n.as_str()))).ok()?;
    jwk.set_parameter("e", Some(Value::from(e.as_str()))).ok()?;
    let (algorithm, verifier): (_, Box<dyn JwsVerifier>) = match raw.alg.as_deref() {
        None | Some("RS256") => ("RS256", Box::new(RS256.verifier_from_jwk(&jwk).ok()?)),
        Some("PS256") => ("PS256", Box::new(PS256.verifier_from_jwk(&jwk).ok()?)),
        Some(_) => return None,
    };
    Some(TokenKey::Rsa { algorithm, verifier })
}

fn bits(number: &[u8]) -> usize {
    let zeros: usize = number.iter().take_while(|b| **b == 0).count();
    let first = number.get(zeros).map_or(0, |b| b.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}

/// Odd and at least 3: with the exponent 1 every signature would be its own message.
fn is_exponent(e: &[u8]) -> bool {
    (2..=64).contains(&bits(e)) && e.last().is_some_and(|b| b % 2 == 1)
}

impl TokenKey {
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Curve(key) => key.algorithm().as_str(),
            Self::Rsa { algorithm, .. } => algorithm,
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Curve(key) => key.verifies(message, signature),
            Self::Rsa { verifier, .. } => verifier.verify(message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(kid, key)| (kid, key.algorithm()))).finish()
    }
}
