//! Where private keys live. What a store gives to be kept is kept beside the public records: ciphertext, or the name
//! under which it finds the key again.

use std::sync::Arc;

use crate::{Algorithm, Error, Kek, PublicKey, Signer, SoftwareSigner};

/// Makes keys and finds them again.
pub trait KeyStore: Send + Sync {
    fn generate(&self, algorithm: Algorithm) -> Result<Made, Error>;

    /// Whether it can make and use keys of this kind at all.
    fn makes(&self, algorithm: Algorithm) -> Result<bool, Error>;

    /// The private key that belongs to `key`.
    fn open(&self, key: &PublicKey, kept: &str) -> Result<Arc<dyn Signer>, Error>;

    /// Forgets a key that was made and not kept.
    fn discard(&self, kept: &str) -> Result<(), Error>;
}

/// A new key.
pub struct Made {
    pub signer: Arc<dyn Signer>,
    /// What `open` needs.
    pub kept: String,
}

/// Keys in memory, kept as ciphertext under a key-encryption key.
pub struct SealedStore {
    kek: Kek,
}

impl SealedStore {
    pub fn new(kek: Kek) -> Self {
        Self { kek }
    }
}

impl KeyStore for SealedStore {
    fn generate(&self, algorithm: Algorithm) -> Result<Made, Error> {
        let signer = SoftwareSigner::generate(algorithm)?;
        let kept = signer.seal(&self.kek)?;
        Ok(Made { signer: Arc::new(signer), kept })
    }

    fn makes(&self, _: Algorithm) -> Result<bool, Error> {
        Ok(true)
    }

    fn open(&self, key: &PublicKey, kept: &str) -> Result<Arc<dyn Signer>, Error> {
        let signer = SoftwareSigner::unseal(kept, &self.kek)?;
        if signer.key() != key {
            return Err(Error::Sealed("it is another key than the recorded one".to_owned()));
        }
        Ok(Arc::new(signer))
    }

    fn discard(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

/// What is kept of a key in a token begins so (RFC 7512): not a secret, and worth nothing without the token.
pub const IN_TOKEN: &str = "pkcs11:";

/// Every place where keys are found again, and the one where new ones are made: a registry moves into a token, or out
/// of it, by a rotation.
pub struct Vault {
    sealed: SealedStore,
    token: Option<Box<dyn KeyStore>>,
    makes_in_token: bool,
}

impl Vault {
    pub fn new(kek: Kek) -> Self {
        Self { sealed: SealedStore::new(kek), token: None, makes_in_token: false }
    }

    /// Keys in this token are found too; new ones are made in it where `makes` is true. A token without Ed25519 (it came
    /// with PKCS#11 3.0) leaves these keys to be sealed: they are of a log, which has no other kind (C2SP signed-note).
    /// A P-256 key is made in the token or not at all.
    #[must_use]
    pub fn with_token(self, token: Box<dyn KeyStore>, makes: bool) -> Self {
        Self { token: Some(token), makes_in_token: makes, ..self }
    }

    fn maker(&self, algorithm: Algorithm) -> Result<&dyn KeyStore, Error> {
        let token = self.token.as_deref().filter(|_| self.makes_in_token);
        match (token, algorithm) {
            (Some(token), Algorithm::EdDsa) if !token.makes(algorithm)? => Ok(&self.sealed),
            (Some(token), _) => Ok(token),
            (None, _) => Ok(&self.sealed),
        }
    }

    fn keeper(&self, kept: &str) -> Result<&dyn KeyStore, Error> {
        if !kept.starts_with(IN_TOKEN) {
            return Ok(&self.sealed);
        }
        let missing = || Error::Token("the key is in a token, and none is configured".to_owned());
        self.token.as_deref().ok_or_else(missing)
    }
}

impl KeyStore for Vault {
    fn generate(&self, algorithm: Algorithm) -> Result<Made, Error> {
        self.maker(algorithm)?.generate(algorithm)
    }

    fn makes(&self, algorithm: Algorithm) -> Result<bool, Error> {
        self.maker(algorithm)?.makes(algorithm)
    }

    fn open(&self, key: &PublicKey, kept: &str) -> Result<Arc<dyn Signer>, Error> {
        self.keeper(kept)?.open(key, kept)
    }

    fn discard(&self, kept: &str) -> Result<(), Error> {
        self.keeper(kept)?.discard(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_was_made() {
        let vault = Vault::new(Kek::generate());
        let made = vault.generate(Algorithm::Es256).expect("a key");
        let key = made.signer.key().clone();
        assert_eq!(vault.open(&key, &made.kept).expect("found").key(), &key);
        let other = vault.generate(Algorithm::EdDsa).expect("a key");
        assert!(vault.open(&key, &other.kept).is_err(), "another key");
        let said = vault.open(&key, "pkcs11:object=x").err().expect("no token").to_string();
        assert!(said.contains("none is configured"), "{said}");
        // In the token that stands for one, new keys are made; those from before are still found.
        let elsewhere = SealedStore::new(Kek::generate());
        let moved = vault.with_token(Box::new(elsewhere), true);
        assert_eq!(moved.open(&key, &made.kept).expect("found").key(), &key);
        let newer = moved.generate(Algorithm::Es256).expect("a key");
        assert!(moved.sealed.open(newer.signer.key(), &newer.kept).is_err(), "made by the token");
    }
    /// What a token of before PKCS#11 3.0 does.
    struct P256Only(SealedStore);

    impl KeyStore for P256Only {
        fn generate(&self, algorithm: Algorithm) -> Result<Made, Error> {
            match self.makes(algorithm)? {
                true => self.0.generate(algorithm),
                false => Err(Error::Token("CKR_MECHANISM_INVALID".to_owned())),
            }
        }
        fn makes(&self, algorithm: Algorithm) -> Result<bool, Error> {
            Ok(algorithm == Algorithm::Es256)
        }
        fn open(&self, key: &PublicKey, kept: &str) -> Result<Arc<dyn Signer>, Error> {
            self.0.open(key, kept)
        }
        fn discard(&self, kept: &str) -> Result<(), Error> {
            self.0.discard(kept)
        }
    }

    #[test]
    fn a_token_without_ed25519_leaves_such_keys_to_be_sealed() {
        let token = || Box::new(P256Only(SealedStore::new(Kek::generate())));
        let vault = Vault::new(Kek::generate()).with_token(token(), true);
        let [log, own] =
            [Algorithm::EdDsa, Algorithm::Es256].map(|kind| vault.generate(kind).expect("a key"));
        assert_eq!(vault.open(log.signer.key(), &log.kept).expect("sealed").key(), log.signer.key());
        assert!(vault.sealed.open(own.signer.key(), &own.kept).is_err(), "P-256 is made in the token");
        let elsewhere = SealedStore::new(Kek::generate());
        let whole = Vault::new(Kek::generate()).with_token(Box::new(elsewhere), true);
        let log = whole.generate(Algorithm::EdDsa).expect("a key");
        assert!(whole.sealed.open(log.signer.key(), &log.kept).is_err(), "made by a token that can");
    }
}
