//! Who signs: a key in memory now, a hardware token later.

use std::fmt;

use josekit::{
    jwk::{
        Jwk, KeyPair as _,
        alg::{ec::EcCurve, ec::EcKeyPair, ed::EdCurve, ed::EdKeyPair},
    },
    jws::{ES256, EdDSA, JwsSigner},
};
use serde_json::{Map, Value};

use crate::{Algorithm, Error, Kek, PublicKey, base64url::decode_exact, jws, sealed};

/// Makes compact JWS with one key.
pub trait Signer: Send + Sync {
    fn key(&self) -> &PublicKey;

    /// A token of type `typ`; the header is exactly `alg`, `kid`, `typ`, in this order.
    fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, Error>;

    /// The same with the key named by a DID URL of its owner, `<did>#<thumbprint>`: how credentials name it (VC-JWT).
    fn sign_as(&self, did: &str, typ: &str, payload: &[u8]) -> Result<String, Error> {
        let kid = format!("{did}#{}", self.key().kid());
        let header = (self.key().algorithm().as_str(), kid.as_str(), typ);
        jws::assemble(header, payload, |signed| self.raw(signed).map(Vec::from))
    }

    /// The signature alone, over the message as it is: RFC 8032, 5.1.6 (Ed25519), or `r || s` of RFC 7518, 3.4.
    fn raw(&self, message: &[u8]) -> Result<[u8; 64], Error>;
}

/// Both algorithms sign with 64 bytes.
pub(crate) fn whole(signature: &[u8]) -> Result<[u8; 64], Error> {
    signature.try_into().map_err(|_| Error::Key("a signature has 64 bytes".to_owned()))
}

/// A private key in this process' memory.
pub struct SoftwareSigner {
    key: PublicKey,
    signer: Box<dyn JwsSigner>,
    /// The private JWK as JSON, kept for `seal`.
    private: String,
}

impl SoftwareSigner {
    /// A new key from the operating system's randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let failed = |_| Error::Key("a new key could not be made".to_owned());
        let jwk = match algorithm {
            Algorithm::Es256 => EcKeyPair::generate(EcCurve::P256).map_err(failed)?.to_jwk_key_pair(),
            Algorithm::EdDsa => EdKeyPair::generate(EdCurve::Ed25519).map_err(failed)?.to_jwk_key_pair(),
        };
        let members: Map<String, Value> = jwk.into();
        Self::from_members(members)
    }

    /// Parses a private JWK: the members of a public one and `d`.
    pub fn from_private_jwk(json: &[u8]) -> Result<Self, Error> {
        // The parser's own message could repeat a piece of the private key, so it is not passed on.
        let members = serde_json::from_slice(json).map_err(|_| {
            Error::Key("it is not a JSON object with the members of a private JWK".to_owned())
        })?;
        Self::from_members(members)
    }

    /// The private key as a compact JWE (`A256KW`, `A256GCM`) that only `kek` opens.
    pub fn seal(&self, kek: &Kek) -> Result<String, Error> {
        sealed::seal(self.private.as_bytes(), kek)
    }

    pub fn unseal(token: &str, kek: &Kek) -> Result<Self, Error> {
        Self::from_private_jwk(&sealed::open(token, kek)?)
    }

    fn from_members(mut members: Map<String, Value>) -> Result<Self, Error> {
        let refused = || Error::Key("its private part is not usable".to_owned());
        let d = members.remove("d").ok_or_else(|| Error::Key("it has no private part `d`".to_owned()))?;
        let d = d.as_str().filter(|d| decode_exact::<32>(d).is_some()).ok_or_else(refused)?.to_owned();
        let key = PublicKey::from_jwk(&Value::Object(members))?;
        let Value::Object(mut members) = key.to_jwk() else {
            return Err(refused());
        };
        members.insert("d".to_owned(), Value::from(d));
        let private = Value::Object(members.clone()).to_string();
        let jwk = Jwk::from_map(members).map_err(|_| refused())?;
        let signer: Box<dyn JwsSigner> = match key.algorithm() {
            Algorithm::Es256 => Box::new(ES256.signer_from_jwk(&jwk).map_err(|_| refused())?),
            Algorithm::EdDsa => Box::new(EdDSA.signer_from_jwk(&jwk).map_err(|_| refused())?),
        };
        let made = Self { key, signer, private };
        // The library takes both halves as given; halves that do not belong together would sign in vain.
        let probe = b"charter key check";
        if !made.key.verifies(probe, &made.signature(probe)?) {
            return Err(Error::Key("its public and private parts do not belong together".to_owned()));
        }
        Ok(made)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signer.sign(message).map_err(|_| Error::Key("signing failed".to_owned()))
    }
}

impl Signer for SoftwareSigner {
    fn key(&self) -> &PublicKey {
        &self.key
    }

    fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, Error> {
        let header = (self.key.algorithm().as_str(), self.key.kid(), typ);
        jws::assemble(header, payload, |signed| self.signature(signed))
    }

    fn raw(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        whole(&self.signature(message)?)
    }
}

impl fmt::Debug for SoftwareSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareSigner").field("key", &self.key).field("private", &"[redacted]").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_and_opening_give_the_same_key() {
        let kek = Kek::generate();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let signer = SoftwareSigner::generate(algorithm).expect("a key");
            let sealed = signer.seal(&kek).expect("seals");
            let opened = SoftwareSigner::unseal(&sealed, &kek).expect("opens");
            assert_eq!(opened.key(), signer.key());
            assert!(SoftwareSigner::unseal(&sealed, &Kek::generate()).is_err());
            assert!(!sealed.contains(signer.key().kid()));
        }
    }

    #[test]
    fn a_bare_signature_is_over_the_message_itself() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let signer = SoftwareSigner::generate(algorithm).expect("a key");
            let signature = signer.raw(b"a message").expect("signed");
            assert!(signer.key().verifies(b"a message", &signature));
            assert!(!signer.key().verifies(b"another message", &signature));
        }
    }

    #[test]
    fn a_key_may_be_named_by_a_did_of_its_owner() {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        let token = signer.sign_as("did:web:a.example", "JWT", b"{}").expect("signed");
        assert_eq!(jws::kid(&token).expect("named"), format!("did:web:a.example#{}", signer.key().kid()));
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let signature = decode_exact::<64>(signature).expect("64 bytes");
        assert!(signer.key().verifies(signed.as_bytes(), &signature));
    }

    #[test]
    fn the_private_part_is_never_printed() {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        let jwk: Value = serde_json::from_str(&signer.private).expect("JSON");
        let d = jwk["d"].as_str().expect("private part");
        assert!(!format!("{signer:?}").contains(d));
        assert!(!signer.key().to_jwk().to_string().contains(d));
    }

    #[test]
    fn halves_of_two_keys_are_refused() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let [mut one, two] = [0, 1].map(|_| {
                let signer = SoftwareSigner::generate(algorithm).expect("a key");
                serde_json::from_str::<Value>(&signer.private).expect("JSON")
            });
            one["d"] = two["d"].clone();
            assert!(SoftwareSigner::from_private_jwk(one.to_string().as_bytes()).is_err());
        }
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let public = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key").key().to_jwk().to_string();
        for bad in ["", "{}", "[]", r#"{"kty":"oct","k":"AAAA"}"#, &public] {
            assert!(SoftwareSigner::from_private_jwk(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
