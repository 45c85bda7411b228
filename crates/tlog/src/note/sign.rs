//! Signing notes. Where the private key is, and how it signs, is the caller's.

use crate::note::{Error, KeyKind, Note, SignatureLine, Vkey};

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// What the private key's keeper says.
    #[error("the key could not sign: {0}")]
    Key(String),
    #[error("the signature is not by `{0}`: its private key is another's")]
    WrongKey(Box<Vkey>),
    #[error("`{0}` is not a key for this: logs sign with type 0x01, witnesses with 0x04")]
    WrongKind(Box<Vkey>),
    #[error("`{key}` cannot sign for the log `{origin}`: the names differ")]
    WrongName { key: Box<Vkey>, origin: String },
    #[error("a cosignature has a time from 1 to 9223372036854775807 seconds")]
    Time,
    #[error(transparent)]
    Note(#[from] Error),
}

/// An Ed25519 private key: in memory, or in a token.
pub trait Sign: Send + Sync {
    /// The signature over `message` (RFC 8032, Ed25519).
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// A private key with what verifies its signatures.
#[derive(Clone)]
pub struct NoteSigner<'k> {
    vkey: Vkey,
    key: &'k dyn Sign,
}

impl<'k> NoteSigner<'k> {
    pub fn new(vkey: Vkey, key: &'k dyn Sign) -> Self {
        Self { vkey, key }
    }

    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// A signature line over a text that ends in a newline; the key is of type 0x01.
    pub fn sign(&self, text: &str) -> Result<SignatureLine, SignError> {
        self.check_kind(KeyKind::Ed25519)?;
        Ok(SignatureLine::new(&self.vkey, self.sign_bytes(text.as_bytes())?.to_vec()))
    }

    /// A note with this one signature.
    pub fn note(&self, text: String) -> Result<Note, SignError> {
        let line = self.sign(&text)?;
        Ok(Note::new(text, vec![line])?)
    }

    /// Verified before it is given away: what does not verify shows a wrong key or a faulty token, and may tell of
    /// the private key.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let signature = self.key.sign(message)?;
        if !self.vkey.signed(message, &signature) {
            return Err(SignError::WrongKey(Box::new(self.vkey.clone())));
        }
        Ok(signature)
    }

    pub(crate) fn check_kind(&self, kind: KeyKind) -> Result<(), SignError> {
        if self.vkey.kind() == kind { Ok(()) } else { Err(SignError::WrongKind(Box::new(self.vkey.clone()))) }
    }
}
