//! `[peer_tls]`: how this process meets other registries over TLS.

use charter_federation::protocol::tls::Identity;
use serde::Deserialize;

use super::{Listener, RegistryConfig, listener::Service};
use crate::pem;

/// PEM files; an empty name is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerTls {
    /// Shown to registries that ask for a certificate, with those between it and its authority.
    pub cert_file: String,
    /// Its private key (mode 0600).
    pub key_file: String,
    /// Authorities that are believed where no key is pinned.
    pub ca_file: String,
}

impl PeerTls {
    pub(crate) fn ca(&self) -> Option<&str> {
        Some(self.ca_file.as_str()).filter(|file| !file.is_empty())
    }

    /// What is shown, where anything is.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, String> {
        let named = !self.cert_file.is_empty();
        named.then(|| pem::identity(&self.cert_file, &self.key_file)).transpose()
    }
}

pub(super) fn faults(peer_tls: &PeerTls) -> Vec<String> {
    let halves = [&peer_tls.cert_file, &peer_tls.key_file].map(String::is_empty);
    if halves[0] != halves[1] {
        return vec![
            "peer_tls.cert_file and peer_tls.key_file belong together: name both or none".to_owned(),
        ];
    }
    let own = peer_tls.identity().err();
    let found = own.or_else(|| pem::roots(peer_tls.ca()?).err());
    found.map(|text| format!("peer_tls: {text}")).into_iter().collect()
}

/// What a registry announces must be what it shows: superiors list what is announced, and believe nothing else.
pub(super) fn announced(
    peer_tls: &PeerTls,
    listeners: &[Listener],
    registries: &[RegistryConfig],
) -> Vec<String> {
    let mut faults = Vec::new();
    for registry in registries.iter().filter(|r| !r.tls_spki_sha256.is_empty()) {
        let own = listeners.iter().filter(|l| l.registry == registry.authority_id && l.offers(Service::Peer));
        let shown = own.filter_map(|l| l.tls.as_ref()).map(|tls| tls.cert_file.as_str());
        let files = shown.chain(Some(peer_tls.cert_file.as_str()).filter(|file| !file.is_empty()));
        // A file that cannot be read is a fault already.
        for (file, key) in files.filter_map(|file| Some((file, pem::key_of(file)?))) {
            if !registry.tls_spki_sha256.contains(&key) {
                faults.push(format!(
                    "registry `{}`: tls_spki_sha256 lacks `{key}`, the key of `{file}`",
                    registry.authority_id
                ));
            }
        }
    }
    faults
}
