//! TLS 1.2 and 1.3: what a listener shows and asks for, and what is trusted when this server asks others.

use std::{fmt, io, sync::Arc, time::Duration};

use charter_domain::{spki::SpkiSha256, time::Clock};
use charter_federation::protocol::tls::{Tls as ToPeers, public_key};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::UnixTime,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    config::{
        PeerTls,
        listener::{ClientAuth, Tls},
    },
    peer_keys::PeerKeys,
    pem,
};

mod by_key;
pub mod life;

use self::by_key::ByKey;

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

/// The way to other registries.
pub fn to_peers(peer_tls: &PeerTls, clock: &Arc<dyn Clock>) -> Result<ToPeers, String> {
    let roots = Arc::new(trusted(peer_tls.ca())?);
    let time = Arc::new(OurTime(Arc::clone(clock)));
    Ok(ToPeers { provider: provider(), time, roots, identity: peer_tls.identity()? })
}

/// What a listener shows and asks for.
pub fn acceptor(tls: &Tls, clock: &Arc<dyn Clock>, known: &Arc<PeerKeys>) -> Result<TlsAcceptor, String> {
    let told = |e: rustls::Error| format!("`{}` and `{}`: {e}", tls.cert_file, tls.key_file);
    let (chain, key) = pem::identity(&tls.cert_file, &tls.key_file)?;
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(OurTime(Arc::clone(clock))))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(told)?;
    let builder = match tls.client_ca_file.as_deref().map(pem::roots).transpose()? {
        None if tls.client_auth == ClientAuth::Pinned => builder
            .with_client_cert_verifier(Arc::new(ByKey { known: Arc::clone(known), provider: provider() })),
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
    let mut config = builder.with_single_cert(chain, key).map_err(told)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    if tls.client_auth != ClientAuth::None {
        // A session that is resumed is not verified again: an expired certificate would live on in it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A connection after its handshake and first bytes, both within `limit`, and the public key of its client.
pub async fn open(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
) -> io::Result<(impl AsyncRead + AsyncWrite + Unpin + Send + use<>, Option<SpkiSha256>)> {
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
    trusting(trusted(ca_file)?)
}

fn trusted(ca_file: Option<&str>) -> Result<RootCertStore, String> {
    let Some(path) = ca_file else {
        let mut system = RootCertStore::empty();
        system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(system);
    };
    pem::roots(path)
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
