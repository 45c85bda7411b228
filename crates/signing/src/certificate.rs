//! A certificate for a key that signs lists: standards of lists name their signers by X.509. It is signed by the key
//! itself, so it proves nothing but that; whoever believes it does so since it was handed over, or since it has the key
//! that the registry's own documents state.

use openssl::{
    asn1::{Asn1Integer, Asn1Time},
    bn::BigNum,
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private, Public},
    sha::sha256,
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier},
    },
};
use serde_json::Value;

use crate::{Algorithm, Error, PublicKey, Signer, base64url::decode_exact};

/// `id-tsl-kp-tslSigning`: the key signs lists (ETSI TS 119 612, 5.7.1).
const SIGNS_LISTS: &str = "0.4.0.2231.3.0";
/// There is no date on which it ends (RFC 5280, 4.1.2.5): when the key may sign, its registry says.
const NEVER_ENDS: &str = "99991231235959Z";
/// Characters of an organization's name in X.509 (RFC 5280, appendix A.1).
const MAX_ORGANIZATION: usize = 64;

/// Whose key it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name of the list's operator; its first 64 characters are `O`.
    pub organization: &'a str,
    /// Two letters, `C`; left out where it is anything else.
    pub country: &'a str,
}

/// A certificate of the signer's key, signed by that key, as DER. `since` is in seconds since 1970. All of it but the
/// signature is the same whenever it is made.
pub fn self_signed(signer: &dyn Signer, subject: Subject<'_>, since: i64) -> Result<Vec<u8>, Error> {
    let drafted = draft(signer.key(), subject, since).map_err(|_| refused())?;
    let (whole, _) = element(&drafted).ok_or_else(refused)?;
    let content = whole.get(header(whole).ok_or_else(refused)?..).ok_or_else(refused)?;
    let (signed, rest) = element(content).ok_or_else(refused)?;
    let (algorithm, _) = element(rest).ok_or_else(refused)?;
    let signature = signature(signer, signed)?;
    // A string of bits begins with how many are unused.
    let bits = wrapped(0x03, &[[0].as_slice(), &signature].concat());
    Ok(wrapped(0x30, &[signed, algorithm, &bits].concat()))
}

/// When a certificate of somebody ends, in seconds since 1970; none where it cannot be read.
pub fn ends(der: &[u8]) -> Option<i64> {
    let read = || -> Result<i64, ErrorStack> {
        let certificate = X509::from_der(der)?;
        let left = Asn1Time::from_unix(0)?.diff(certificate.not_after())?;
        Ok(i64::from(left.days) * 86_400 + i64::from(left.secs))
    };
    read().ok()
}

fn refused() -> Error {
    Error::Key("no certificate can be made for it".to_owned())
}

