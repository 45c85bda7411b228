//! `[dids]`: whose DID documents are fetched, from where, and how those of entities are held to.

use serde::Deserialize;

use crate::outbox::Target;

/// How often documents are looked at again at most: each is one request to somebody's site.
const LEAST_WATCH: u64 = 60;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dids {
    pub resolve: Fetching,
    pub ebsi_registry: String,
    pub check: Checking,
    pub watch_every_secs: u64,
    pub ca_file: String,
    pub allow_loopback: bool,
}

/// What is fetched on behalf of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetching {
    /// Nothing: what is recorded here, and what a DID says itself.
    Off,
    /// Documents of entities that the asked registry has registered.
    Known,
    Any,
}

/// What the DIDs of an entity must be when it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checking {
    Off,
    /// They are looked at, and what does not hold is counted.
    Warn,
    /// Each resolves, and has a key that signatures can be checked with.
    Require,
}

impl Dids {
    /// Base URL of the EBSI registry, without a slash at its end.
    pub fn ebsi(&self) -> Option<String> {
        Some(self.ebsi_registry.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty())
    }
}

pub(super) fn faults(settings: &Dids) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(url) = settings.ebsi() {
        let query = url.contains('?').then(|| "must have no query".to_owned());
        let fault = query.or_else(|| Target::parse(&url, settings.allow_loopback).err());
        faults.extend(fault.map(|why| format!("dids.ebsi_registry `{url}` {why}")));
    }
    if (1..LEAST_WATCH).contains(&settings.watch_every_secs) {
        faults.push(format!("dids.watch_every_secs must be 0 (never) or at least {LEAST_WATCH}"));
    }
    faults
}
