//! A certificate authority of a test: it certifies a server on loopback and clients.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use charter_server::peer_keys::PeerKeys;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

pub struct Pki {
    /// `ca.pem`, `server.pem`, `server.key`, and a pair for each client.
    pub dir: TempDir,
    ca: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// A certificate with its key.
pub struct Pair {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Pair {
    /// Of its public key, as it is bound.
    pub fn sha256(&self) -> String {
        let info = self.key.subject_public_key_info();
        Sha256::digest(info).iter().map(|b| format!("{b:02x}")).collect()
    }

    /// A server that shows it over HTTP/2.
    fn acceptor(&self) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let mut config = builder.with_single_cert(vec![self.certificate.clone()], key).expect("a pair");
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A server that speaks TLS and hands everything on.
pub struct Switch {
    address: SocketAddr,
    acceptor: watch::Sender<TlsAcceptor>,
    met: Arc<AtomicUsize>,
}

impl Switch {
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Connections that it has taken.
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Shows another certificate from now on; connections of before are over.
    pub fn shows(&self, pair: &Pair) {
        self.acceptor.send_replace(pair.acceptor());
    }
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Another than those that it signs: OpenSSL takes one that is issued by its own name for self-signed.
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let root = params.self_signed(&key).expect("signed");
        private(&dir.path().join("ca.pem"), &root.pem());
        let pki = Self { dir, ca: Issuer::new(params, key), root: root.der().clone() };
        pki.server("server");
        pki
    }

    /// Of a server on loopback.
    pub fn server(&self, name: &str) -> Pair {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        self.pair(name, &CertificateParams::new(names).expect("names"))
    }

    fn pair(&self, name: &str, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.ca).expect("signed");
        private(&self.dir.path().join(format!("{name}.pem")), &certificate.pem());
        private(&self.dir.path().join(format!("{name}.key")), &key.serialize_pem());
        Pair { certificate: certificate.der().clone(), key }
    }

    /// Valid from the first day of one year to that of another.
    pub fn client(&self, name: &str, from: i32, until: i32) -> Pair {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).expect("a name");
        params.not_before = date_time_ymd(from.max(1_970), 1, 1);
        params.not_after = date_time_ymd(until.max(1_971), 1, 1);
        self.pair(name, &params)
    }

    fn config(&self, pair: Option<&Pair>, protocol: &str) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = builder.with_root_certificates(roots);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::Pkcs8(pair.key.serialize_der().into());
                builder.with_client_auth_cert(vec![pair.certificate.clone()], key).expect("a pair")
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config
    }

    /// What a listener with the server's certificate shows.
    pub fn acceptor(&self) -> TlsAcceptor {
        let tls = charter_server::config::listener::Tls {
            cert_file: self.file("server.pem"),
            key_file: self.file("server.key"),
            client_ca_file: None,
            client_auth: charter_server::config::listener::ClientAuth::None,
        };
        let clock: Arc<dyn charter_domain::time::Clock> = Arc::new(charter_server::clock::WallClock);
        charter_server::tls::acceptor(&tls, &clock, &Arc::new(PeerKeys::new(false))).expect("good files")
    }

    /// The address of a server that speaks TLS and hands everything on.
    pub async fn tunnel(&self, to: SocketAddr) -> SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let (address, acceptor) = (socket.local_addr().expect("an address"), self.acceptor());
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await.ok()?;
                    let mut inside = TcpStream::connect(to).await.ok()?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
                });
            }
        });
        address
    }

    /// The same with a certificate that can be changed meanwhile.
    pub async fn switch(&self, to: SocketAddr, pair: &Pair) -> Switch {
        self.switch_at(SocketAddr::from(([127, 0, 0, 1], 0)), to, pair).await
    }

    /// The same at an address of this machine.
    pub async fn switch_at(&self, at: SocketAddr, to: SocketAddr, pair: &Pair) -> Switch {
        let socket = TcpListener::bind(at).await.expect("a socket");
        let met = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&met);
        let address = socket.local_addr().expect("an address");
        let (acceptor, current) = watch::channel(pair.acceptor());
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut current = current.clone();
                tokio::spawn(async move {
                    let acceptor = current.borrow_and_update().clone();
                    let carried = async {
                        let mut outside = acceptor.accept(stream).await.ok()?;
                        let mut inside = TcpStream::connect(to).await.ok()?;
                        tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
                    };
                    tokio::select! {
                        _ = carried => {}
                        _ = current.changed() => {}
                    }
                });
            }
        });
        Switch { address, acceptor, met }
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub async fn connect(
        &self,
        to: SocketAddr,
        pair: Option<&Pair>,
        protocol: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.config(pair, protocol)));
        let name = ServerName::from(to.ip());
        connector.connect(name, TcpStream::connect(to).await?).await
    }

    /// gRPC over TLS; connects when it is first used.
    pub fn channel(&self, to: SocketAddr, pair: Option<&Pair>) -> Channel {
        let connector = TlsConnector::from(Arc::new(self.config(pair, "h2")));
        let connect = tower::service_fn(move |_: Uri| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(to).await?;
                connector.connect(ServerName::from(to.ip()), stream).await.map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_shared(format!("http://{to}")).expect("a URL");
        endpoint.connect_with_connector_lazy(connect)
    }
}