/// The signature as X.509 has it: `r` and `s` as a sequence (RFC 3279, 2.2.3), or 64 bytes (RFC 8410).
fn signature(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, Error> {
    let raw = signer.raw(message)?;
    if signer.key().algorithm() == Algorithm::EdDsa {
        return Ok(raw.to_vec());
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let number = BigNum::from_slice;
    let sequence = number(r).and_then(|r| EcdsaSig::from_private_components(r, number(s)?)?.to_der());
    sequence.map_err(|_| refused())
}

/// The certificate with everything but the right signature: a key that is thrown away signs it, so that the library
/// writes down all of it.
fn draft(key: &PublicKey, subject: Subject<'_>, since: i64) -> Result<Vec<u8>, ErrorStack> {
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    // At most 20 bytes (RFC 5280, 4.1.2.2).
    let digest = sha256(key.thumbprint().as_bytes());
    let serial = BigNum::from_slice(&digest[..16])?;
    let serial = Asn1Integer::from_bn(&serial)?;
    builder.set_serial_number(&serial)?;
    let mut name = X509NameBuilder::new()?;
    if subject.country.len() == 2 {
        name.append_entry_by_nid(Nid::COUNTRYNAME, subject.country)?;
    }
    let organization: String = subject.organization.chars().take(MAX_ORGANIZATION).collect();
    if !organization.is_empty() {
        name.append_entry_by_nid(Nid::ORGANIZATIONNAME, &organization)?;
    }
    name.append_entry_by_nid(Nid::COMMONNAME, key.kid())?;
    let name = name.build();
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    let (from, until) = (Asn1Time::from_unix(since)?, Asn1Time::from_str(NEVER_ENDS)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    let public = public(key)?;
    builder.set_pubkey(&public)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().other(SIGNS_LISTS).build()?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    let other = thrown_away(key.algorithm())?;
    let digest = match key.algorithm() {
        Algorithm::Es256 => MessageDigest::sha256(),
        Algorithm::EdDsa => MessageDigest::null(),
    };
    builder.sign(&other, digest)?;
    builder.build().to_der()
}

fn thrown_away(algorithm: Algorithm) -> Result<PKey<Private>, ErrorStack> {
    match algorithm {
        Algorithm::Es256 => curve().and_then(|curve| PKey::from_ec_key(EcKey::generate(&curve)?)),
        Algorithm::EdDsa => PKey::generate_ed25519(),
    }
}

fn curve() -> Result<EcGroup, ErrorStack> {
    EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)
}

fn public(key: &PublicKey) -> Result<PKey<Public>, ErrorStack> {
    let jwk = key.to_jwk();
    // A key that was parsed has coordinates of 32 bytes; zeros are none of any key.
    let coordinate =
        |name: &str| jwk.get(name).and_then(Value::as_str).and_then(decode_exact::<32>).unwrap_or_default();
    match key.algorithm() {
        Algorithm::Es256 => {
            let (x, y) = (BigNum::from_slice(&coordinate("x"))?, BigNum::from_slice(&coordinate("y"))?);
            let curve = curve()?;
            PKey::from_ec_key(EcKey::from_public_key_affine_coordinates(&curve, &x, &y)?)
        }
        Algorithm::EdDsa => PKey::public_key_from_raw_bytes(&coordinate("x"), Id::ED25519),
    }
}

/// Bytes of the tag and the length with which an element of DER begins (X.690, 8.1).
fn header(bytes: &[u8]) -> Option<usize> {
    let length = usize::from(*bytes.get(1)?);
    Some(if length < 0x80 { 2 } else { 2 + (length & 0x7f) })
}

/// The first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = header(bytes)?;
    let length = match bytes.get(2..header)? {
        [] => usize::from(*bytes.get(1)?),
        long if long.len() <= 3 => long.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        _ => return None,
    };
    bytes.split_at_checked(header + length)
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let long: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match (long.as_slice(), u8::try_from(long.len())) {
        ([], _) => out.push(0),
        ([short], _) if *short < 0x80 => out.push(*short),
        (long, count) => {
            out.push(0x80 | count.unwrap_or_default());
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SoftwareSigner;

    fn parsed(der: &[u8]) -> openssl::x509::X509 {
        openssl::x509::X509::from_der(der).expect("a certificate")
    }

    const WHO: Subject<'_> = Subject { organization: "Registry of Degrees", country: "FI" };

    #[test]
    fn a_certificate_is_of_the_key_and_signed_by_it() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let signer = SoftwareSigner::generate(algorithm).expect("a key");
            let der = self_signed(&signer, WHO, 1_700_000_000).expect("made");
            let certificate = parsed(&der);
            let key = certificate.public_key().expect("a key");
            assert!(certificate.verify(&key).expect("verified"), "{algorithm}");
            assert!(key.public_eq(&public(signer.key()).expect("a key")));
            let mut names = certificate.subject_name().entries();
            let country = names.next().expect("C").data().to_string().expect("text");
            let organization = names.next().expect("O").data().to_string().expect("text");
            assert_eq!((country.as_str(), organization.as_str()), ("FI", "Registry of Degrees"));
        }
    }

    #[test]
    fn all_but_the_signature_is_the_same_again_and_another_key_is_another_certificate() {
        let signer = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let made = || self_signed(&signer, WHO, 1_700_000_000).expect("made");
        assert_eq!(made(), made());
        let other = SoftwareSigner::generate(Algorithm::EdDsa).expect("a key");
        let theirs = self_signed(&other, WHO, 1_700_000_000).expect("made");
        assert!(!parsed(&made()).verify(&parsed(&theirs).public_key().expect("a key")).expect("looked at"));
    }

    #[test]
    fn a_long_name_is_cut_and_a_strange_country_left_out() {
        let signer = SoftwareSigner::generate(Algorithm::Es256).expect("a key");
        let long = "\u{e4}".repeat(100);
        let der = self_signed(&signer, Subject { organization: &long, country: "Finland" }, 0).expect("made");
        let certificate = parsed(&der);
        let organization = certificate.subject_name().entries().next().expect("O");
        assert_eq!(organization.data().to_string().expect("text").chars().count(), 64);
    }
}
