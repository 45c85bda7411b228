//! `[[listeners]]`: an address, and the registry that it stands for.

use std::net::SocketAddr;

use charter_domain::AuthorityId;
use serde::Deserialize;

use super::RegistryConfig;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    pub address: SocketAddr,
    pub registry: AuthorityId,
    /// Services offered here.
    #[serde(default = "all")]
    pub services: Vec<Service>,
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
    pub fn offers(&self, service: Service) -> bool {
        self.services.contains(&service)
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
    }
    faults
}
