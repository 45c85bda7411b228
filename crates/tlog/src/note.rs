//! Signed notes: a text and the signatures under it (C2SP signed-note).

mod key;
mod line;
mod sign;
mod verify;

use std::fmt;

pub use key::{KeyKind, KeyName, Vkey};
pub(crate) use line::SIGNATURE_BYTES;
pub use line::SignatureLine;
pub use sign::{NoteSigner, Sign, SignError};
pub use verify::Verified;

/// Longest note, in bytes: room for 16 signatures of nearly 5 kB, as C2SP signed-note asks.
pub const MAX_BYTES: usize = 128 * 1024;
/// Most signatures under one note.
pub const MAX_SIGNATURES: usize = 64;

/// What is no note, no key, or no signature by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a note has at most {MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    #[error("a note is UTF-8 without control characters other than newline")]
    Characters,
    #[error("a note is a text, an empty line, and lines of signatures, each ended by a newline")]
    Form,
    #[error("a note has 1 to {MAX_SIGNATURES} signatures; this one has {0}")]
    Signatures(usize),
    #[error("signature {0} is not `— <name> <base64 of key ID and signature>`")]
    Line(usize),
    #[error("`{0}` is no name of a key: one has 1 to 255 bytes without spaces, control characters and `+`")]
    Name(String),
    #[error("a verifier key is `<name>+<8 lower-case hex digits>+<base64 of type and 32 bytes>`")]
    Vkey,
    #[error("keys of type {0:#04x} are not supported: 0x01 (Ed25519) and 0x04 (cosignature/v1) are")]
    KeyKind(u8),
    #[error("the key ID of `{name}` is {given}; its key has {needed}")]
    KeyId { name: KeyName, given: String, needed: String },
    #[error("two keys have the name `{0}` and one key ID: remove one")]
    Ambiguous(KeyName),
    #[error("`{0}` signed twice with one key")]
    Twice(KeyName),
    #[error("the signature by `{0}` does not verify")]
    Signature(KeyName),
    #[error("no known key signed this")]
    Unsigned,
}

/// A text and at least one signature. It says nothing before [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// A text that ends in a newline, and 1 to 64 signatures.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, Error> {
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(Error::Form);
        }
        if !(1..=MAX_SIGNATURES).contains(&signatures.len()) {
            return Err(Error::Signatures(signatures.len()));
        }
        let note = Self { text, signatures };
        let bytes = note.to_string().len();
        if bytes > MAX_BYTES { Err(Error::TooLong(bytes)) } else { Ok(note) }
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| Error::Characters)?;
        // The last empty line ends the text: a text may have some of its own.
        let end = all.rfind("\n\n").ok_or(Error::Form)?;
        let signatures = SignatureLine::parse_all(&all[end + 2..])?;
        Self::new(all[..=end].to_owned(), signatures)
    }

    /// What is signed, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }
}

/// A note has one text form: what was parsed.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn check_characters(text: &str) -> Result<(), Error> {
    let control = text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
    if control { Err(Error::Characters) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
