//! `[peer_tls]`: how this process meets other registries over TLS.

use serde::Deserialize;

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
}

pub(super) fn faults(peer_tls: &PeerTls) -> Vec<String> {
    let halves = [&peer_tls.cert_file, &peer_tls.key_file].map(|file| file.is_empty());
    if halves[0] != halves[1] {
        return vec![
            "peer_tls.cert_file and peer_tls.key_file belong together: name both or none".to_owned(),
        ];
    }
    let found = crate::tls::look_at_peers(peer_tls).err();
    found.map(|text| format!("peer_tls: {text}")).into_iter().collect()
}
