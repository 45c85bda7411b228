//! `[[listeners]]`: an address, and the registry that it stands for.

use std::net::SocketAddr;

use charter_domain::AuthorityId;
use serde::Deserialize;

use super::RegistryConfig;
use crate::pem;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    pub address: SocketAddr,
    pub registry: AuthorityId,
    /// Services offered here.
    #[serde(default = "all")]
    pub services: Vec<Service>,
    /// Without it the listener speaks plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Off loopback too, whoever reaches it may call what is for registries: a proxy before it knows them, or nothing of
    /// it is secret.
    #[serde(default)]
    pub open_peers: bool,
}

/// PEM files of a listener with TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those between it and its authority.
    pub cert_file: String,
    /// Its private key (mode 0600).
    pub key_file: String,
    /// Authorities of client certificates.
    #[serde(default)]
    pub client_ca_file: Option<String>,
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// Whether clients are asked for a certificate. One that is shown must be of an authority in `client_ca_file`; with
/// `pinned`, one must be shown, whoever issued it, with a key that a delegation, a recognition or the way up lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    #[default]
    None,
    Optional,
    Required,
    Pinned,
}

/// Groups of services, so that management can be kept on the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// TRQP, the issuer check, reads.
    Public,
    /// Federation.
    Peer,
    /// Loading, metrics.
    Staff,
}

fn all() -> Vec<Service> {
    vec![Service::Public, Service::Peer, Service::Staff]
}

impl Listener {
    pub fn client_auth(&self) -> ClientAuth {
        self.tls.as_ref().map_or(ClientAuth::None, |tls| tls.client_auth)
    }

    pub fn offers(&self, service: Service) -> bool {
        self.services.contains(&service)
    }

    /// Registries are known by their keys, unless nobody but this machine reaches it. (A certificate of an authority says
    /// who issued it; which registries there are, delegations and recognitions say.)
    fn open_fault(&self) -> Option<&'static str> {
        let open = self.offers(Service::Peer) && self.client_auth() != ClientAuth::Pinned;
        (open && !self.address.ip().to_canonical().is_loopback() && !self.open_peers).then_some(
            "service `peer` off loopback needs tls with client_auth = \"pinned\"; leave `peer` out of `services`, or \
             set open_peers = true where a proxy before it knows registries, or all may call what is for them",
        )
    }
}

impl Tls {
    fn fault(&self) -> Option<String> {
        match (self.client_auth, &self.client_ca_file) {
            (ClientAuth::None | ClientAuth::Pinned, Some(_)) => {
                Some("client_ca_file is of no use: set client_auth to `optional` or `required`".to_owned())
            }
            (ClientAuth::Optional | ClientAuth::Required, None) => Some(
                "client_auth needs client_ca_file: name the authorities of client certificates".to_owned(),
            ),
            (_, authorities) => {
                let pair = pem::identity(&self.cert_file, &self.key_file).err();
                pair.or_else(|| pem::roots(authorities.as_deref()?).err())
            }
        }
    }
}

pub(super) fn faults(list: &[Listener], registries: &[RegistryConfig]) -> Vec<String> {
    let mut faults = Vec::new();
    for (i, l) in list.iter().enumerate() {
        if !registries.iter().any(|r| r.authority_id == l.registry) {
            faults.push(format!("listener {}: registry `{}` is not served here", l.address, l.registry));
        }
        if l.address.port() != 0 && list[..i].iter().any(|o| o.address == l.address) {
            faults.push(format!("listener {}: the address is used twice", l.address));
        }
        faults.extend(l.open_fault().map(|text| format!("listener {}: {text}", l.address)));
        let fault = l.tls.as_ref().and_then(Tls::fault);
        faults.extend(fault.map(|text| format!("listener {}: tls {text}", l.address)));
    }
    faults
}
