//! Public keys by which a registry is known in TLS: its certificates may change, and who issued them does not count.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Invalid, credential};

/// Keys of one authority: one in use, one that is rotated to, each for two sites.
pub const MAX_PINS: usize = 4;
/// The member that lists them, in documents, events and requests.
const FIELD: &str = "tls_spki_sha256";

/// SHA-256 of a SubjectPublicKeyInfo (RFC 7469, 2.4), written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpkiSha256([u8; 32]);

impl SpkiSha256 {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let hex = credential::fingerprint(text).map_err(|e| e.at(FIELD))?;
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok();
            let parsed = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
            *byte = parsed.ok_or_else(|| Invalid::new(FIELD, "must be hexadecimal"))?;
        }
        Ok(Self(bytes))
    }
}

impl From<[u8; 32]> for SpkiSha256 {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl TryFrom<String> for SpkiSha256 {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<SpkiSha256> for String {
    fn from(hash: SpkiSha256) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for SpkiSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The keys of one authority, each once. None: its certificates are checked by who issued them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<SpkiSha256>", into = "Vec<SpkiSha256>")]
pub struct SpkiPins(Vec<SpkiSha256>);

impl SpkiPins {
    pub fn parse(texts: &[String]) -> Result<Self, Invalid> {
        if texts.len() > MAX_PINS {
            return Err(too_many());
        }
        texts.iter().map(|text| SpkiSha256::parse(text)).collect::<Result<Vec<_>, _>>()?.try_into()
    }

    pub fn contains(&self, key: &SpkiSha256) -> bool {
        self.0.contains(key)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &SpkiSha256> {
        self.0.iter()
    }

    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn too_many() -> Invalid {
    Invalid::new(FIELD, format!("must have at most {MAX_PINS} members"))
}

impl TryFrom<Vec<SpkiSha256>> for SpkiPins {
    type Error = Invalid;
    fn try_from(list: Vec<SpkiSha256>) -> Result<Self, Invalid> {
        if list.len() > MAX_PINS {
            return Err(too_many());
        }
        if list.iter().enumerate().any(|(n, key)| list[..n].contains(key)) {
            return Err(Invalid::new(FIELD, "must not name a key twice"));
        }
        Ok(Self(list))
    }
}

impl From<SpkiPins> for Vec<SpkiSha256> {
    fn from(pins: SpkiPins) -> Self {
        pins.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> String {
        SpkiSha256::from([n; 32]).to_string()
    }

    #[test]
    fn a_key_has_one_spelling() {
        let text = key(0x0a);
        assert_eq!(SpkiSha256::parse(&text), Ok(SpkiSha256::from([0x0a; 32])));
        for bad in [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), "é".repeat(32)] {
            assert!(SpkiSha256::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_is_short_and_names_each_key_once() {
        let pins = |list: &[u8]| SpkiPins::parse(&list.iter().map(|n| key(*n)).collect::<Vec<_>>());
        let both = pins(&[1, 2]).expect("two");
        assert!(both.contains(&SpkiSha256::from([2; 32])) && !both.contains(&SpkiSha256::from([3; 32])));
        assert_eq!(pins(&[]).map(|none| none.is_empty()), Ok(true));
        assert!(pins(&[1, 2, 3, 4]).is_ok() && pins(&[1, 2, 3, 4, 5]).is_err() && pins(&[1, 1]).is_err());
        let read = |text: &str| serde_json::from_str::<SpkiPins>(text);
        let json = serde_json::to_string(&both).expect("JSON");
        assert_eq!(read(&json).expect("the same"), both);
        assert!(read(&format!("[\"{0}\",\"{0}\"]", key(1))).is_err(), "read from JSON it is no other");
    }
}
