//! `emergency` of a registry: who may deny when nothing else works, where denials are kept, and who else is told.

use std::path::PathBuf;

use charter_federation::protocol::native::is_loopback;
use charter_signing::MAX_KEYS;
use serde::Deserialize;

use super::RegistryConfig;

/// Most other servers of the same registry.
const MAX_NODES: usize = 16;

/// `emergency` of a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryEmergency {
    /// Public keys of the security officers, none or 2 to 8: files with a JWK each, as `charterd emergency key` makes
    /// them.
    #[serde(default)]
    pub officers: Vec<PathBuf>,
    /// The folder in which denials are found and kept.
    #[serde(default)]
    pub dir: Option<PathBuf>,
    /// Base URLs of the other servers of the registry: what one takes it passes on to them.
    #[serde(default)]
    pub nodes: Vec<String>,
}

pub(super) fn faults(list: &[RegistryConfig]) -> Vec<String> {
    let named = |r: &RegistryConfig| {
        let name = r.authority_id.clone();
        faults_of(&r.emergency).map(move |why| format!("registry `{name}`: emergency.{why}"))
    };
    list.iter().filter_map(named).collect()
}

fn faults_of(own: &RegistryEmergency) -> Option<String> {
    if own.officers.len() == 1 || own.officers.len() > MAX_KEYS {
        return Some(format!("officers must name none or 2 to {MAX_KEYS} public keys"));
    }
    if !own.officers.is_empty() && own.dir.is_none() {
        return Some("dir is needed where there are officers: a denial must outlive a restart".to_owned());
    }
    if own.nodes.len() > MAX_NODES {
        return Some(format!("nodes must name at most {MAX_NODES} servers"));
    }
    let good = |url: &String| match url.parse::<http::Uri>() {
        Ok(uri) => uri.scheme_str() == Some("https") || is_loopback(&uri),
        Err(_) => false,
    };
    let bad = own.nodes.iter().find(|url| !good(url))?;
    Some(format!("nodes: `{bad}` must begin with https://, or be http on loopback"))
}
