//! Telling others over HTTPS, and asking them: to whom a connection may be made, and one request over it.
//!
//! A URL is somebody's input. Its name is resolved once, every address is checked, and the connection is made to an
//! address that was checked: a name that answers otherwise the next time gains nothing.

pub mod address;
mod send;
pub mod target;

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
pub use charter_federation::protocol::address::Lookup;
use http::Request;
use http_body_util::Full;
use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject};
use tokio_rustls::TlsConnector;

pub use self::{send::Message, target::Target};
use crate::config::Webhooks;

/// From looking up the name to the last byte of the answer.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Why a message did not arrive, as the log of deliveries has it: a class, never an answer's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The name leads to an address that nothing may be sent to.
    AddressRefused,
    NotResolved,
    NotConnected,
    Tls,
    TimedOut,
    /// An answer of more than 64 KiB, or none that is HTTP.
    BadAnswer,
    /// Any status but 2xx; redirects are not followed.
    Status(u16),
}

impl Fault {
    pub const fn code(self) -> &'static str {
        match self {
            Self::AddressRefused => "ADDRESS_REFUSED",
            Self::NotResolved => "NOT_RESOLVED",
            Self::NotConnected => "NOT_CONNECTED",
            Self::Tls => "TLS_FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::BadAnswer => "BAD_ANSWER",
            Self::Status(300..=399) => "REDIRECTED",
            Self::Status(400..=499) => "REFUSED",
            Self::Status(_) => "FAILED",
        }
    }
    pub const fn status(self) -> u16 {
        match self {
            Self::Status(status) => status,
            _ => 0,
        }
    }
}

/// The way out.
pub struct Outbox {
    tls: TlsConnector,
    lookup: Lookup,
    /// For tests and demonstrations: loopback may be reached, by `http` too.
    allow_loopback: bool,
}

impl Outbox {
    pub fn new(settings: &Webhooks, lookup: Lookup) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots(Path::new(&settings.ca_file))?)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            lookup,
            allow_loopback: settings.allow_loopback,
        })
    }

    /// A URL that may be recorded: of the right form, and leading nowhere forbidden now. Whether it can be reached is
    /// seen when it is used.
    pub async fn admits(&self, url: &str) -> Result<Target, String> {
        let target = Target::parse(url, self.allow_loopback)?;
        match self.addresses(&target).await {
            Err(Fault::AddressRefused) => Err("must not lead to a private or special address".to_owned()),
            _ => Ok(target),
        }
    }

    /// The addresses of a target; all of them must be good, since a name with one bad address has no business here.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, Fault> {
        let found = match target.literal() {
            Some(ip) => vec![ip],
            None => tokio::time::timeout(DEADLINE, (self.lookup)(target.host.clone()))
                .await
                .map_err(|_| Fault::TimedOut)?
                .map_err(|_| Fault::NotResolved)?,
        };
        if found.is_empty() {
            return Err(Fault::NotResolved);
        }
        let good = |ip: &IpAddr| match target.tls {
            true => address::is_public(*ip) || (self.allow_loopback && address::is_loopback(*ip)),
            false => self.allow_loopback && address::is_loopback(*ip),
        };
        if found.iter().all(good) { Ok(found) } else { Err(Fault::AddressRefused) }
    }

    /// Sends a message; the HTTP status of success.
    pub async fn send(&self, target: &Target, message: &Message) -> Result<u16, Fault> {
        let (status, _) = self.exchange(target, send::post(target, message)?, DEADLINE).await?;
        if (200..300).contains(&status) { Ok(status) } else { Err(Fault::Status(status)) }
    }

    /// Asks for what is at a URL; status and body (at most 64 KiB), whatever the status. No redirect is followed.
    pub async fn get(
        &self,
        url: &str,
        accept: &'static str,
        deadline: Duration,
    ) -> Result<(u16, Bytes), Fault> {
        let target = Target::parse(url, self.allow_loopback).map_err(|_| Fault::AddressRefused)?;
        self.exchange(&target, send::get(&target, accept)?, deadline).await
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
        deadline: Duration,
    ) -> Result<(u16, Bytes), Fault> {
        let exchanged = async {
            let addresses = self.addresses(target).await?;
            send::send(&self.tls, target, &addresses, request).await
        };
        tokio::time::timeout(deadline, exchanged).await.map_err(|_| Fault::TimedOut)?
    }
}

/// The certificates that are trusted; a file that is missing trusts nobody.
fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Ok(pem) = std::fs::read(file) else {
        tracing::warn!(file = %file.display(), "the file of authorities cannot be read: nothing is reached by https");
        return Ok(store);
    };
    for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| format!("`{}`: {e}", file.display()))?;
        // Bundles of systems hold some that no client takes.
        let _ = store.add(certificate);
    }
    Ok(store)
}
