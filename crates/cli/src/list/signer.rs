//! Whose signature on a list counts: that of one certificate, which the caller has from somewhere else.

use charter_domain::Timestamp;
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Public},
    rsa::Padding,
    sign::{RsaPssSaltlen, Verifier},
    x509::X509,
};
use sha2::{Digest as _, Sha256};

use super::Refused;

/// Bits of an RSA key at least.
const MIN_RSA: u32 = 2_048;

/// A way of signing; each needs a key of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// `r || s`, each as long as the curve's numbers.
    Ecdsa(Curve, Hash),
    RsaPkcs1(Hash),
    /// The salt is as long as the digest.
    RsaPss(Hash),
    Ed25519,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn digest(self) -> MessageDigest {
        match self {
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> Result<Vec<u8>, Refused> {
        let digest = openssl::hash::hash(self.digest(), bytes);
        digest.map(|digest| digest.to_vec()).map_err(|_| Refused::signature("a digest cannot be made"))
    }
}

impl Curve {
    const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The certificate that was given, and its key.
pub struct Pinned {
    certificate: X509,
    der: Vec<u8>,
    key: PKey<Public>,
}

impl Pinned {
    /// One certificate in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let unreadable = |_| "it is no certificate in PEM".to_owned();
        let mut all = X509::stack_from_pem(pem).map_err(unreadable)?;
        let certificate = all.pop().filter(|_| all.is_empty()).ok_or("it must hold one certificate")?;
        let key = certificate.public_key().map_err(|_| "its key cannot be used".to_owned())?;
        if key.id() == Id::RSA && key.bits() < MIN_RSA {
            return Err(format!("its RSA key has less than {MIN_RSA} bits"));
        }
        let der = certificate.to_der().map_err(unreadable)?;
        Ok(Self { certificate, der, key })
    }

    /// SHA-256 of the certificate, in hexadecimal.
    pub fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(&self.der))
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether a certificate is of the same key. A signer may have its certificate made anew.
    pub(super) fn has_key_of(&self, der: &[u8]) -> bool {
        let key = X509::from_der(der).and_then(|certificate| certificate.public_key());
        key.is_ok_and(|key| key.public_eq(&self.key))
    }

    /// That the certificate was valid when the list was issued.
    pub(super) fn was_valid(&self, at: Timestamp) -> Result<(), Refused> {
        let at_time =
            Asn1Time::from_unix(at.secs()).map_err(|_| Refused::form("the list has no usable time"))?;
        let inside = self.certificate.not_before() <= at_time && self.certificate.not_after() >= at_time;
        if inside {
            return Ok(());
        }
        Err(Refused::signature(format!(
            "the certificate of --signer was not valid at {at}, when the list was issued"
        )))
    }

    /// The curve of an EC key.
    pub(super) fn curve(&self) -> Option<Curve> {
        match self.key.ec_key().ok()?.group().curve_name()? {
            Nid::X9_62_PRIME256V1 => Some(Curve::P256),
            Nid::SECP384R1 => Some(Curve::P384),
            Nid::SECP521R1 => Some(Curve::P521),
            _ => None,
        }
    }

    pub(super) fn is_rsa(&self) -> bool {
        self.key.id() == Id::RSA
    }

    pub(super) fn is_ed25519(&self) -> bool {
        self.key.id() == Id::ED25519
    }

    /// Attributes of the subject: organization and country.
    pub(super) fn names(&self) -> (Option<String>, Option<String>) {
        let text = |nid| {
            let entry = self.certificate.subject_name().entries_by_nid(nid).next()?;
            entry.data().to_string().ok()
        };
        (text(Nid::ORGANIZATIONNAME), text(Nid::COUNTRYNAME))
    }

    /// That the signature is this key's, in this way and no other.
    pub(super) fn verify(&self, method: Method, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let fits = match method {
            Method::Ecdsa(curve, _) => self.curve() == Some(curve) && signature.len() == 2 * curve.bytes(),
            Method::RsaPkcs1(_) | Method::RsaPss(_) => self.is_rsa(),
            Method::Ed25519 => self.is_ed25519(),
        };
        if !fits {
            return Err(Refused::signature(
                "the list is signed in a way that the key of --signer is not for",
            ));
        }
        if matches!(self.check(method, message, signature), Ok(true)) {
            Ok(())
        } else {
            Err(Refused::signature("the signature is not that of --signer, or the list was altered"))
        }
    }

    fn check(&self, method: Method, message: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        match method {
            Method::Ed25519 => Verifier::new_without_digest(&self.key)?.verify_oneshot(signature, message),
            Method::Ecdsa(curve, hash) => {
                let (r, s) = signature.split_at(curve.bytes());
                let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
                let der = EcdsaSig::from_private_components(r, s)?.to_der()?;
                Verifier::new(hash.digest(), &self.key)?.verify_oneshot(&der, message)
            }
            Method::RsaPkcs1(hash) => {
                let mut verifier = Verifier::new(hash.digest(), &self.key)?;
                verifier.set_rsa_padding(Padding::PKCS1)?;
                verifier.verify_oneshot(signature, message)
            }
            Method::RsaPss(hash) => {
                let mut verifier = Verifier::new(hash.digest(), &self.key)?;
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier.set_rsa_mgf1_md(hash.digest())?;
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                verifier.verify_oneshot(signature, message)
            }
        }
    }
}
