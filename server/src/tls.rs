//! TLS 1.2 and 1.3: what a listener shows and asks for, and what is trusted when this server asks others.

use std::{fmt, io, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use charter_domain::time::Clock;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::config::listener::{ClientAuth, Tls};

/// Both doors are behind each listener.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// The preface of HTTP/2 (RFC 9113, 3.4), and how much of it tells that it is none.
const PREFACE: usize = 24;
const BEGINS: &[u8] = b"PRI ";

/// Certificates end by our clock.
struct OurTime(Arc<dyn Clock>);

impl fmt::Debug for OurTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OurTime")
    }
}

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.0.now().secs()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(secs)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What the files of a listener hold.
pub struct Files {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<RootCertStore>,
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|e| format!("`{path}` cannot be read as certificates in PEM: {e}"))?;
    if found.is_empty() { Err(format!("`{path}` has no certificate")) } else { Ok(found) }
}

fn roots(path: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|e| format!("`{path}` has a certificate that is no authority: {e}"))?;
    }
    Ok(roots)
}

/// Reads them; the error says what to do and is for whoever runs this server.
pub fn files(tls: &Tls) -> Result<Files, String> {
    let path = Path::new(&tls.key_file);
    let found = std::fs::metadata(path).map_err(|e| format!("`{}` cannot be read: {e}", tls.key_file))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("`{}` has mode {mode:o}; make it 600", tls.key_file));
    }
    let key = PrivateKeyDer::from_pem_file(path)
        .map_err(|e| format!("`{}` cannot be read as a private key in PEM: {e}", tls.key_file))?;
    let clients = tls.client_ca_file.as_deref().map(roots).transpose()?;
    Ok(Files { chain: certificates(&tls.cert_file)?, key, clients })
}

/// What a listener shows and asks for.
pub fn acceptor(tls: &Tls, clock: &Arc<dyn Clock>) -> Result<TlsAcceptor, String> {
    let told = |e: rustls::Error| format!("`{}` and `{}`: {e}", tls.cert_file, tls.key_file);
    let files = files(tls)?;
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(OurTime(Arc::clone(clock))))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(told)?;
    let builder = match files.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider());
            let verifier = match tls.client_auth {
                ClientAuth::Required => verifier,
                _ => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| e.to_string())?)
        }
    };
    let mut config = builder.with_single_cert(files.chain, files.key).map_err(told)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    if tls.client_auth != ClientAuth::None {
        // A session that is resumed is not verified again: an expired certificate would live on in it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// SHA-256 of the SubjectPublicKeyInfo (RFC 7469, 2.4): a certificate that is renewed for a key stays the same.
pub fn public_key(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Sha256::digest(parsed.subject_public_key_info()).into())
}

/// A connection after its handshake and first bytes, both within `limit`, and the public key of its client.
pub async fn open(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
) -> io::Result<(impl AsyncRead + AsyncWrite + Unpin + Send + use<>, Option<[u8; 32]>)> {
    let opening = async {
        let mut stream = acceptor.accept(stream).await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first).and_then(public_key);
        let start = start(&mut stream).await?;
        let (rest, write) = tokio::io::split(stream);
        Ok((tokio::io::join(io::Cursor::new(start).chain(rest), write), shown))
    };
    tokio::time::timeout(limit, opening).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// hyper-util's protocol detection has no time limit of its own: what it needs is read before.
async fn start(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(PREFACE);
    while !tells(&start) {
        let mut more = [0; PREFACE];
        let read = stream.read(&mut more[..PREFACE - start.len()]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        start.extend_from_slice(&more[..read]);
    }
    Ok(start)
}

/// Whether the first bytes tell HTTP/1.1 from HTTP/2.
pub fn tells(start: &[u8]) -> bool {
    start.len() >= BEGINS.len() && (!start.starts_with(BEGINS) || start.len() >= PREFACE)
}

/// For asking others: trusts the authorities in a file, or those of this system.
pub fn client(ca_file: Option<&str>) -> Result<ClientConfig, String> {
    let roots = match ca_file {
        Some(path) => roots(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    trusting(roots)
}

/// Trusts these authorities and no others.
pub fn trusting(roots: RootCertStore) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_tell_unless_they_begin_the_preface_of_http_2() {
        for enough in ["GET ", "POST /a", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            assert!(tells(enough.as_bytes()), "{enough}");
        }
        for short in ["", "GET", "PRI ", "PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
            assert!(!tells(short.as_bytes()), "{short}");
        }
    }
}
