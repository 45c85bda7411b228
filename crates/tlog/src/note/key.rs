//! Names of keys, and verifier keys (C2SP signed-note, Verifier keys).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::{
    pkey::{Id, PKey},
    sha::Sha256,
    sign::Verifier,
};

use crate::note::Error;

/// Length of an Ed25519 public key, in bytes (RFC 8032).
const KEY_BYTES: usize = 32;
/// Longest name of a key, in bytes: what C2SP tlog-cosignature has room for.
const MAX_NAME: usize = 255;

/// Name of a key: `example.com/log`, say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let strange = |c: char| c.is_whitespace() || c < ' ' || c == '+';
        if text.is_empty() || text.len() > MAX_NAME || text.contains(strange) {
            return Err(Error::Name(text.chars().take(MAX_NAME).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key signs, which is part of its key ID (C2SP signed-note, Signature types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the text of a note; a log's key.
    Ed25519,
    /// 0x04: timestamped Ed25519 over a checkpoint; a witness's key (C2SP tlog-cosignature).
    CosignatureV1,
}

impl KeyKind {
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    fn of(byte: u8) -> Result<Self, Error> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            other => Err(Error::KeyKind(other)),
        }
    }
}

/// A verifier key: a public key with its name and purpose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vkey {
    name: KeyName,
    kind: KeyKind,
    key: [u8; KEY_BYTES],
    key_id: [u8; 4],
}

impl Vkey {
    /// `key` is the 32 bytes of an Ed25519 public key (RFC 8032).
    pub fn new(name: KeyName, kind: KeyKind, key: [u8; KEY_BYTES]) -> Self {
        let key_id = key_id(&name, kind, &key);
        Self { name, kind, key, key_id }
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 bytes of the public key.
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// First four bytes of SHA-256 of name, newline, type and key; told together with the name, not alone.
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// Whether `signature` is this key's over `message` (RFC 8032).
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verify = || {
            let key = PKey::public_key_from_raw_bytes(&self.key, Id::ED25519)?;
            Verifier::new_without_digest(&key)?.verify_oneshot(signature, message)
        };
        verify().unwrap_or(false)
    }
}

fn key_id(name: &KeyName, kind: KeyKind, key: &[u8; KEY_BYTES]) -> [u8; 4] {
    let mut sha = Sha256::new();
    sha.update(name.as_str().as_bytes());
    sha.update(&[b'\n', kind.byte()]);
    sha.update(key);
    let [a, b, c, d, ..] = sha.finish();
    [a, b, c, d]
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// A key has one text form; the key ID must be the key's.
impl FromStr for Vkey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once('+').ok_or(Error::Vkey)?;
        let (given, material) = rest.split_once('+').ok_or(Error::Vkey)?;
        let name: KeyName = name.parse()?;
        let digits = given.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let material = STANDARD.decode(material).map_err(|_| Error::Vkey)?;
        let (kind, key) = material.split_first().ok_or(Error::Vkey)?;
        if given.len() != 8 || !digits {
            return Err(Error::Vkey);
        }
        let kind = KeyKind::of(*kind)?;
        let vkey = Self::new(name, kind, key.try_into().map_err(|_| Error::Vkey)?);
        let needed = hex(vkey.key_id);
        if needed != given {
            return Err(Error::KeyId { name: vkey.name, given: given.to_owned(), needed });
        }
        Ok(vkey)
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()], &self.key[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex(self.key_id), STANDARD.encode(material))
    }
}
