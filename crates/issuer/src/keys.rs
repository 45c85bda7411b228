//! Keys that sign access tokens, and the random values of codes.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use charter_signing::{Algorithm, Error, JwkSet, MAX_KEYS, PublicKey, Signer as _, SoftwareSigner};

pub struct Keys {
    signer: SoftwareSigner,
    /// Published so that their tokens verify until they expire; newest first.
    earlier: Vec<PublicKey>,
}

impl Keys {
    pub fn new() -> Result<Self, Error> {
        Ok(Self { signer: SoftwareSigner::generate(Algorithm::Es256)?, earlier: Vec::new() })
    }

    pub fn sign(&self, claims: &[u8]) -> Result<String, Error> {
        self.signer.sign("at+jwt", claims)
    }

    pub fn rotate(&mut self) -> Result<(), Error> {
        let next = SoftwareSigner::generate(Algorithm::Es256)?;
        let was = std::mem::replace(&mut self.signer, next);
        self.earlier.insert(0, was.key().clone());
        self.earlier.truncate(MAX_KEYS - 1);
        Ok(())
    }

    pub fn withdraw(&mut self) {
        self.earlier.clear();
    }

    pub fn kid(&self) -> String {
        self.signer.key().kid().to_owned()
    }

    pub fn published(&self) -> String {
        let keys = std::iter::once(self.signer.key().clone()).chain(self.earlier.iter().cloned());
        // One to MAX_KEYS distinct keys, so it is a set.
        JwkSet::new(keys.collect()).map_or_else(|_| String::new(), |set| set.to_json())
    }
}

/// 256 bits that nobody guesses.
pub fn random() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Eight letters to type, without vowels so that they make no words (RFC 8628, 6.1): 34 bits.
pub fn user_code() -> String {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let letter = |_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    let code: String = (0..8).map(letter).collect();
    format!("{}-{}", &code[..4], &code[4..])
}
