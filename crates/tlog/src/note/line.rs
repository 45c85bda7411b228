//! Lines of signatures (C2SP signed-note, Signatures).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::note::{Error, KeyName, MAX_BYTES, MAX_SIGNATURES, Vkey};

/// Length of an Ed25519 signature, in bytes.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// One signature: whose, and its bytes, of which the key's type knows the meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl SignatureLine {
    pub(crate) fn new(key: &Vkey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().clone(), key_id: key.key_id(), bytes }
    }

    /// Lines that each end in a newline, as a witness answers (C2SP tlog-witness, add-checkpoint): 1 to 64.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong(text.len()));
        }
        let lines = text.strip_suffix('\n').ok_or(Error::Form)?;
        let count = lines.bytes().filter(|byte| *byte == b'\n').count() + 1;
        if count > MAX_SIGNATURES {
            return Err(Error::Signatures(count));
        }
        (1..).zip(lines.split('\n')).map(|(number, line)| read(line).ok_or(Error::Line(number))).collect()
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// What follows the key ID.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it claims to be by this key.
    pub(crate) fn is_by(&self, key: &Vkey) -> bool {
        self.name == *key.name() && self.key_id == key.key_id()
    }
}

fn read(line: &str) -> Option<SignatureLine> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (key_id, bytes) = bytes.split_first_chunk().filter(|(_, bytes)| !bytes.is_empty())?;
    Some(SignatureLine { name: name.parse().ok()?, key_id: *key_id, bytes: bytes.to_vec() })
}

/// Without the newline.
impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.bytes].concat();
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}
