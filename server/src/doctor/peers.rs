//! That the servers of others take connections, and are who they should be in TLS. Without them answers go on: chains are not
//! renewed, nothing is published, and what is kept of subordinates is soon no longer fresh.

use std::{sync::Arc, time::Duration};

use charter_domain::{Delegation, SpkiPins, time::Clock};
use charter_federation::protocol::tls::Tls;
use charter_store::Store;
use futures::{StreamExt as _, stream};
use http::Uri;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::Finding;
use crate::{Config, clock::WallClock, config::RegistryConfig, tls};

/// In which another server takes a connection, and shows its certificate.
const PATIENCE: Duration = Duration::from_secs(2);
/// Asked at the same time.
const AT_ONCE: usize = 8;
/// Subordinates that are asked.
const MOST: usize = 64;

/// A server and how it is known: by keys, or by who issued its certificate.
struct Other {
    url: String,
    tls: Result<ClientConfig, String>,
}

/// Superiors, witnesses and mirrors.
pub async fn above(config: &Config) -> Vec<Finding> {
    let ours = to_peers(config);
    let others = config.registries.iter().flat_map(|registry| {
        let superiors = registry.superior_endpoint.iter().chain(&registry.superior_sites);
        let superiors = superiors.map(|url| peer(&ours, url, &registry.superior_tls_spki_sha256));
        superiors.chain(of_log(registry)).collect::<Vec<_>>()
    });
    look("peer", others.collect()).await
}

/// These are known by who issued their certificates.
fn of_log(registry: &RegistryConfig) -> impl Iterator<Item = Other> {
    let witnesses = registry.log.witnesses.iter().map(|witness| &witness.url);
    let urls = witnesses.chain(registry.log.mirrors.iter().map(|mirror| &mirror.url));
    urls.map(|url| Other { url: url.clone(), tls: tls::client(None) })
}

/// Subordinates, as the delegations to them say that stand now.
pub async fn below(store: &Store, config: &Config) -> Vec<Finding> {
    let (ours, now) = (to_peers(config), WallClock.now());
    let Ok(registries) = store.registries().await else { return Vec::new() };
    let mut others = Vec::new();
    for registry in registries {
        if config.registries.iter().all(|served| served.authority_id != registry.authority) {
            continue;
        }
        let delegations = store.delegations(registry.id).await.unwrap_or_default();
        let standing = |d: &&Delegation| d.standing(now).is_ok() && !d.endpoint.is_empty();
        others.extend(
            delegations.iter().filter(standing).map(|d| peer(&ours, &d.endpoint, &d.tls_spki_sha256)),
        );
    }
    others.truncate(MOST);
    look("subordinate", others).await
}

fn to_peers(config: &Config) -> Result<Tls, String> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    tls::to_peers(&config.peer_tls, &clock)
}

fn peer(ours: &Result<Tls, String>, url: &str, pins: &SpkiPins) -> Other {
    let tls = ours.as_ref().map_err(Clone::clone).and_then(|tls| tls.config(pins).map_err(|e| e.to_string()));
    Other { url: url.to_owned(), tls }
}

async fn look(check: &'static str, others: Vec<Other>) -> Vec<Finding> {
    let asked = others.into_iter().map(|other| async move {
        let went = timeout(PATIENCE, reach(&other)).await;
        let went = went.unwrap_or_else(|_| Err("does not answer within 2 s".to_owned()));
        Finding::new(check, None, went.err().map(|why| format!("{}: {why}", other.url)))
    });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn reach(other: &Other) -> Result<(), String> {
    let uri: Uri = other.url.parse().map_err(|_| "no URL".to_owned())?;
    let host = uri.host().ok_or("no host")?.trim_matches(['[', ']']).to_owned();
    let plain = uri.scheme_str() == Some("http");
    let port = uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
    let connection = TcpStream::connect((host.as_str(), port)).await.map_err(|e| e.to_string())?;
    if plain {
        return Ok(());
    }
    let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
    let connector = TlsConnector::from(Arc::new(other.tls.clone()?));
    match connector.connect(name, connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("its TLS connection cannot be trusted: {error}")),
    }
}
