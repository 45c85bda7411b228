//! A JWK set: the keys that one issuer may sign with right now.

use serde::{Deserialize, Serialize};

use crate::{Error, PublicKey, error::shown};

/// A rotation needs two keys, a second algorithm and a spare double that; more is a mistake or an attack.
pub const MAX_KEYS: usize = 8;

/// One to eight distinct keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct JwkSet {
    pub keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    keys: Vec<PublicKey>,
}

impl JwkSet {
    pub fn new(keys: Vec<PublicKey>) -> Result<Self, Error> {
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(Error::Key(format!("a key set must have 1 to {MAX_KEYS} keys")));
        }
        let twice = |i: usize, key: &PublicKey| keys.iter().take(i).any(|k| k == key);
        if let Some((_, key)) = keys.iter().enumerate().find(|(i, k)| twice(*i, k)) {
            return Err(Error::Key(format!("key `{}` is in the set twice", key.kid())));
        }
        Ok(Self { keys })
    }

    /// Strict: `{"keys": [..]}` and nothing else.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(json).map_err(|e| Error::Key(shown(&e.to_string())))
    }

    pub fn to_json(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(PublicKey::to_jwk).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|k| k.kid() == kid)
    }
}

impl TryFrom<Raw> for JwkSet {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        Self::new(raw.keys)
    }
}

impl From<PublicKey> for JwkSet {
    fn from(key: PublicKey) -> Self {
        Self { keys: vec![key] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Signer as _, SoftwareSigner};

    fn keys(count: usize) -> Vec<PublicKey> {
        let key = |_| SoftwareSigner::generate(Algorithm::EdDsa).expect("a key").key().clone();
        (0..count).map(key).collect()
    }

    #[test]
    fn a_set_round_trips_and_is_strict() {
        let set = JwkSet::new(keys(2)).expect("two keys");
        assert_eq!(JwkSet::parse(set.to_json().as_bytes()).expect("its own JSON"), set);
        assert_eq!(serde_json::to_string(&set).expect("serialises"), set.to_json());
        let more = set.to_json().replace("{\"keys\"", "{\"extra\":1,\"keys\"");
        assert!(JwkSet::parse(more.as_bytes()).is_err());
    }

    #[test]
    fn none_nine_and_a_key_twice_are_refused() {
        assert!(JwkSet::parse(br#"{"keys":[]}"#).is_err());
        assert!(JwkSet::new(keys(MAX_KEYS)).is_ok());
        assert!(JwkSet::new(keys(MAX_KEYS + 1)).is_err());
        let key = keys(1).remove(0);
        assert!(JwkSet::new(vec![key.clone(), key]).is_err());
    }
}
