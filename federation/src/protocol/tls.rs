//! TLS towards peers: the certificate that is shown, and whose is believed.
//!
//! Where keys of a peer are pinned, its key decides and nothing else of its certificate does: as with DANE-EE (RFC 7671,
//! 5.1) names, dates and issuers are not looked at, since the statement that pins the key has its own validity and is
//! withdrawn without any authority's help. Where none is pinned, the certificate must be of a trusted authority, for the
//! name that was asked, and valid now.

use std::{error::Error, io, sync::Arc};

use charter_domain::{SpkiPins, spki::SpkiSha256};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::ParsedCertificate,
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Uri;

use super::{
    address::{self, Lookup},
    held,
};

/// What the gRPC of peers is spoken in.
const HTTP2: &[u8] = b"h2";
const HTTPS_PORT: u16 = 443;

/// A certificate, those between it and its authority, and its private key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// How this process meets its peers.
pub struct Tls {
    pub provider: Arc<CryptoProvider>,
    /// By which certificates of trusted authorities end.
    pub time: Arc<dyn TimeProvider>,
    /// Trusted where no key is pinned.
    pub roots: Arc<RootCertStore>,
    /// Shown to whoever asks for one.
    pub identity: Option<Identity>,
}

impl Tls {
    /// For a peer that is known by these keys, or by a trusted authority where there are none.
    pub fn config(&self, pins: &SpkiPins) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time))
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = if pins.is_empty() {
            builder.with_root_certificates(Arc::clone(&self.roots))
        } else {
            let pinned = Pinned { pins: pins.clone(), provider: Arc::clone(&self.provider) };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
        };
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(config)
    }
}

/// Of a certificate's SubjectPublicKeyInfo (RFC 7469, 2.4): one that is renewed for its key keeps it.
pub fn public_key(certificate: &CertificateDer<'_>) -> Option<SpkiSha256> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let hash: [u8; 32] = Sha256::digest(parsed.subject_public_key_info()).into();
    Some(hash.into())
}

/// Another key than those that are pinned.
#[derive(Debug, thiserror::Error)]
#[error("its TLS key {} is none of those pinned for it", .0.map_or_else(|| "(unreadable)".to_owned(), |k| k.to_string()))]
struct NotPinned(Option<SpkiSha256>);

/// Believes keys.
#[derive(Debug)]
struct Pinned {
    pins: SpkiPins,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = public_key(end_entity);
        if shown.is_some_and(|key| self.pins.contains(&key)) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotPinned(shown)))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Connects to where the name leads, and finishes the handshake.
pub(super) async fn dial(
    config: Arc<ClientConfig>,
    lookup: Lookup,
    uri: Uri,
) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
    let unnamed = |_| io::Error::new(io::ErrorKind::InvalidInput, "the address names no host");
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone()).map_err(unnamed)?;
    let addresses = address::of(&lookup, &host, uri.port_u16().unwrap_or(HTTPS_PORT)).await?;
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(config).connect(name, stream).await.map(TokioIo::new)
}

/// What TLS did not like of the peer, or the peer of us, where that is why something failed.
pub(super) fn fault(error: &(dyn Error + 'static)) -> Option<String> {
    held(error).map(text)
}

fn text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.to_string(),
        rustls::Error::AlertReceived(alert) => format!("it refused our connection: {alert:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tonic` wraps what a connector fails with; the peer's fault must be found in there.
    #[test]
    fn a_fault_of_tls_is_found_below_other_errors() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let not_pinned = CertificateError::Other(OtherError(Arc::new(NotPinned(Some([7u8; 32].into())))));
        let found = fault(&Outer(io::Error::other(rustls::Error::from(not_pinned)))).expect("a fault");
        assert!(found.contains(&"07".repeat(32)), "{found}");
        assert_eq!(fault(&Outer(io::ErrorKind::ConnectionRefused.into())), None);
    }
}
