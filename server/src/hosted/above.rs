//! What stands above a registry now: the superiors of its configuration, and what its staff recorded since.

use charter_domain::HttpsId;
use charter_federation::PeerEndpoint;
use charter_store::superior::RecordedSuperior;

use crate::config::RegistryConfig;

#[derive(Debug)]
pub struct Above {
    /// `authority_hints` (OpenID Federation 1.0, 3.1.2); none: this is an anchor.
    pub hints: Vec<HttpsId>,
    /// Where the way up is fetched.
    pub endpoint: Option<PeerEndpoint>,
    /// Superiors that were left: the endpoint that is configured may be theirs.
    left: Vec<HttpsId>,
}

impl Above {
    /// What was recorded counts before what is configured.
    pub fn of(config: &RegistryConfig, recorded: &[RecordedSuperior]) -> Self {
        let left = recorded.iter().filter(|r| r.joined().is_none());
        let left: Vec<HttpsId> = left.map(|r| r.entity_identifier().clone()).collect();
        let mut hints: Vec<HttpsId> =
            config.superiors.iter().filter(|id| !left.contains(id)).cloned().collect();
        let configured = config.superior_endpoint.as_ref();
        let configured = configured.filter(|_| config.superiors.is_empty() || !hints.is_empty());
        let configured = configured
            .map(|url| PeerEndpoint { url: url.clone(), pins: config.superior_tls_spki_sha256.clone() });
        let mut joined = None;
        for superior in recorded.iter().filter_map(RecordedSuperior::joined) {
            if !hints.contains(&superior.entity_identifier) {
                hints.push(superior.entity_identifier.clone());
            }
            let pins = superior.tls_spki_sha256.clone();
            joined = Some(PeerEndpoint { url: superior.endpoint.clone(), pins });
        }
        Self { hints, endpoint: joined.or(configured), left }
    }

    pub fn was_left(&self, superior: &HttpsId) -> bool {
        self.left.contains(superior)
    }
}
