//! Certificates and private keys from PEM files. Errors say what to do, and are for whoever runs this server.

use std::path::Path;

use charter_domain::spki::SpkiSha256;
use charter_federation::protocol::tls::{Identity, public_key};
use charter_signing::{certificate, secret};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|e| format!("`{path}` cannot be read as certificates in PEM: {e}"))?;
    if found.is_empty() { Err(format!("`{path}` has no certificate")) } else { Ok(found) }
}

/// The key of the certificate that a file begins with, if it can be read.
pub fn key_of(cert_file: &str) -> Option<SpkiSha256> {
    certificates(cert_file).ok()?.first().and_then(public_key)
}

/// When the first of the certificates in a file ends, in seconds since 1970; none where that cannot be read.
pub fn ends(cert_file: &str) -> Option<i64> {
    let found = certificates(cert_file).ok()?;
    found.iter().map(|one| certificate::ends(one)).collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Authorities that are believed.
pub fn roots(path: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|e| format!("`{path}` has a certificate that is no authority: {e}"))?;
    }
    Ok(roots)
}

/// A certificate with its private key, which nobody but its owner may be able to read.
pub fn identity(cert_file: &str, key_file: &str) -> Result<Identity, String> {
    let path = Path::new(key_file);
    let found = std::fs::metadata(path).map_err(|e| format!("`{key_file}` cannot be read: {e}"))?;
    secret::guarded(&found).map_err(|why| format!("`{key_file}` {why}"))?;
    let key = PrivateKeyDer::from_pem_file(path)
        .map_err(|e| format!("`{key_file}` cannot be read as a private key in PEM: {e}"))?;
    Ok((certificates(cert_file)?, key))
}
