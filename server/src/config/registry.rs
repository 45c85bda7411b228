//! `[[registries]]`: what is served here, and under which names.

use std::path::PathBuf;

use charter_domain::{AuthorityId, HttpsId, SpkiPins, Timestamp};
use charter_federation::protocol::native::{is_loopback, sites::MAX_SITES};
use serde::Deserialize;

use super::{
    ebsi::EbsiParent,
    emergency::RegistryEmergency,
    log::{RegistryLog, RegistryWitness},
};

/// Thirty days, in seconds.
const MAX_HOLD_DOWN: u64 = 30 * 86_400;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    pub authority_id: AuthorityId,
    /// Default: the https form of a `did:web`.
    pub entity_identifier: Option<HttpsId>,
    pub slug: String,
    pub name: String,
    pub jurisdiction: String,
    /// The registry's main language (BCP 47): which name `legalName` is.
    #[serde(default = "english")]
    pub language: String,
    /// Base URL of TRQP and gRPC, as others reach it; never derived from the id.
    pub public_url: String,
    /// The same at other sites, in the order in which they are tried; announced in the configuration.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Where the superior answers gRPC: its statement about this registry completes chains up to the anchor.
    #[serde(default)]
    pub superior_endpoint: Option<String>,
    /// The same at its other sites; those that its configuration names are learned besides.
    #[serde(default)]
    pub superior_sites: Vec<String>,
    /// Keys by which the superior is known in TLS there; none: its certificate is checked by who issued it.
    #[serde(default)]
    pub superior_tls_spki_sha256: SpkiPins,
    /// Keys by which this registry is known in TLS, announced in its configuration; while they rotate, both.
    #[serde(default)]
    pub tls_spki_sha256: SpkiPins,
    /// OpenID Federation ids of the superiors; none: this is an anchor.
    #[serde(default)]
    pub superiors: Vec<HttpsId>,
    /// How long ahead a key is announced where there are superiors, so that they can state it before it signs.
    #[serde(default = "a_day")]
    pub key_hold_down_secs: u64,
    #[serde(default)]
    pub governance_framework: Option<String>,
    /// Questions about earlier instants are refused.
    #[serde(default = "epoch_of_history")]
    pub history_since: Timestamp,
    /// Witnesses and mirrors of the registry's transparency log; none: the log's own signature is enough.
    #[serde(default)]
    pub log: RegistryLog,
    /// Logs of others that this registry cosigns.
    #[serde(default)]
    pub witness: RegistryWitness,
    /// The anchor set that is published here.
    #[serde(default)]
    pub anchors: RegistryAnchors,
    /// Roots of EBSI, questions to which are answered here.
    #[serde(default)]
    pub ebsi_parents: Vec<EbsiParent>,
    /// Denials by security officers while nothing else works.
    #[serde(default)]
    pub emergency: RegistryEmergency,
}

/// `anchors` of a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryAnchors {
    /// The folder with `1.json`, `2.json` and so on; without one the registry's own keys are served.
    #[serde(default)]
    pub dir: Option<PathBuf>,
}

fn english() -> String {
    "en".to_owned()
}

fn a_day() -> u64 {
    86_400
}

fn epoch_of_history() -> Timestamp {
    Timestamp::from_secs(946_684_800) // 2000-01-01
}

impl RegistryConfig {
    pub fn https_id(&self) -> Option<HttpsId> {
        self.entity_identifier.clone().or_else(|| self.authority_id.https())
    }
}

/// What keeps the superior from being asked, where it is to be.
fn superior(registry: &RegistryConfig) -> Option<&'static str> {
    let pinned = !registry.superior_tls_spki_sha256.is_empty();
    let Some(endpoint) = &registry.superior_endpoint else {
        let sites = !registry.superior_sites.is_empty();
        return (pinned || sites).then_some(
            "superior_tls_spki_sha256 and superior_sites are of no use without superior_endpoint",
        );
    };
    let asked = |url: &String| match url.parse::<http::Uri>() {
        Ok(uri) => uri.scheme_str() == Some("https") || is_loopback(&uri) && !pinned,
        Err(_) => false,
    };
    if !asked(endpoint) {
        return Some(
            "superior_endpoint must begin with https://, or be http on loopback without pinned keys",
        );
    }
    let sites = &registry.superior_sites;
    (sites.len() > MAX_SITES || !sites.iter().all(asked))
        .then_some("superior_sites must be at most 4 URLs, each as superior_endpoint must be")
}

/// What is wrong with the other sites of a registry.
fn sites(registry: &RegistryConfig) -> Option<&'static str> {
    let is_url = |url: &String| {
        let http = url.starts_with("http://") || url.starts_with("https://");
        http && url.parse::<http::Uri>().is_ok()
    };
    let list = &registry.sites;
    let twice = |(n, url): (usize, &String)| *url == registry.public_url || list[..n].contains(url);
    if list.len() > MAX_SITES || !list.iter().all(is_url) {
        return Some("sites must be at most 4 URLs that begin with http:// or https://");
    }
    list.iter().enumerate().any(twice).then_some("sites must name each URL once, and public_url not at all")
}

pub(super) fn faults(list: &[RegistryConfig]) -> Vec<String> {
    let mut faults = Vec::new();
    for (i, r) in list.iter().enumerate() {
        let name = &r.authority_id;
        let slug = |s: &str| {
            (1..=64).contains(&s.len())
                && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !slug(&r.slug) {
            faults.push(format!(
                "registry `{name}`: slug `{}` must be lower-case letters, digits and `-`",
                r.slug
            ));
        }
        if r.https_id().is_none() {
            faults
                .push(format!("registry `{name}`: entity_identifier is needed, since the id is no did:web"));
        }
        if !(r.public_url.starts_with("http://") || r.public_url.starts_with("https://")) {
            faults.push(format!("registry `{name}`: public_url must begin with http:// or https://"));
        }
        faults.extend(sites(r).map(|why| format!("registry `{name}`: {why}")));
        faults.extend(superior(r).map(|why| format!("registry `{name}`: {why}")));
        if r.key_hold_down_secs > MAX_HOLD_DOWN {
            faults.push(format!("registry `{name}`: key_hold_down_secs must be at most {MAX_HOLD_DOWN}"));
        }
        if list[..i].iter().any(|o| o.authority_id == r.authority_id || o.slug == r.slug) {
            faults.push(format!("registry `{name}`: authority_id and slug must be unique"));
        }
    }
    faults
}
